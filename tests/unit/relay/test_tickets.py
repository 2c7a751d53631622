"""Which jobs may call back, on real files with real locks."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scaleplex.common.errors import Gone
from scaleplex.common.log import Secret
from scaleplex.protocol import wire
from scaleplex.relay.callbacks import CallbackRefused, parse
from scaleplex.relay.tickets import SETTLING_SECONDS, Tickets

SECRET = Secret(b"0123456789abcdef")
JOB = "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11"
SESSION = "f168tc7vl2desp78pov5ktwu"


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    (tmp_path / "jobs").mkdir()
    return tmp_path


@contextmanager
def shim(runtime: Path, *, attempt: int = 1, text: str | None = None) -> Iterator[Path]:
    """A job file held as a living shim holds it."""
    path = runtime / "jobs" / JOB
    fields = {
        "session": SESSION,
        "job": JOB,
        "attempt": attempt,
        "kind": "video",
        "cwd": "/x",
        "token": "local-t",
        "pid": 1,
    }
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps(fields) if text is None else text)
        file.flush()
        yield path


def callback(attempt: int = 1, session: str = SESSION, secret: bytes = SECRET.reveal(), signed_for: str = SESSION):
    signature = wire.callback_signature(secret, signed_for, JOB, attempt)
    return parse("PUT", f"/cb/{attempt}/{signature}/video/:/transcode/session/{session}/{JOB}/progress")


def test_a_signed_callback_of_a_living_job_gets_its_token_and_directory(runtime: Path) -> None:
    with shim(runtime):
        ticket = Tickets(runtime, SECRET).check(callback())
    assert (ticket.session, ticket.job, ticket.attempt, ticket.kind, ticket.cwd) == (
        SESSION,
        JOB,
        1,
        "video",
        Path("/x"),
    )
    assert ticket.token.reveal() == b"local-t"


def test_the_token_is_not_shown_when_a_ticket_is_printed(runtime: Path) -> None:
    with shim(runtime):
        assert "local-t" not in repr(Tickets(runtime, SECRET).check(callback()))


def test_a_signature_for_another_session_is_refused(runtime: Path) -> None:
    with shim(runtime), pytest.raises(CallbackRefused):
        Tickets(runtime, SECRET).check_signature(callback(signed_for="another"))


def test_a_signature_with_another_secret_is_refused(runtime: Path) -> None:
    with shim(runtime), pytest.raises(CallbackRefused):
        Tickets(runtime, SECRET).check_signature(callback(secret=b"fedcba9876543210"))


def test_a_job_nobody_announced_is_gone(runtime: Path) -> None:
    with pytest.raises(Gone):
        Tickets(runtime, SECRET).check(callback())


def test_a_job_is_gone_when_its_shim_is_gone(runtime: Path) -> None:
    with shim(runtime) as path:
        pass
    assert path.exists()
    with pytest.raises(Gone):
        Tickets(runtime, SECRET).check(callback())


def test_a_job_of_another_session_is_gone(runtime: Path) -> None:
    with shim(runtime), pytest.raises(Gone):
        Tickets(runtime, SECRET).check(callback(session="other", signed_for="other"))


@pytest.mark.parametrize(("running", "calling"), [(2, 1), (1, 2)])
def test_only_the_attempt_that_runs_may_call_back(runtime: Path, running: int, calling: int) -> None:
    with shim(runtime, attempt=running), pytest.raises(Gone):
        Tickets(runtime, SECRET).check(callback(attempt=calling))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"session": 1}', "\x00" * 100, '{"session": "' + "x" * 20000 + '"}'])
def test_a_job_file_that_cannot_be_read_lets_nobody_through(runtime: Path, text: str) -> None:
    with shim(runtime, text=text), pytest.raises(Gone):
        Tickets(runtime, SECRET).check(callback())


def test_a_job_file_that_is_a_link_or_a_pipe_lets_nobody_through(runtime: Path) -> None:
    path = runtime / "jobs" / JOB
    path.symlink_to("/etc/passwd")
    with pytest.raises(Gone):
        Tickets(runtime, SECRET).check(callback())
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(Gone):
        Tickets(runtime, SECRET).check(callback())


def test_without_a_fleet_secret_signatures_are_made_with_an_empty_one(runtime: Path) -> None:
    with shim(runtime):
        tickets = Tickets(runtime, None)
        tickets.check_signature(callback(secret=b""))
        assert tickets.check(callback(secret=b"")).job == JOB


def test_a_job_file_that_is_being_rewritten_is_read_again(runtime: Path) -> None:
    with shim(runtime) as path:
        whole = path.read_text()
        path.write_text(whole[:20])
        paused: list[float] = []

        def finish_writing(seconds: float) -> None:
            paused.append(seconds)
            if len(paused) == 2:
                path.write_text(whole)

        assert Tickets(runtime, SECRET, finish_writing).check(callback()).job == JOB
    assert sum(paused) < 0.1  # seconds: the worker waits for the answer


def test_a_sweep_keeps_living_jobs_and_removes_dead_ones(runtime: Path) -> None:
    tickets = Tickets(runtime, SECRET)
    later = time.time() + SETTLING_SECONDS + 1
    with shim(runtime) as path:
        assert tickets.sweep(later) == (1, 0)
        assert path.exists()
    assert tickets.sweep(later) == (0, 1)
    assert not path.exists()


def test_a_sweep_leaves_a_file_whose_shim_may_not_have_locked_it_yet(runtime: Path) -> None:
    path = runtime / "jobs" / JOB
    path.write_text("{}")
    assert Tickets(runtime, SECRET).sweep(time.time()) == (0, 0)
    assert path.exists()


def test_a_sweep_removes_what_a_shim_left_that_was_killed_before_it_named_its_file(runtime: Path) -> None:
    (runtime / "jobs" / f".{JOB}.4711").write_text("{}")
    assert Tickets(runtime, SECRET).sweep(time.time() + SETTLING_SECONDS + 1) == (0, 1)


def test_a_sweep_touches_nothing_but_job_files(runtime: Path) -> None:
    for name in ("README", ".hidden", JOB + ".tmp"):
        (runtime / "jobs" / name).write_text("x")
    assert Tickets(runtime, SECRET).sweep(time.time() + 100) == (0, 0)
    assert len(list((runtime / "jobs").iterdir())) == 3


def test_a_sweep_goes_on_after_a_file_that_cannot_be_read(runtime: Path) -> None:
    jobs = [f"{digit}{JOB[1:]}" for digit in "012"]
    for job in jobs:
        (runtime / "jobs" / job).write_text("{}")
    unreadable = runtime / "jobs" / os.listdir(runtime / "jobs")[0]
    unreadable.unlink()
    unreadable.mkdir()
    assert Tickets(runtime, SECRET).sweep(time.time() + SETTLING_SECONDS + 1) == (0, 2)
    assert [path.name for path in (runtime / "jobs").iterdir()] == [unreadable.name]


def test_a_missing_runtime_directory_is_an_empty_one(tmp_path: Path) -> None:
    assert Tickets(tmp_path / "none", SECRET).sweep(0) == (0, 0)
