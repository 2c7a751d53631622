"""Patience with files and with PMS, against a clock that only waiting moves, and who gets no place."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from scaleplex.common.errors import Busy, UpstreamError
from scaleplex.common.log import Log, Secret
from scaleplex.common.metrics import Metrics
from scaleplex.protocol.manifests import BadManifest, Manifest
from scaleplex.relay import forward as module
from scaleplex.relay.callbacks import Callback, parse
from scaleplex.relay.forward import Forwarder, LiveJob
from scaleplex.relay.meters import Meters
from scaleplex.relay.tickets import Ticket
from scaleplex.relay.upstream import Upstream
from tests.support.loopback import LoopbackServer

JOB = "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11"
OTHER_JOB = "2d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11"
TOKEN = Secret(b"local-token")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Plex(LoopbackServer):
    """Answers ``status``; while ``hold`` is not set, it does not answer."""

    def __init__(self) -> None:
        self.status = 200
        self.seen: list[str] = []
        self.hold = threading.Event()
        self.hold.set()
        self.arrived = threading.Semaphore(0)
        super().__init__()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.seen.append(handler.path.rpartition("/")[2])
        self.arrived.release()
        self.hold.wait(20)
        handler.send_response_only(self.status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()


@pytest.fixture
def plex() -> Iterator[Plex]:
    made = Plex()
    yield made
    made.hold.set()
    made.down()


@pytest.fixture
def nobody() -> str:
    """Return a URL where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


MADE: list[Forwarder] = []


@pytest.fixture(autouse=True)
def _no_connection_is_left() -> Iterator[None]:
    yield
    while MADE:
        MADE.pop().forget(lambda job: False)


def make(url: str, *, clock: Clock | None = None, meters: Meters | None = None, threads: int = 64) -> Forwarder:
    clock = clock or Clock()
    made = Forwarder(
        plex_url=url,
        upstream_seconds=20.0,
        visible_seconds=2.0,
        log_lines_per_second=20,
        threads=threads,
        log=Log("test", "error"),
        meters=meters or Meters(Metrics()),
        clock=clock,
        sleep=clock.sleep,
    )
    MADE.append(made)
    return made


def callback(tail: str = "manifest", job: str = JOB, attempt: int = 1) -> Callback:
    method = "PUT" if tail.startswith("progress") else "POST"
    return parse(method, f"/cb/{attempt}/{'0' * 40}/video/:/transcode/session/s/{job}/{tail}")


def ticket(cwd: Path, job: str = JOB) -> Ticket:
    return Ticket("s", job, 1, "video", cwd, TOKEN)


def row(number: int) -> bytes:
    return f"media-{number:05d}.ts,0.0,1.0\n".encode()


def test_a_job_whose_files_stay_invisible_is_held_half_as_long_each_time_until_one_is_visible_again(
    plex: Plex, tmp_path: Path
) -> None:
    clock, meters = Clock(), Meters(Metrics())
    forwarder = make(plex.url, clock=clock, meters=meters)
    held = []
    for number in range(6):
        if number == 4:
            (tmp_path / "media-00004.ts").write_bytes(b"x")
        before = clock.now
        forwarder.forward(callback(), ticket(tmp_path), row(number))
        held.append(clock.now - before)
    assert held == pytest.approx([2.0, 1.0, 0.5, 0.25, 0.0, 2.0])
    assert meters.invisible.value() == 5


def test_a_manifest_is_held_until_its_newest_file_can_be_opened_and_progress_does_not_wait_for_it(
    plex: Plex, tmp_path: Path
) -> None:
    clock, meters = Clock(), Meters(Metrics())
    forwarder = make(plex.url, clock=clock, meters=meters)
    (tmp_path / "media-00001.ts").write_bytes(b"x")
    pauses: list[float] = []

    def while_it_is_held(seconds: float) -> None:
        pauses.append(seconds)
        clock.now += seconds
        if len(pauses) == 1:
            with pytest.raises(Busy):
                forwarder.forward(callback(), ticket(tmp_path), row(1))
            forwarder.forward(callback("progress"), ticket(tmp_path), b"")
        if len(pauses) == 5:
            (tmp_path / "media-00002.ts").write_bytes(b"x")

    forwarder._sleep = while_it_is_held
    forwarder.forward(callback(), ticket(tmp_path), row(1) + row(2))
    assert plex.seen == ["progress", "manifest"]
    assert len(pauses) == 5
    assert meters.invisible.value() == 0
    total, count = meters.held.lines()[-2:]
    assert float(total.removeprefix("scaleplex_relay_announcement_held_seconds_sum ")) == pytest.approx(sum(pauses))
    assert count == "scaleplex_relay_announcement_held_seconds_count 1"


def test_a_manifest_that_names_nothing_new_is_not_counted_as_held(plex: Plex, tmp_path: Path) -> None:
    meters = Meters(Metrics())
    forwarder = make(plex.url, clock=Clock(), meters=meters)
    (tmp_path / "media-00001.ts").write_bytes(b"x")
    for _ in range(2):
        forwarder.forward(callback(), ticket(tmp_path), row(1))
    assert "scaleplex_relay_announcement_held_seconds_count 1" in meters.held.lines()


def test_a_manifest_plex_refused_is_announced_again(plex: Plex, tmp_path: Path) -> None:
    clock = Clock()
    forwarder = make(plex.url, clock=clock)
    (tmp_path / "media-00001.ts").write_bytes(b"x")
    for status in (404, 500):
        plex.status = status
        assert forwarder.forward(callback(), ticket(tmp_path), row(1)).status == status
    plex.status = 200
    assert forwarder.forward(callback(), ticket(tmp_path), row(1)).status == 200
    assert len(plex.seen) == 3


def test_the_manifest_plex_has_taken_last_is_not_sent_to_it_again(plex: Plex, tmp_path: Path) -> None:
    meters = Meters(Metrics())
    forwarder = make(plex.url, meters=meters)
    (tmp_path / "media-00001.ts").write_bytes(b"x")
    for _ in range(2):
        assert forwarder.forward(callback(), ticket(tmp_path), row(1)).status == 200
    assert len(plex.seen) == 1
    assert meters.callbacks.value(kind="manifest", outcome="repeated") == 1
    forwarder.forward(callback(attempt=2), ticket(tmp_path), row(1))
    assert len(plex.seen) == 2  # another attempt's is another


def test_a_manifest_is_stale_only_within_its_stream_and_attempt(nobody: str) -> None:
    job = LiveJob((Upstream(nobody, 1.0), Upstream(nobody, 1.0)), 2.0, 20)
    early, late, final = Manifest(("a",), (0, 4)), Manifest(("a", "b"), (0, 5)), Manifest(("a", "b"), (1, 5))
    job.announced("", 1, late, b"late")
    assert job.is_stale("", 1, early)
    assert not job.is_stale("", 1, late)
    assert not job.is_stale("", 1, final)
    assert not job.is_stale("subtitles", 1, early)
    assert not job.is_stale("", 2, early)
    job.announced("", 1, final, b"final")
    assert job.is_stale("", 1, late)
    assert job.new_names("", Manifest(("a", "c"), (0, 6))) == ["c"]


def test_a_late_manifest_that_names_a_segment_no_other_has_named_still_counts(nobody: str) -> None:
    job = LiveJob((Upstream(nobody, 1.0), Upstream(nobody, 1.0)), 2.0, 20)
    job.announced("", 1, Manifest(("f", "g"), (0, 7)), b"1")
    late = Manifest(("e", "f"), (0, 6))
    assert not job.is_stale("", 1, late)
    job.announced("", 1, late, b"2")
    assert job.is_stale("", 1, late)


def test_a_job_cannot_announce_without_end(nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEEN_MAX", 3)
    job = LiveJob((Upstream(nobody, 1.0), Upstream(nobody, 1.0)), 2.0, 20)
    job.announced("", 1, Manifest(("a", "b"), (0, 2)), b"1")
    assert job.new_names("", Manifest(("b", "c"), (0, 3))) == ["c"]
    with pytest.raises(BadManifest, match="more than 3 segments"):
        job.new_names("", Manifest(("c", "d"), (0, 4)))


@contextlib.contextmanager
def under_way(plex: Plex, forwarder: Forwarder, *calls: tuple[Callback, Ticket, bytes]) -> Iterator[None]:
    """Have PMS keep these waiting for the time of the block."""
    plex.hold.clear()

    def send(call: tuple[Callback, Ticket, bytes]) -> None:
        with contextlib.suppress(UpstreamError):
            forwarder.forward(*call)

    threads = [threading.Thread(target=send, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
        assert plex.arrived.acquire(timeout=5)
    try:
        yield
    finally:
        plex.hold.set()
        for thread in threads:
            thread.join()


def test_while_plex_takes_its_time_a_job_has_one_manifest_under_way_and_its_progress_has_a_way_of_its_own(
    plex: Plex, tmp_path: Path
) -> None:
    forwarder = make(plex.url)
    (tmp_path / "media-00001.ts").write_bytes(b"x")
    here, there = ticket(tmp_path), ticket(tmp_path, OTHER_JOB)
    with under_way(plex, forwarder, (callback(), here, row(1)), (callback("progress"), here, b"")):
        with pytest.raises(Busy, match="manifests of the job"):
            forwarder.forward(callback(), here, row(1) + row(2))
        with under_way(plex, forwarder, (callback(job=OTHER_JOB), there, row(1))):
            pass
    assert forwarder.forward(callback(), here, row(1) + row(1)).status == 200


def test_of_all_jobs_together_progress_takes_no_more_than_its_share_of_the_threads(plex: Plex, tmp_path: Path) -> None:
    forwarder = make(plex.url, threads=4)
    jobs = [f"{number}d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11" for number in range(3)]
    calls = [(callback("progress", job), ticket(tmp_path, job), b"") for job in jobs]
    with under_way(plex, forwarder, *calls[:2]), pytest.raises(Busy):
        forwarder.forward(*calls[2])
    forwarder.forward(*calls[2])


def test_jobs_that_ended_are_forgotten_with_their_connections_and_living_ones_are_not(
    plex: Plex, tmp_path: Path
) -> None:
    forwarder = make(plex.url)
    (tmp_path / "media-00001.ts").write_bytes(b"x")
    forwarder.forward(callback("progress"), ticket(tmp_path), b"")
    forwarder.forward(callback(), ticket(tmp_path), row(1))
    connections = list(plex.connections)
    assert len(connections) == 2
    asked: list[str] = []
    forwarder.forget(lambda job: not asked.append(job))
    assert all(connection.fileno() >= 0 for connection in connections)
    forwarder.forget(lambda job: bool(asked.append(job)))
    forwarder.forget(lambda job: bool(asked.append(job)))
    assert asked == [JOB, JOB]
    # Plex sees the end of each: its thread leaves and takes the connection out.
    closed = threading.Event()
    for _ in range(500):
        if not plex.connections:
            closed.set()
            break
        closed.wait(0.01)
    assert closed.is_set()


def test_a_job_with_a_request_under_way_is_forgotten_when_that_has_ended(plex: Plex, tmp_path: Path) -> None:
    forwarder = make(plex.url)
    with under_way(plex, forwarder, (callback("progress"), ticket(tmp_path), b"")):
        forwarder.forget(lambda job: False)
        assert forwarder._jobs
    forwarder.forget(lambda job: False)
    assert not forwarder._jobs
