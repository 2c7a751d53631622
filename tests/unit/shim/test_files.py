"""The files the shim leaves for the relay: the job's own, and the log of events."""

import fcntl
import json
import os
import posix
import uuid
from pathlib import Path

import pytest

from scaleplex.shim import jobfile, journal

JOB = str(uuid.uuid4())
FIELDS: dict[str, object] = {"session": "s", "job": JOB, "attempt": 1, "pid": 1, "token": "t"}


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    (tmp_path / "jobs").mkdir()
    return tmp_path


class Sweep:
    """A relay's sweep that comes between the new name and the look at it: what the system call does, and one more."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self, old: str, new: str) -> None:
        os.rename(old, new)
        if self.times:
            self.times -= 1
            os.unlink(new)


@pytest.mark.parametrize("times", [1, 2])
def test_a_job_file_that_was_swept_as_it_got_its_name_is_written_again(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(posix, "rename", Sweep(times))
    file = jobfile.JobFile(str(runtime), dict(FIELDS))
    path = runtime / "jobs" / JOB
    assert json.loads(path.read_text()) == FIELDS
    with path.open("rb") as held, pytest.raises(BlockingIOError):
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    file.remove()
    assert list((runtime / "jobs").iterdir()) == []


def test_a_job_file_that_is_always_swept_is_an_error(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posix, "rename", Sweep(jobfile.TRIES))
    with pytest.raises(OSError, match="removed as fast as it is written"):
        jobfile.JobFile(str(runtime), dict(FIELDS))


def test_the_log_of_events_has_a_limit(runtime: Path) -> None:
    log = journal.Journal(str(runtime), "")
    path = runtime / "events.jsonl"
    path.touch()
    os.truncate(path, journal.EVENTS_MAX_BYTES - 1)
    log.event("local", "music")
    size = path.stat().st_size
    assert size > journal.EVENTS_MAX_BYTES
    log.event("local", "music")
    assert path.stat().st_size == size
