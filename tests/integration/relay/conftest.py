import fcntl
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest

from scaleplex.protocol import wire
from tests.integration.relay.plex import FakePlex
from tests.integration.relay.service import SECRET, Service

TOKEN = "local-4f1c9d52-token-of-a-test"


class Job:
    """A job whose shim is this process, with its session directory."""

    def __init__(self, runtime: Path, sessions: Path, kind: str = "video") -> None:
        self.session = "f168tc7vl2desp78pov5ktwu"
        self.name = str(uuid.uuid4())
        self.kind = kind
        self.attempt = 1
        self.cwd = sessions / f"plex-transcode-{self.session}-{self.name}"
        self.cwd.mkdir()
        self.path = runtime / "jobs" / self.name
        self._file: BinaryIO = self.path.open("w+b")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self.write()

    def write(self) -> None:
        """Write the job file as the shim does, in place."""
        fields = {"session": self.session, "job": self.name, "attempt": self.attempt, "kind": self.kind}
        fields |= {"cwd": str(self.cwd), "token": TOKEN, "pid": 1}
        self._file.seek(0)
        self._file.truncate()
        self._file.write(json.dumps(fields).encode())
        self._file.flush()

    def die(self) -> None:
        """Let the lock go, as the kernel does when the shim is killed."""
        self._file.close()

    def target(self, tail: str, query: str = "", *, attempt: int | None = None, secret: bytes = SECRET) -> str:
        """Return the request target of one of its callbacks."""
        number = self.attempt if attempt is None else attempt
        base = wire.callback_base("", secret, self.session, self.name, number)
        path = f"{base}/video/:/transcode/session/{self.session}/{self.name}/{tail}"
        return f"{path}?{query}" if query else path

    def segment(self, name: str) -> None:
        """Write one segment."""
        (self.cwd / name).write_bytes(b"segment")


@dataclass(frozen=True, slots=True)
class Stage:
    """A relay between workers and a fake PMS."""

    relay: Service
    plex: FakePlex
    runtime: Path
    sessions: Path


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("relay")
    runtime, sessions = directory / "run", directory / "sessions"
    (runtime / "jobs").mkdir(parents=True)
    sessions.mkdir()
    plex = FakePlex()
    settings = {
        "PLEX_URL": plex.url,
        "RUNTIME_DIR": str(runtime),
        "STATE_DIR": str(runtime),
        "VISIBLE_SECONDS": "1",
        "UPSTREAM_SECONDS": "5",
        "SWEEP_SECONDS": "0.1",
        "LOG_LINES_PER_SECOND": "5",
    }
    relay = Service("relay", directory, settings)
    try:
        yield Stage(relay.start(), plex, runtime, sessions)
    finally:
        relay.stop()
        plex.down()


@pytest.fixture
def relay(stage: Stage) -> Service:
    return stage.relay


@pytest.fixture
def plex(stage: Stage) -> Iterator[FakePlex]:
    yield stage.plex
    stage.plex.throttle = stage.plex.close_after_answer = False
    stage.plex.delay_seconds = 0.0
    stage.plex.failures.clear()


@pytest.fixture
def job(stage: Stage) -> Iterator[Job]:
    made = Job(stage.runtime, stage.sessions)
    yield made
    made.die()
