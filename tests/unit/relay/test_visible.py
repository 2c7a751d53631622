"""Waiting for files that others write."""

import errno
import os
from pathlib import Path

import pytest

from scaleplex.relay import visible


class Clock:
    """A clock that sleeping moves on, and that does something at a given time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.at: dict[float, object] = {}

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for when in [w for w in self.at if w <= self.now]:
            self.at.pop(when)()  # type: ignore[operator]


def wait(
    cwd: Path, names: list[str], clock: Clock, *, may_be_empty: bool = False, limit: float = 2.0
) -> dict[str, str]:
    return visible.wait(cwd, names, limit, may_be_empty=may_be_empty, clock=clock, sleep=clock.sleep)


def test_files_that_are_there_cost_no_time(tmp_path: Path) -> None:
    (tmp_path / "media-00001.ts").write_bytes(b"x")
    clock = Clock()
    assert wait(tmp_path, ["media-00001.ts"], clock) == {}
    assert clock.now == 0.0


def test_nothing_to_wait_for_costs_no_time_even_without_the_directory(tmp_path: Path) -> None:
    clock = Clock()
    assert wait(tmp_path / "gone", [], clock) == {}
    assert clock.now == 0.0


def test_a_file_that_appears_ends_the_wait_within_a_tenth_of_a_second(tmp_path: Path) -> None:
    clock = Clock()
    clock.at[1.0] = lambda: (tmp_path / "media-00001.ts").write_bytes(b"x")
    assert wait(tmp_path, ["media-00001.ts"], clock) == {}
    assert 1.0 <= clock.now <= 1.15


def test_a_file_that_stays_away_ends_the_wait_at_the_limit(tmp_path: Path) -> None:
    clock = Clock()
    assert wait(tmp_path, ["media-00001.ts"], clock) == {"media-00001.ts": "not in the directory"}
    assert clock.now == 2.0


def test_a_file_without_bytes_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "init-stream0.m4s"
    path.touch()
    clock = Clock()
    clock.at[0.5] = lambda: path.write_bytes(b"x")
    assert wait(tmp_path, ["init-stream0.m4s"], clock) == {}
    assert clock.now >= 0.5


def test_a_text_subtitle_segment_may_be_empty(tmp_path: Path) -> None:
    (tmp_path / "sub-chunk-00000").touch()
    assert wait(tmp_path, ["sub-chunk-00000"], Clock(), may_be_empty=True) == {}


def test_a_missing_directory_is_named_in_the_reason(tmp_path: Path) -> None:
    left = wait(tmp_path / "gone", ["chunk-00001"], Clock())
    assert str(tmp_path / "gone") in left["chunk-00001"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "chunk-00001").symlink_to("/etc/passwd")
    assert "chunk-00001" in wait(tmp_path, ["chunk-00001"], Clock())


def test_a_name_is_not_looked_for_before_the_directory_shows_it(tmp_path: Path) -> None:
    # Looking for it would make an NFS client remember that it is not there; a name that is not listed is never opened.
    assert visible.missing(tmp_path, ["sub/../../x"]) == {"sub/../../x": "not in the directory"}


def test_a_file_the_relay_s_user_may_not_read_counts_as_openable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "media-00001.ts").write_bytes(b"x")

    def refused(path: Path, flags: int) -> int:  # root may read everything, so chmod would not do
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "open", refused)
    clock = Clock()
    assert wait(tmp_path, ["media-00001.ts"], clock) == {}
    assert clock.now == 0.0


def test_a_directory_the_relay_s_user_may_not_list_costs_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "scandir", refused)
    clock = Clock()
    assert wait(tmp_path, ["media-00001.ts"], clock) == {}
    assert clock.now == 0.0


def test_of_many_new_files_only_the_newest_are_looked_at(tmp_path: Path) -> None:
    names = [f"media-{number:05d}.ts" for number in range(1000)]
    for name in names[-visible.FILES_MAX :]:
        (tmp_path / name).write_bytes(b"x")
    clock = Clock()
    assert wait(tmp_path, names, clock) == {}
    assert clock.now == 0.0
    (tmp_path / names[-1]).unlink()
    assert set(wait(tmp_path, names, clock)) == {names[-1]}
