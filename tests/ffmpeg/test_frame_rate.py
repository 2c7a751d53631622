"""Patch 0002: with copied timestamps a constant frame rate does not fill the time before the seek point."""

from pathlib import Path

import pytest

from tests.ffmpeg.programs import run

pytestmark = pytest.mark.patch("0002-cfr-with-copyts-skips-the-initial-gap")


def first_pts_and_count(framecrc: str) -> tuple[int, int]:
    rows = [line for line in framecrc.splitlines() if not line.startswith("#")]
    return int(rows[0].split(",")[2]), len(rows)


@pytest.mark.parametrize("mode", [("-fps_mode", "cfr"), ("-vsync", "cfr")], ids=" ".join)
def test_a_resumed_job_with_cfr_starts_at_the_seek_point(
    ffmpeg: Path, clip: Path, tmp_path: Path, mode: tuple[str, str]
) -> None:
    seek = ("-ss", "20", "-i", str(clip), "-start_at_zero", "-copyts")
    ended = run(ffmpeg, [*seek, *mode, "-map", "0:v", "-r:0", "25", "-to", "22", "-f", "framecrc", "-"], tmp_path)
    first, count = first_pts_and_count(ended.stdout)
    assert first == pytest.approx(20 * 25, abs=2)
    assert count == pytest.approx(2 * 25, abs=2)


@pytest.mark.guard
def test_cfr_still_fills_a_gap_in_the_middle(ffmpeg: Path, tmp_path: Path) -> None:
    source = "testsrc2=size=64x36:rate=25:duration=4,select='not(between(t,1,3))'"
    ended = run(
        ffmpeg,
        ["-copyts", "-f", "lavfi", "-i", source, "-fps_mode", "cfr", "-r", "25", "-f", "framecrc", "-"],
        tmp_path,
    )
    assert first_pts_and_count(ended.stdout) == (0, 100)
