"""The ffmpeg under test, a clip it made, and processes that do not outlive their test."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.ffmpeg.programs import ffmpeg_under_test, run, start

HERE = Path(__file__).parent
CLIP_SECONDS = 40
CUES = ((1, 2), (3, 4), (25, 26), (27, 28))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.ffmpeg)


@pytest.fixture(scope="session")
def ffmpeg() -> Path:
    return ffmpeg_under_test()


@pytest.fixture(scope="session")
def clip(ffmpeg: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 s of 25 fps H.264 with B-frames, a keyframe each second, AAC and four cues."""
    folder = tmp_path_factory.mktemp("clip")
    cues = (f"{i}\n00:00:{a:02},000 --> 00:00:{b:02},000\ncue {i}\n\n" for i, (a, b) in enumerate(CUES, 1))
    (folder / "cues.srt").write_text("".join(cues))
    made = run(
        ffmpeg,
        [
            *("-f", "lavfi", "-i", f"testsrc2=size=160x90:rate=25:duration={CLIP_SECONDS}"),
            *("-f", "lavfi", "-i", f"sine=sample_rate=48000:duration={CLIP_SECONDS}", "-i", "cues.srt"),
            *("-map", "0", "-map", "1", "-map", "2", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2"),
            *("-g", "25", "-sc_threshold", "0", "-c:a", "aac", "-b:a", "64k", "-c:s", "srt", "clip.mkv"),
        ],
        folder,
    )
    assert made.returncode == 0, made.stderr
    return folder / "clip.mkv"


Start = Callable[[Sequence[str]], subprocess.Popen[str]]


@pytest.fixture
def running(ffmpeg: Path, tmp_path: Path) -> Iterator[Start]:
    """Start ffmpeg in the test's directory; whatever still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start_one(arguments: Sequence[str]) -> subprocess.Popen[str]:
        started.append(start(ffmpeg, arguments, tmp_path))
        return started[-1]

    yield start_one
    for process in started:
        process.kill()
        process.communicate()
