"""Patch 0009: progress that says where in the film a job is."""

from pathlib import Path

import pytest

from tests.ffmpeg.programs import run

pytestmark = pytest.mark.patch("0009-progress-in-timestamps")


def out_times(ffmpeg: Path, clip: Path, folder: Path, *options: str) -> list[float]:
    """Return the reported times in seconds of a job that encodes from 20 s to the clip's end at 40 s."""
    ended = run(
        ffmpeg,
        [
            *("-nostats", "-progress", "report", "-stats_period", "0.05", *options),
            *("-ss", "20", "-i", str(clip), "-start_at_zero", "-copyts", "-map", "0:v", "-c:v", "libx264"),
            *("-preset", "ultrafast", "-map", "0:a", "-c:a", "aac", "-f", "null", "-"),
        ],
        folder,
    )
    assert ended.returncode == 0, ended.stderr
    pairs = (line.partition("=") for line in (folder / "report").read_text().splitlines())
    return [int(value) / 1e6 for key, _, value in pairs if key == "out_time_us" and value != "N/A"]


def test_with_copyts_progress_reports_the_place_in_the_film(ffmpeg: Path, clip: Path, tmp_path: Path) -> None:
    times = out_times(ffmpeg, clip, tmp_path, "-progress_timestamps", "1")
    assert times == sorted(times)
    assert all(time == 0 or time >= 19.9 for time in times)
    assert times[-1] == pytest.approx(40, abs=0.1)
