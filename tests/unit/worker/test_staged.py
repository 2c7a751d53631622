"""An attempt removes its own staged files and nobody else's; the writers are real processes."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scaleplex.worker.staged import remove_staged, staged_files

Writer = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    """Start processes that hold files open for writing."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*names: str) -> "subprocess.Popen[bytes]":
        opened = " ".join(f"{fd}>{name}" for fd, name in enumerate(names, 3))
        process = subprocess.Popen(
            ["sh", "-c", f"exec {opened}; echo ready; exec sleep 60"], cwd=tmp_path, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_what_a_process_stages_is_removed_and_nothing_else(tmp_path: Path, writer: Writer) -> None:
    for name in ("chunk-1.m4s", "temp-0.srt", "chunk-9.m4s.tmp"):
        (tmp_path / name).touch()
    first, other = writer("chunk-2.m4s.tmp", "chunk-3.m4s"), writer("chunk-4.m4s.tmp")
    staged = staged_files(first.pid)
    assert remove_staged(staged) == 1
    assert names(tmp_path) == ["chunk-1.m4s", "chunk-3.m4s", "chunk-4.m4s.tmp", "chunk-9.m4s.tmp", "temp-0.srt"]
    assert len(staged_files(other.pid)) == 1


def test_a_name_another_attempt_has_taken_over_is_left_alone(tmp_path: Path, writer: Writer) -> None:
    first = writer("chunk-2.m4s.tmp")
    staged = staged_files(first.pid)
    os.unlink(tmp_path / "chunk-2.m4s.tmp")
    writer("chunk-2.m4s.tmp")
    assert remove_staged(staged) == 0
    assert names(tmp_path) == ["chunk-2.m4s.tmp"]


def test_a_file_that_was_completed_is_left_alone(tmp_path: Path, writer: Writer) -> None:
    staged = staged_files(writer("chunk-2.m4s.tmp").pid)
    (tmp_path / "chunk-2.m4s.tmp").rename(tmp_path / "chunk-2.m4s")
    assert remove_staged(staged) == 0
    assert names(tmp_path) == ["chunk-2.m4s"]


def test_a_process_that_is_gone_has_staged_nothing() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert staged_files(gone.pid) == set()
