"""Callbacks: who may send which, what PMS answers, and what counts as a breach."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from scaleplex.demo.pms.inbox import Inbox, prune
from scaleplex.demo.pms.jobs import Job
from scaleplex.demo.pms.sessions import SessionTable
from scaleplex.demo.pms.switches import Switches
from scaleplex.demo.pms.violations import Recorder
from tests.unit.demo.boxmaker import FRAME, chunk, init, transport_stream
from tests.unit.demo.samples import JOB, SESSION, TOKEN, decision, job

START = "status=startup"
PROGRESS = "progress=12.3&size=-22&remaining=311&speed=4.8"
STREAM = "index=0&id=0&codec=h264&type=video"


@dataclass
class Table:
    """As much of the session table as the inbox asks for."""

    job: Job
    switches: Switches = field(default_factory=Switches)
    violations: Recorder = field(default_factory=Recorder)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def find_job(self, session: str, job_id: str) -> Job | None:
        return self.job if (session, job_id) == (self.job.session, self.job.id) else None


@dataclass
class Bench:
    """An inbox with one job."""

    table: Table

    def send(
        self, tail: str, query: str = "", *, method: str = "PUT", body: bytes = b"", **ids: str
    ) -> tuple[int, bytes]:
        inbox = Inbox(cast(SessionTable, self.table))
        session, job_id = ids.get("session", SESSION), ids.get("job", JOB)
        return inbox.receive(method, session, job_id, tail, query, ids.get("token", TOKEN), body)

    @property
    def codes(self) -> list[str]:
        return [str(violation["code"]) for violation in self.table.violations.to_json()]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(Table(job(decision(), tmp_path)))


@pytest.fixture
def list_bench(tmp_path: Path) -> Bench:
    return Bench(Table(job(decision(protocol="hls"), tmp_path)))


def test_a_whole_start_in_order_is_answered_as_plex_answers(bench: Bench) -> None:
    replies = [
        bench.send("progress", START),
        bench.send("progress/stream", STREAM),
        bench.send("progress/streamDetail", STREAM),
        bench.send("progress", "duration=60.400000"),
        bench.send("progress", "width=852&height=480"),
        bench.send("progress", PROGRESS),
        bench.send("progress/log", "level=0&message=x", method="POST"),
    ]
    assert [status for status, _ in replies] == [204, 204, 204, 204, 206, 206, 200]
    assert [len(body) for _, body in replies] == [0, 0, 0, 0, 83, 83, 0]
    assert bench.codes == []
    assert bench.table.job.duration_seen


def test_a_job_far_ahead_is_told_so_in_99_bytes(bench: Bench) -> None:
    bench.table.switches.force_throttle = True
    status, body = bench.send("progress", PROGRESS)
    assert (status, len(body)) == (206, 99)
    assert b'canThrottle="1"' in body


@pytest.mark.parametrize(
    ("tail", "method"), [("progress", "POST"), ("progress", "GET"), ("manifest", "PUT"), ("progress/log", "GET")]
)
def test_the_wrong_method_is_not_found(bench: Bench, tail: str, method: str) -> None:
    assert bench.send(tail, PROGRESS, method=method)[0] == 404
    assert bench.codes == ["wrong-method"]


def test_an_unknown_job_is_not_found(bench: Bench) -> None:
    assert bench.send("progress", PROGRESS, job="1d0b0e9b-2a54-4a6f-9d0e-000000000000")[0] == 404
    assert bench.codes == ["unknown-job"]


def test_a_killed_job_is_not_found_and_late_callbacks_count(bench: Bench) -> None:
    bench.table.job.killed = time.monotonic() - 0.1
    assert bench.send("progress", PROGRESS)[0] == 404
    assert bench.codes == []
    bench.table.job.killed = time.monotonic() - 1.1
    assert bench.send("progress", PROGRESS)[0] == 404
    assert bench.codes == ["late-callback"]


def test_a_callback_after_the_process_has_ended_is_a_breach(bench: Bench) -> None:
    bench.table.job.exit_code = 0
    bench.send("progress", PROGRESS)
    assert bench.codes == ["after-exit"]


def test_steps_out_of_order_are_a_breach(bench: Bench) -> None:
    bench.send("progress", START)
    bench.send("progress", "width=852&height=480")
    bench.send("progress", "duration=60.400000")
    assert bench.codes == ["order"]


def test_a_resumed_attempt_begins_anew(bench: Bench) -> None:
    for query in (START, "duration=60.400000", PROGRESS, START, "duration=60.400000"):
        bench.send("progress", query)
    assert bench.codes == []


def test_a_manifest_keeps_no_order_with_the_start(bench: Bench) -> None:
    bench.send("progress", START)
    bench.send("manifest", method="POST", body=mpd(count=0))
    bench.send("progress", "duration=60.400000")
    assert bench.codes == []


def test_a_stream_discovered_later_is_no_breach(bench: Bench) -> None:
    bench.send("progress", PROGRESS)
    bench.send("progress/stream", STREAM)
    assert bench.codes == []


def test_progress_that_comes_too_often_is_a_breach_but_the_last_may_hurry(bench: Bench) -> None:
    now = time.monotonic()
    bench.table.job.progress_times = [now - 0.5 * back for back in range(10, 0, -1)]
    bench.send("progress", PROGRESS)
    bench.send("progress", PROGRESS)
    assert bench.codes == []
    for _ in range(5):
        bench.send("progress", PROGRESS)
    assert set(bench.codes) == {"cadence"}


def test_a_duration_that_is_not_the_films_is_a_breach(bench: Bench) -> None:
    bench.send("progress", "duration=15.400000")
    assert bench.codes == ["bad-query"]


def test_a_foreign_token_is_a_breach(bench: Bench) -> None:
    bench.send("progress", START, token="local-stolen")
    assert bench.codes == ["wrong-token"]


def mpd(first: int = 1, count: int = 1, start: int = 0, kind: str = "dynamic") -> bytes:
    return f"""<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="{kind}"><Period><AdaptationSet><Representation id="0">
<SegmentTemplate timescale="24000" initialization="init-stream0.m4s" media="chunk-stream0-$Number%05d$.m4s"
 startNumber="{first}"><SegmentTimeline><S t="{start}" d="{72 * FRAME}" r="{count - 1}"/></SegmentTimeline>
</SegmentTemplate></Representation></AdaptationSet></Period></MPD>""".encode()


def write_dash(folder: Path, count: int) -> None:
    (folder / "init-stream0.m4s").write_bytes(init())
    for n in range(count):
        (folder / f"chunk-stream0-{n + 1:05d}.m4s").write_bytes(chunk(n * 72 * FRAME, sequence=n + 1))


def test_what_a_manifest_announces_is_opened_at_once(bench: Bench, tmp_path: Path) -> None:
    write_dash(tmp_path, 2)
    assert bench.send("manifest", method="POST", body=mpd(count=2)) == (200, b"")
    assert sorted(bench.table.job.announced) == [("0", 0), ("0", 1)]
    assert bench.codes == []


def test_an_announced_file_that_is_not_there_is_a_breach(bench: Bench, tmp_path: Path) -> None:
    write_dash(tmp_path, 1)
    bench.send("manifest", method="POST", body=mpd(count=2))
    assert bench.codes == ["bad-file"]


def test_a_file_that_changes_after_its_announcement_is_a_breach(bench: Bench, tmp_path: Path) -> None:
    write_dash(tmp_path, 1)
    bench.send("manifest", method="POST", body=mpd())
    (tmp_path / "chunk-stream0-00001.m4s").write_bytes(chunk(0, samples=71))
    bench.send("manifest", method="POST", body=mpd())
    assert bench.codes == ["changed-file"]


def test_an_early_manifest_before_the_init_segment_is_no_breach(bench: Bench) -> None:
    assert bench.send("manifest", method="POST", body=mpd(count=0)) == (200, b"")
    assert bench.table.job.manifest_seen
    assert bench.codes == []


def test_a_start_number_before_the_jobs_own_is_a_breach(tmp_path: Path) -> None:
    bench = Bench(Table(job(decision(number=15), tmp_path)))
    write_dash(tmp_path, 1)
    bench.send("manifest", method="POST", body=mpd())
    assert "start-number" in bench.codes


def test_the_last_manifest_is_remembered_as_such(bench: Bench, tmp_path: Path) -> None:
    write_dash(tmp_path, 1)
    bench.send("manifest", method="POST", body=mpd(kind="static"))
    assert bench.table.job.final_seen


def test_a_list_is_read_for_hls(list_bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "media-00000.ts").write_bytes(transport_stream(10.0))
    row = b"media-00000.ts,0.000000,3.003000,3.003000,3.003000\n#media-00001.ts,3.003,3.003,-1.0,-1.0\n"
    list_bench.send("manifest", method="POST", body=row)
    assert list(list_bench.table.job.announced) == [("base", 0)]
    assert list_bench.codes == []


@pytest.mark.parametrize("body", [b"", b"<html/>", b"media-00000.ts,x,y\n"])
def test_a_body_that_announces_nothing_usable_is_a_breach(bench: Bench, body: bytes) -> None:
    bench.send("manifest", method="POST", body=body)
    assert bench.codes == ["bad-manifest"]


def test_pruning_removes_only_what_lies_far_behind_the_client(bench: Bench, tmp_path: Path) -> None:
    write_dash(tmp_path, 4)
    bench.send("manifest", method="POST", body=mpd(count=4))
    bench.table.job.served = [(0.0, "0", 3, 1)]
    gone = prune(bench.table.job, behind_seconds=5.0)
    assert [path.name for path in gone] == ["chunk-stream0-00001.m4s", "chunk-stream0-00002.m4s"]
    assert not (tmp_path / "chunk-stream0-00001.m4s").exists()
    assert bench.codes == []
