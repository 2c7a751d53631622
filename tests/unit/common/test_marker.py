"""Markers of the doctor: only one's own are removed, and nobody waits without end."""

import os
import stat
import time
from pathlib import Path

import pytest

from scaleplex.common import marker

MINE, OTHERS, OLD = (f"marker-{digit * 32}" for digit in "abc")


def test_a_doctor_leaves_the_markers_of_another_until_they_are_stale(tmp_path: Path) -> None:
    marker.write(str(tmp_path), OTHERS)
    marker.write(str(tmp_path), OLD)
    directory = tmp_path / marker.DIRECTORY
    (directory / "no-marker").touch()
    long_ago = time.time() - marker.STALE_SECONDS - 1
    os.utime(directory / OLD, (long_ago, long_ago))
    os.utime(directory / "no-marker", (long_ago, long_ago))
    marker.write(str(tmp_path), MINE)
    assert sorted(path.name for path in directory.iterdir()) == [MINE, OTHERS, "no-marker"]
    assert stat.S_IMODE((directory / MINE).stat().st_mode) & ~0o644 == 0
    assert marker.remove(str(tmp_path), MINE) == {"removed": True}
    assert sorted(path.name for path in directory.iterdir()) == [OTHERS, "no-marker"]


class Clock:
    """Time that passes by sleeping only, and not without end."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        assert self.now < 1100.0, "it waits and waits"


@pytest.mark.parametrize(("asked_ms", "waited_ms"), [(-5, 0), (0, 0), (1000, 1000), (10**9, marker.WAIT_MS_MAX)])
def test_looking_for_a_marker_ends_whatever_the_caller_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked_ms: int, waited_ms: int
) -> None:
    monkeypatch.setattr(marker, "time", Clock())
    found = marker.look(str(tmp_path), MINE, asked_ms)
    assert found["seen"] is False
    assert waited_ms <= int(str(found["after_ms"])) <= waited_ms + 1000 * marker.PAUSE_SECONDS + 1
