"""Patch 0003: a file of the DASH muxer that has its own name is complete."""

import signal
import time
from pathlib import Path

import pytest

from tests.ffmpeg import boxes
from tests.ffmpeg.conftest import Start
from tests.ffmpeg.programs import run, sizes
from tests.ffmpeg.watching import SLOW_START, real_time_source, seen_short, watch

pytestmark = pytest.mark.patch("0003-dash-complete-files-only")

DASH = ("-f", "dash", "-seg_duration", "1", "-window_size", "5", "out.mpd")
NOISE = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=6,noise=alls=60")


def test_a_reader_never_finds_an_init_file_or_a_chunk_that_is_still_short(running: Start, tmp_path: Path) -> None:
    process = running([*real_time_source(3), *SLOW_START, "-g", "25", *DASH])
    seen = watch(process, tmp_path)
    assert process.returncode == 0
    assert "init-stream0.m4s" in seen
    assert not {name for name in seen_short(seen, tmp_path) if name.endswith(".m4s")}


def test_a_chunk_that_could_not_be_written_gets_no_name_and_ends_the_job(ffmpeg: Path, tmp_path: Path) -> None:
    encoder = ("-c:v", "libx264", "-preset", "ultrafast", "-b:v", "3M", "-g", "25")
    ended = run(ffmpeg, [*NOISE, *encoder, *DASH], tmp_path, max_file_bytes=60_000)
    assert ended.returncode != 0
    assert [name for name in sizes(tmp_path) if name.startswith("chunk")] == []


@pytest.mark.guard
def test_sigterm_leaves_whole_chunks_and_no_temporary_name(running: Start, tmp_path: Path) -> None:
    process = running([*real_time_source(30), *SLOW_START, "-g", "25", *DASH])
    while "chunk-stream0-00001.m4s" not in sizes(tmp_path):
        time.sleep(0.02)
    time.sleep(0.4)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    left = sizes(tmp_path)
    assert not [name for name in left if name.endswith(".tmp")]
    chunks = sorted(name for name in left if name.startswith("chunk"))
    assert len(chunks) >= 2
    assert all("mdat" in boxes.names(tmp_path / name) for name in chunks)
