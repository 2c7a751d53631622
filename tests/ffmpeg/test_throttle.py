"""Patch 0008: a signal slows the video down, another sets it free. A busy machine only makes things slower."""

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
SIGNALS = ("-throttle_signals", "1")
PROGRESS = ("-progress", "progress", "-stats_period", "0.1")
PAUSE_SECONDS = 0.1  # after each frame, or packet, of a throttled job
QUEUED = 60  # frames that may be on their way when the signal comes
FRAMES = 300
LIMIT_SECONDS = 60.0


def counter(folder: Path, name: str = "frame") -> int:
    """Return the last value of a counter in ffmpeg's progress reports."""
    report = folder / "progress"
    found = re.findall(rf"^{name}=(\d+)$", report.read_text() if report.exists() else "", re.MULTILINE)
    return int(found[-1]) if found else 0


def seconds_for(folder: Path, more: int, name: str = "frame") -> float:
    """Return how long a counter takes to grow by so much; the limit when it takes longer."""
    before, began = counter(folder, name), time.monotonic()
    while counter(folder, name) - before < more:
        if time.monotonic() - began > LIMIT_SECONDS:
            return LIMIT_SECONDS
        time.sleep(0.02)
    return time.monotonic() - began


def assert_slow(folder: Path) -> None:
    """Assert that frames come no faster than the pauses allow; a busy machine only makes them slower."""
    seconds_for(folder, 1)
    assert seconds_for(folder, QUEUED + 20) >= 20 * PAUSE_SECONDS * 0.9


def assert_free(folder: Path) -> None:
    """Assert that frames come twice as fast as a throttled job could ever write them."""
    assert seconds_for(folder, FRAMES) < FRAMES * PAUSE_SECONDS / 2


def started(
    running: Start, folder: Path, arguments: Sequence[str], name: str = "frame", option: Sequence[str] = SIGNALS
) -> subprocess.Popen[str]:
    process = running([*option, *PROGRESS, *arguments])
    deadline = time.monotonic() + 20
    while not counter(folder, name):
        assert process.poll() is None, "ffmpeg ended"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def test_an_encoder_is_slow_after_sigusr1_and_free_after_sigusr2(running: Start, tmp_path: Path) -> None:
    process = started(running, tmp_path, [*ENDLESS, *X264])
    process.send_signal(signal.SIGUSR1)
    assert_slow(tmp_path)
    process.send_signal(signal.SIGUSR2)
    assert_free(tmp_path)


def test_copied_video_is_slowed_down_where_nothing_is_encoded(running: Start, clip: Path, tmp_path: Path) -> None:
    source = ("-stream_loop", "-1", "-i", str(clip), "-map", "0:v", "-map", "0:a")
    process = started(running, tmp_path, [*source, "-c", "copy", "-f", "null", "-"])
    process.send_signal(signal.SIGUSR1)
    assert_slow(tmp_path)


def test_audio_alone_is_not_slowed_down(running: Start, tmp_path: Path) -> None:
    source = ("-f", "lavfi", "-i", "sine=sample_rate=48000", "-c:a", "pcm_s16le", "-f", "null", "-")
    process = started(running, tmp_path, source, "out_time_us")
    process.send_signal(signal.SIGUSR1)
    seconds_for(tmp_path, 1, "out_time_us")  # what was reported before the signal does not count
    # A pause after each packet of 1024 samples would make this minute last for almost five.
    assert seconds_for(tmp_path, 60_000_000, "out_time_us") < LIMIT_SECONDS


def test_a_throttled_job_ends_soon_after_sigterm(running: Start, tmp_path: Path) -> None:
    process = started(running, tmp_path, [*ENDLESS, *X264])
    process.send_signal(signal.SIGUSR1)
    assert_slow(tmp_path)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode is not None


@pytest.mark.guard
def test_without_the_option_the_signal_means_what_it_always_did(running: Start, tmp_path: Path) -> None:
    process = started(running, tmp_path, [*ENDLESS, *X264], option=())
    process.send_signal(signal.SIGUSR1)
    process.communicate(timeout=LIMIT_SECONDS)
    assert process.returncode == -signal.SIGUSR1
