"""How workers are found and asked."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from scaleplex.common.log import Log
from scaleplex.common.metrics import Metrics
from scaleplex.orchestrator import discovery as module
from scaleplex.orchestrator.discovery import DNS_FAILURES_ALLOWED, Discovery
from scaleplex.orchestrator.fleet import Fleet
from scaleplex.orchestrator.meters import Meters
from scaleplex.orchestrator.registry import Registry
from scaleplex.protocol.messages import Capability
from tests.integration.relay.service import until
from tests.support.loopback import LoopbackServer

PATIENCE_SECONDS = 30.0
GOOD = json.dumps(Capability("w", "1", "ready", "sw", 0, 4).to_json()).encode()


class Worker(LoopbackServer):
    """Answers each poll as its script says, then well."""

    def __init__(self, *script: Callable[[], tuple[int, bytes]]) -> None:
        self.script = list(script)
        self.polls = 0
        super().__init__()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.polls += 1
        act = self.script.pop(0) if self.script else lambda: (200, GOOD)
        status, body = act()
        handler.send_response_only(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


class Noting(Fleet):
    """Notes failed polls."""

    def __init__(self) -> None:
        super().__init__(Registry(1e9), None)
        self.failures: list[tuple[str, bool]] = []

    def failed(self, url: str, problem: str, *, refused: bool) -> None:
        super().failed(url, problem, refused=refused)
        self.failures.append((problem, refused))

    def problem(self, url: str) -> str | None:
        return next(view.problem for view in self.views() if view.url == url)


@pytest.fixture
def hold() -> Iterator[threading.Event]:
    """Hold whoever waits for it until the test ends, or sets it."""
    event = threading.Event()
    yield event
    event.set()


Start = Callable[..., tuple[Noting, Discovery]]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[tuple[Discovery, tuple[Worker, ...]]] = []

    def begin(*workers: Worker) -> tuple[Noting, Discovery]:
        fleet = Noting()
        discovery = Discovery(
            fleet=fleet,
            secret=None,
            workers_list=[worker.url for worker in workers],
            workers_dns=(),
            poll_seconds=0.05,
            dns_seconds=10,
            log=Log("test", "error"),
            meters=Meters(Metrics()),
        )
        started.append((discovery, workers))
        discovery.start()
        return fleet, discovery

    yield begin
    for discovery, workers in started:
        discovery.stop()
        for worker in workers:
            worker.down()


def test_a_worker_that_hangs_is_asked_once_and_delays_nobody(
    start: Start, hold: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 600.0)

    def hang() -> tuple[int, bytes]:
        hold.wait(600)
        return 200, GOOD

    # The first round is waited for, so it hangs from the second poll on.
    hanging, good = Worker(lambda: (200, GOOD), *[hang] * 50), Worker()
    start(hanging, good)
    until(lambda: hanging.polls == 2, PATIENCE_SECONDS)
    before = good.polls
    until(lambda: good.polls > before + 5, PATIENCE_SECONDS)
    assert hanging.polls == 2


def test_a_worker_that_hangs_is_given_up_after_moments(start: Start, hold: threading.Event) -> None:
    def hang() -> tuple[int, bytes]:
        hold.wait(600)
        return 200, GOOD

    fleet, _ = start(Worker(*[hang] * 50))
    until(lambda: bool(fleet.failures), PATIENCE_SECONDS)
    assert fleet.failures[0] == ("no answer in time", False)


def test_all_workers_are_asked_at_once(start: Start) -> None:
    together = threading.Barrier(8)

    def meet() -> tuple[int, bytes]:
        together.wait(PATIENCE_SECONDS)  # breaks unless all eight are being asked
        return 200, GOOD

    workers = [Worker(meet) for _ in range(8)]
    fleet, discovery = start(*workers)
    assert discovery.wait_first_round(PATIENCE_SECONDS)
    assert fleet.failures == []
    assert not together.broken


def test_one_missed_poll_is_forgiven_two_are_not_and_an_answer_restores_belief(
    start: Start, hold: threading.Event
) -> None:
    gate = [threading.Event(), threading.Event()]

    def fail(number: int) -> tuple[int, bytes]:
        gate[number].wait(PATIENCE_SECONDS)
        return 500, b"{}"

    def recover() -> tuple[int, bytes]:
        hold.wait(1.0)
        return (200, GOOD) if hold.is_set() else (500, b"{}")

    worker = Worker(lambda: (200, GOOD), lambda: fail(0), lambda: fail(1), *[recover] * 100)
    fleet, discovery = start(worker)
    assert discovery.wait_first_round(PATIENCE_SECONDS)
    gate[0].set()
    until(lambda: len(fleet.failures) == 1, PATIENCE_SECONDS)
    assert fleet.failures == [("GET /capability answered 500: {}", False)]
    assert fleet.problem(worker.url) is None
    gate[1].set()
    until(lambda: len(fleet.failures) >= 2, PATIENCE_SECONDS)
    assert str(fleet.problem(worker.url)).startswith("lost: GET /capability answered 500")
    hold.set()
    until(lambda: fleet.problem(worker.url) is None, PATIENCE_SECONDS)


def test_a_refused_connection_is_a_refusal(start: Start) -> None:
    worker = Worker()
    fleet, discovery = start(worker)
    assert discovery.wait_first_round(PATIENCE_SECONDS)
    worker.down()
    until(lambda: ("connection refused", True) in fleet.failures, PATIENCE_SECONDS)


def test_the_connection_to_a_worker_nobody_vouches_for_is_closed(start: Start) -> None:
    staying, leaving = Worker(), Worker()
    fleet, _ = start(staying, leaving)
    until(lambda: bool(leaving.connections and staying.connections), PATIENCE_SECONDS)
    fleet.vouch("list", [staying.url])
    until(lambda: not leaving.connections, PATIENCE_SECONDS)
    assert staying.connections


class Pauses(threading.Event):
    """Notes how long somebody would wait, and ends it after a few."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.seconds: list[float | None] = []
        self._number = number

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        if len(self.seconds) == self._number:
            self.set()
        return self.is_set()


def test_names_are_looked_up_again_at_their_period_and_believed_for_six_failures() -> None:
    fleet = Noting()
    asked: list[tuple[str, int]] = []
    known: list[list[str]] = []

    def resolve(name: str, port: int) -> list[str]:
        known.append(fleet.urls())
        asked.append((name, port))
        if len(asked) > 2:
            raise OSError("nobody could say")
        return [f"http://10.0.0.{len(asked)}:{port}"]

    discovery = Discovery(
        fleet=fleet,
        secret=None,
        workers_list=(),
        workers_dns=[("workers.home.arpa", 32481)],
        poll_seconds=2,
        dns_seconds=10,
        log=Log("test", "error"),
        meters=Meters(Metrics()),
        resolve=resolve,
    )
    pauses = Pauses(DNS_FAILURES_ALLOWED + 5)
    discovery._stopped = pauses
    discovery._resolve_forever()
    assert set(pauses.seconds) == {10}
    assert set(asked) == {("workers.home.arpa", 32481)}
    # Nothing at first; each new answer takes the place of the last; six failures change nothing, the seventh does.
    first, second = ["http://10.0.0.1:32481"], ["http://10.0.0.2:32481"]
    assert known == [[], first, *[second] * (DNS_FAILURES_ALLOWED + 1), [], []]
