"""Patch 0005: a DASH job that ends before its first packet ends like any other."""

from pathlib import Path

import pytest

from tests.ffmpeg.programs import run, sizes

pytestmark = pytest.mark.patch("0005-dash-job-without-packets")


def test_a_job_that_ends_before_its_first_packet_ends_cleanly_and_leaves_no_half_file(
    ffmpeg: Path, tmp_path: Path
) -> None:
    source = ("-f", "lavfi", "-i", "testsrc2=size=64x36:rate=25:duration=1", "-c:v", "libx264")
    ended = run(ffmpeg, [*source, "-frames:v", "0", "-f", "dash", "-seg_duration", "1", "out.mpd"], tmp_path)
    assert ended.returncode == 0
    assert not [name for name, size in sizes(tmp_path).items() if name.endswith(".tmp") or size == 0]
