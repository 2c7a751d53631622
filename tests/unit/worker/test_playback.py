"""The loop that owns a task, with real child processes and sockets; reports and spawning are handed in."""

import json
import os
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaleplex.protocol import wire
from scaleplex.protocol.messages import TaskRequest
from scaleplex.translator import Facts
from scaleplex.worker import announcer, playback, process, reporter
from scaleplex.worker.playback import Playback
from scaleplex.worker.session import Claim, Event, Exit, State
from scaleplex.worker.storage import Storage
from scaleplex.worker.task import Prepared, Task

ENV = {"PATH": os.environ["PATH"]}


class Reports:
    """A reporter whose last report is delivered when a test says so."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.finishing = False
        self.aborted = False
        self.done = False
        self.problem = None

    def start(self) -> None: ...

    def sample(self, sample: object) -> None: ...

    def line(self, text: str) -> None: ...

    def finish(self) -> None:
        self.finishing = True

    def abort(self) -> None:
        self.aborted = True

    def deliver(self) -> None:
        self.done = True
        self._task.wake()


class Unkillable(process.Child):
    """A process SIGKILL does not end: one that waits for a file server inside the kernel."""

    def signal_group(self, number: int) -> None:
        pass


class Stand:
    """One task, its loop and its frames."""

    def __init__(self, room: Path, script: str, child: type[process.Child] = process.Child) -> None:
        job = str(uuid.uuid4())
        prepared = Prepared(("-i", "x"), {}, (), Facts(), None, str(room), True, None)
        request = TaskRequest("session", job, 1, "", ("-i", "x"), str(room), "video")
        self.task = Task(request, prepared, Claim("session", "video", job, 1), time.monotonic())
        self.reports = Reports(self.task)
        self.exits: list[Exit] = []
        listener = socket.create_server(("127.0.0.1", 0))
        self.client = socket.create_connection(listener.getsockname())
        self.shim, _ = listener.accept()
        listener.close()
        self._command = ["sh", "-c", script]
        self._child = child
        self._processes: list[subprocess.Popen[bytes]] = []
        self.playback = Playback(
            self.task,
            spawn=self._spawn,
            reports=self.reports,
            backend="sw",
            shim=self.shim,
            grace_seconds=5.0,
            storage=Storage(room),
            on_spawned=lambda task: None,
            on_throttle=lambda task: None,
            on_end=lambda task, exit_: self.exits.append(exit_),
        )
        self._reader = wire.FrameReader()
        self._chunks = iter(self.playback)

    def _spawn(self, task: Task) -> process.Child:
        read_end, write_end = process.progress_pipe()
        os.close(write_end)
        pipe = subprocess.PIPE
        made = subprocess.Popen(self._command, stdout=pipe, stderr=pipe, env=ENV, bufsize=0, start_new_session=True)
        self._processes.append(made)
        return self._child(made, read_end)

    @property
    def child_runs(self) -> bool:
        return self._processes[0].poll() is None

    def frames(self) -> Iterator[tuple[bytes, bytes]]:
        for chunk in self._chunks:
            yield from self._reader.feed(chunk)

    def exit(self) -> dict[str, object]:
        """Run the loop to its end and return the exit frame's content."""
        last = list(self.frames())[-1]
        assert last[0] == wire.EXIT
        content: dict[str, object] = json.loads(last[1])
        return content

    def close(self) -> None:
        for child in self._processes:
            child.kill()
            child.wait()
        self.playback.close()
        self.client.close()
        self.shim.close()


@pytest.fixture
def stands() -> Iterator[list[Stand]]:
    made: list[Stand] = []
    yield made
    for stand in made:
        stand.close()


def test_a_connection_to_the_shim_ends_when_its_host_falls_silent(tmp_path: Path, stands: list[Stand]) -> None:
    stand = Stand(tmp_path, "exec sleep 60")
    stands.append(stand)
    assert next(stand.frames())[0] == wire.INFO
    options = {
        name: stand.shim.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
        for name in ("TCP_USER_TIMEOUT", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
    }
    assert stand.shim.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert options["TCP_USER_TIMEOUT"] == 8000
    assert options["TCP_KEEPIDLE"] + options["TCP_KEEPINTVL"] * options["TCP_KEEPCNT"] <= 10


@pytest.mark.parametrize("event", [Event.DRAIN, Event.KILL])
def test_a_drain_or_a_kill_after_ffmpegs_own_end_changes_nothing(
    tmp_path: Path, stands: list[Stand], event: Event
) -> None:
    stand = Stand(tmp_path, "exit 0")
    stands.append(stand)
    frames = stand.frames()
    assert next(frames)[0] == wire.INFO
    while not stand.reports.finishing:  # heartbeats come while the last report is under way
        assert next(frames)[0] == wire.HEARTBEAT
    stand.task.post(event)
    stand.reports.deliver()
    content = stand.exit()
    assert (content["reason"], content["code"], content["retry"]) == ("ended", 0, False)
    assert stand.task.stopped_by is None


def test_a_shim_that_leaves_after_ffmpegs_own_end_still_ends_the_reports(tmp_path: Path, stands: list[Stand]) -> None:
    stand = Stand(tmp_path, "exit 0")
    stands.append(stand)
    frames = stand.frames()
    while not stand.reports.finishing:
        next(frames)
    stand.client.close()
    assert [kind for kind, _ in frames if kind != wire.HEARTBEAT] == []
    assert stand.reports.aborted
    assert stand.task.state is State.ENDED


def test_the_last_report_gets_the_time_the_reporter_may_take() -> None:
    assert announcer.LONGEST_END_SECONDS + reporter.LONGEST_END_SECONDS < playback.FINAL_REPORT_SECONDS


def test_a_process_that_even_sigkill_does_not_end_keeps_no_slot(
    tmp_path: Path, stands: list[Stand], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playback, "REAP_SECONDS", 0.05)
    stand = Stand(tmp_path, "exec sleep 60", Unkillable)
    stands.append(stand)
    frames = stand.frames()
    assert next(frames)[0] == wire.INFO
    stand.task.post(Event.DRAIN)
    content = stand.exit()
    assert stand.child_runs
    assert (content["reason"], content["retry"]) == ("draining", True)
    assert content["code"] != 0
    assert stand.task.ended.is_set()
    assert [exit_.reason for exit_ in stand.exits] == ["draining"]
    assert stand.task.watch.pid is not None
