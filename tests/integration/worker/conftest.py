"""A worker, a relay and a fake ffmpeg for each test that asks; everything ends with the test."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.worker.stand import FakeRelay, Job, Worker, make_job, plex_url

FAKE = Path(__file__).with_name("fake_ffmpeg.py")


def fake_program(directory: Path) -> Path:
    """Return an executable that runs the fake ffmpeg."""
    program = directory / "ffmpeg"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {FAKE} "$@"\n')
    program.chmod(0o755)
    return program


def real_ffmpeg() -> Path | None:
    """Return our ffmpeg, if it was built on this machine."""
    named = os.environ.get("SCALEPLEX_FFMPEG")
    cache = os.environ.get("SCALEPLEX_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "scaleplex"
    )
    path = Path(named or f"{cache}/ffmpeg/current/root/usr/lib/scaleplex-ffmpeg/ffmpeg")
    return path if path.exists() else None


@pytest.fixture(scope="session")
def our_ffmpeg() -> Path:
    path = real_ffmpeg()
    if path is None:
        pytest.skip("scaleplex-ffmpeg is not built here; set SCALEPLEX_FFMPEG")
    return path


@pytest.fixture
def relay() -> Iterator[FakeRelay]:
    made = FakeRelay()
    yield made
    made.close()


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Start workers with the fake ffmpeg, or another one."""
    started: list[Worker] = []

    def start(ffmpeg: Path | None = None, secret: bytes | None = Worker.secret, **settings: str) -> Worker:
        root = tmp_path / f"worker{len(started)}"
        root.mkdir()
        program = ffmpeg or fake_program(root)
        probe = ffmpeg.with_name("ffprobe") if ffmpeg else root / "no-ffprobe"
        worker = Worker(root, program, probe, settings, secret)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.stop()


@pytest.fixture
def worker(start_worker: Callable[..., Worker]) -> Worker:
    return start_worker()


@pytest.fixture
def fake_job(relay: FakeRelay) -> Callable[..., Job]:
    """Make a job whose input tells the fake ffmpeg what to do."""

    def make(worker: Worker, what: str, *, loud: bool = False, **more: object) -> Job:
        film = worker.root / f"media/fake-{what}.mkv"
        film.touch()

        def args(session: str, job: str) -> list[str]:
            quiet = [] if loud else ["-loglevel", "quiet", "-loglevel_plex", "error"]
            url = plex_url(session, job, "progress")
            return ["-i", str(film), *quiet, "-y", "-progressurl", url, "-map", "0:0", "-codec:0", "copy", "-f", "null",
                    "nullfile"]  # fmt: skip

        return make_job(worker, args, relay, **more)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def film(our_ffmpeg: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of ten seconds with two audio channels, made once."""
    path = tmp_path_factory.mktemp("film") / "Film (2020).mkv"
    subprocess.run(
        [our_ffmpeg, "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=10", "-f", "lavfi", "-i",
         "sine=d=10", "-codec:v", "libx264", "-preset", "ultrafast", "-g", "25", "-codec:a", "aac", "-ac", "2",
         "-metadata:s:a", "language=eng", path],
        check=True,
    )  # fmt: skip
    return path


def put_film(worker: Worker, film: Path, name: str = "Film (2020).mkv") -> Path:
    """Place a copy of the film below the worker's media root."""
    target = worker.root / "media" / name
    shutil.copy(film, target)
    return target
