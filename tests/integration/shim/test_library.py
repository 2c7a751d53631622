"""The installed library: one packed file that a start reads, and the modules' own files for when it cannot."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scaleplex.shim import library as written
from tests.integration.shim.fakes import (
    LOCAL_ARGS,
    PYTHON,
    REPOSITORY,
    Host,
    Server,
    exit_frame,
    place,
    spawned,
    stream,
)

Serve = Callable[..., Server]


def install(directory: Path) -> "subprocess.CompletedProcess[str]":
    command = [PYTHON, "-m", "scaleplex.shim.library", str(directory)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


@pytest.fixture
def library(host: Host, serve: Serve) -> Path:
    """A library that is installed and packed; the host's executable uses it, and a worker takes its task."""
    directory = host.base / "library"
    assert install(directory).returncode == 0
    host.install(directory)
    host.configure(orchestrators=serve(place(serve(stream(spawned(), (b"O", b"bytes"), exit_frame(3))).url)).url)
    return directory


def packed(library: Path) -> Path:
    (found,) = library.glob("packed.*")
    return found


def without_sources(library: Path) -> None:
    """Leave the packed file, and what a trial of the interpreter loads."""
    for path in [*library.rglob("*.py"), *library.rglob("*.pyc")]:
        if path.stem.partition(".")[0] != "trial":
            path.unlink()


def plays(host: Host) -> bool:
    done = host.run()
    return (done.code, done.stdout) == (3, b"bytes")


def test_a_start_reads_the_packed_file_alone(host: Host, library: Path) -> None:
    without_sources(library)
    assert plays(host)
    assert host.run(LOCAL_ARGS).code == 7
    assert host.events()[0]["event"] != "fallback"


BROKEN: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "other bytes": lambda path: path.write_bytes(b"no code at all"),
    "not readable": lambda path: (path.unlink(), path.mkdir()),
    "of another interpreter": lambda path: path.rename(path.with_name("packed.cpython-301")),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_without_a_sound_packed_file_the_modules_are_imported(host: Host, library: Path, fault: str) -> None:
    BROKEN[fault](packed(library))
    assert plays(host)


@pytest.mark.parametrize("fault", BROKEN)
def test_without_either_the_real_transcoder_runs(host: Host, library: Path, fault: str) -> None:
    BROKEN[fault](packed(library))
    without_sources(library)
    assert host.run().code == 7
    assert [event["reason"] for event in host.events()] == ["cannot-start"]


def test_packed_code_that_fails_half_way_leaves_nothing_behind_that_hides_why(host: Host, library: Path) -> None:
    (library / "scaleplex/shim/config.py").write_text("raise RuntimeError('on purpose')\n")
    written.pack(str(library))
    trial = subprocess.run([PYTHON, "-IS", host.shim, "-scaleplex-trial"], capture_output=True, text=True, check=False)
    assert (trial.returncode, trial.stdout) == (1, "scaleplex shim: RuntimeError: on purpose")


def test_a_directory_that_holds_something_is_left_alone(library: Path) -> None:
    before = sorted(library.rglob("*"))
    done = install(library)
    assert done.returncode == 1
    assert f"{library} is not empty; name a new directory" in done.stderr
    assert sorted(library.rglob("*")) == before
