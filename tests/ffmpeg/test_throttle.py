"""Patch 0008: a signal slows the video down, another sets it free. Margins are wide: the machine may be busy."""

import re
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.ffmpeg.conftest import Start

pytestmark = pytest.mark.patch("0008-throttle-by-signal")

ENDLESS = ("-f", "lavfi", "-i", "testsrc2=size=64x36:rate=25")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-f", "null", "-")
PROGRESS = ("-throttle_signals", "1", "-progress", "progress", "-stats_period", "0.1")
SECONDS = 2.0
SLOWEST_FREE, FASTEST_THROTTLED = 200, 40  # in 2 s; 20 are expected while throttled, and some may be queued


def counter(folder: Path, name: str = "frame") -> int:
    """Return the last value of a counter in ffmpeg's progress reports."""
    report = folder / "progress"
    found = re.findall(rf"^{name}=(\d+)$", report.read_text() if report.exists() else "", re.MULTILINE)
    return int(found[-1]) if found else 0


def counted(folder: Path, name: str = "frame") -> int:
    """Return by how much a counter grows in two seconds."""
    before = counter(folder, name)
    time.sleep(SECONDS)
    return counter(folder, name) - before


def started(running: Start, folder: Path, arguments: Sequence[str], name: str = "frame") -> subprocess.Popen[str]:
    process = running([*PROGRESS, *arguments])
    deadline = time.monotonic() + 20
    while not counter(folder, name):
        assert process.poll() is None, "ffmpeg ended"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def test_an_encoder_is_slow_after_sigusr1_and_free_after_sigusr2(running: Start, tmp_path: Path) -> None:
    process = started(running, tmp_path, [*ENDLESS, *X264])
    process.send_signal(signal.SIGUSR1)
    time.sleep(0.3)
    assert counted(tmp_path) <= FASTEST_THROTTLED
    process.send_signal(signal.SIGUSR2)
    time.sleep(0.3)
    assert counted(tmp_path) >= SLOWEST_FREE


def test_copied_video_is_slowed_down_where_nothing_is_encoded(running: Start, clip: Path, tmp_path: Path) -> None:
    source = ("-stream_loop", "-1", "-i", str(clip), "-map", "0:v", "-map", "0:a")
    process = started(running, tmp_path, [*source, "-c", "copy", "-f", "null", "-"])
    process.send_signal(signal.SIGUSR1)
    time.sleep(0.3)
    assert counted(tmp_path) <= FASTEST_THROTTLED


def test_audio_alone_is_not_slowed_down(running: Start, tmp_path: Path) -> None:
    source = ("-f", "lavfi", "-i", "sine=sample_rate=48000", "-c:a", "pcm_s16le", "-f", "null", "-")
    process = started(running, tmp_path, source, "out_time_us")
    process.send_signal(signal.SIGUSR1)
    time.sleep(0.3)
    assert counted(tmp_path, "out_time_us") > 10 * SECONDS * 1_000_000


def test_a_throttled_job_ends_soon_after_sigterm(running: Start, tmp_path: Path) -> None:
    process = started(running, tmp_path, [*ENDLESS, *X264])
    process.send_signal(signal.SIGUSR1)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=3)


@pytest.mark.guard
def test_without_the_option_the_signal_means_what_it_always_did(running: Start) -> None:
    process = running([*ENDLESS, *X264])
    time.sleep(0.3)
    process.send_signal(signal.SIGUSR1)
    process.communicate(timeout=5)
    assert process.returncode == -signal.SIGUSR1
