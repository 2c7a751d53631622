"""What a client gets through the gates."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from scaleplex.common.errors import Gone, NotFound
from scaleplex.demo.pms.jobs import Announced, Job
from scaleplex.demo.pms.manifests import Segment
from scaleplex.demo.pms.serving import Server
from scaleplex.demo.pms.sessions import Session, SessionTable
from scaleplex.demo.pms.switches import Switches
from scaleplex.demo.pms.violations import Recorder
from tests.unit.demo.samples import SESSION, decision, job


@dataclass
class Table:
    """One session, whose moves are only counted."""

    session: Session
    switches: Switches = field(default_factory=lambda: Switches(segment_limit_seconds=0.2))
    violations: Recorder = field(default_factory=Recorder)
    changed: threading.Condition = field(default_factory=threading.Condition)
    closing: threading.Event = field(default_factory=threading.Event)
    moves: list[int] = field(default_factory=list)
    next_job: Job | None = None

    @property
    def sessions(self) -> dict[str, Session]:
        return {self.session.id: self.session}

    def find(self, session_id: str) -> Session:
        return self.sessions[session_id]

    def move(self, session: Session, number: int, still_wanted: object) -> None:
        self.moves.append(number)
        session.job = self.next_job


@dataclass
class Bench:
    table: Table
    job: Job

    def get(self, number: int, stream: str = "base", *, gone: bool = False) -> bytes:
        return Server(cast(SessionTable, self.table)).segment(SESSION, stream, number, lambda: gone)

    @property
    def codes(self) -> list[str]:
        return [str(violation["code"]) for violation in self.table.violations.to_json()]


def announce(one: Job, number: int, *, end_seconds: float | None = None, data: bytes = b"media") -> None:
    path = one.cwd / f"media-{number:05d}.ts"
    path.write_bytes(data)
    end = 3.0 * (number + 1) if end_seconds is None else end_seconds
    one.announced["base", number] = Announced(Segment("base", number, end - 3, end, path.name), path, None)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    one = job(decision(protocol="hls"), tmp_path)
    session = Session(SESSION, one.decision, time.monotonic(), job=one)
    return Bench(Table(session), one)


def test_an_announced_segment_is_served_and_remembered(bench: Bench) -> None:
    announce(bench.job, 0)
    assert bench.get(0) == b"media"
    assert [(stream, number, size) for _, stream, number, size in bench.job.served] == [("base", 0, 5)]


def test_a_row_that_does_not_fit_the_playlist_gives_zero_bytes(bench: Bench) -> None:
    announce(bench.job, 5, end_seconds=3.0)  # a list that starts at 0 after a seek
    assert bench.get(5) == b""
    assert bench.codes == ["row-does-not-fit"]


def test_a_file_that_is_there_but_not_announced_is_not_served(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "media-00000.ts").write_bytes(b"media")
    with pytest.raises(NotFound):
        bench.get(0)
    assert bench.codes == ["held-too-long"]


def test_a_held_request_is_answered_when_the_announcement_comes(bench: Bench) -> None:
    bench.table.switches.segment_limit_seconds = 10.0
    threading.Timer(0.05, announce, (bench.job, 0)).start()
    assert bench.get(0) == b"media"


def test_a_held_request_ends_when_its_client_leaves(bench: Bench) -> None:
    with pytest.raises(Gone):
        bench.get(0, gone=True)


def test_a_far_number_moves_the_session(bench: Bench, tmp_path: Path) -> None:
    after = job(decision(protocol="hls", number=15), tmp_path)
    announce(after, 15)
    bench.table.next_job = after
    assert bench.get(15) == b"media"
    assert bench.table.moves == [15]


def test_a_request_held_for_an_old_position_does_not_move_the_session_back(bench: Bench, tmp_path: Path) -> None:
    bench.table.switches.segment_limit_seconds = 10.0
    after = job(decision(protocol="hls", number=15), tmp_path)

    def move_on() -> None:
        with bench.table.changed:
            bench.table.session.job = after
            bench.table.changed.notify_all()

    threading.Timer(0.05, move_on).start()
    with pytest.raises(Gone, match="moved on"):
        bench.get(1)
    assert bench.table.moves == []


def test_after_a_failure_in_the_middle_the_waiting_client_gets_a_new_job(bench: Bench, tmp_path: Path) -> None:
    bench.job.exit_code = 74
    after = job(decision(protocol="hls", number=4), tmp_path)
    announce(after, 4)
    bench.table.next_job = after
    assert bench.get(4) == b"media"
    assert bench.table.moves == [4]


def test_a_header_waits_for_a_manifest_and_for_content(bench: Bench, tmp_path: Path) -> None:
    header = tmp_path / "header"
    header.write_bytes(b"ebml")
    server = Server(cast(SessionTable, bench.table))
    with pytest.raises(NotFound):
        server.header(SESSION, "header", lambda: False)
    bench.job.manifest_seen = True
    header.write_bytes(b"")
    with pytest.raises(NotFound):
        server.header(SESSION, "header", lambda: False)
    header.write_bytes(b"ebml")
    assert server.header(SESSION, "header", lambda: False) == b"ebml"
