"""Where a job is asked for, how long, and in which order."""

import socket
from collections import Counter

import pytest

from scaleplex.protocol import wire
from scaleplex.shim import config, http, placement

SECRET = b"a fleet secret for tests"
WORKERS = tuple(f"http://10.0.0.{number}:32481" for number in range(1, 5))


def search(job: str, orchestrators: str = "") -> placement.Search:
    given = {"WORKERS_LIST": ",".join(WORKERS), "ORCHESTRATORS": orchestrators}
    settings = config.Config({config.PREFIX + name: value for name, value in given.items()})
    return placement.Search(settings, SECRET, {"session": "s", "job": job, "attempt": 1})


def order(job: str) -> list[str]:
    """Return the workers in the order in which a job meets them."""
    looking, met = search(job), []
    while (found := looking.next_worker()) is not None:
        met.append(found[0])
        looking.exclude(found[0], "full")
    return met


def test_different_jobs_begin_at_different_workers_and_meet_all() -> None:
    orders = [order(f"{number:08x}-2a54-4a6f-9d0e-6d8c2f6f8b11") for number in range(40)]
    assert Counter(met[0] for met in orders) == dict.fromkeys(WORKERS, 10)
    assert all(sorted(met) == sorted(WORKERS) for met in orders)
    assert order("00000001-2a54") == order("00000001-2a54")


def test_an_orchestrator_that_says_nothing_leaves_time_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float]] = []

    def silent(url: str, target: str, body: bytes, secret: bytes, answer_seconds: float) -> tuple[int, bytes]:
        asked.append((url, answer_seconds))
        raise TimeoutError("timed out")

    monkeypatch.setattr(http, "exchange", silent)
    looking = search("00000000-2a54", "http://10.0.0.8:32480,http://10.0.0.9:32480")
    assert looking.next_worker() is not None
    assert [url for url, _ in asked] == ["http://10.0.0.8:32480", "http://10.0.0.9:32480"]
    assert max(seconds for _, seconds in asked) <= 2.0 < placement.SEARCH_SECONDS


def test_a_host_that_is_off_costs_a_quarter_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed: list[float] = []

    def connect(url: str, seconds: float) -> http.Socket:
        allowed.append(seconds)
        raise TimeoutError("timed out")

    monkeypatch.setattr(http, "connect", connect)
    assert search("00000000-2a54", "http://10.0.0.8:32480").next_worker() is not None
    assert allowed == [0.25]


def test_a_connection_notices_by_itself_that_the_host_behind_it_is_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = http.connect(f"http://127.0.0.1:{listener.getsockname()[1]}", 5)
        try:
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 2
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 3
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
        finally:
            connection.close()


def test_a_ticket_of_our_own_is_good_for_the_worker_it_is_for() -> None:
    found = search("00000000-2a54").next_worker()
    assert found is not None
    worker, ticket = found
    now_ms = int(ticket.split(" ")[1]) - wire.TICKET_LIFETIME_MS
    assert wire.ticket_problem(SECRET, ticket, wire.authority(worker), "s", "00000000-2a54", 1, now_ms) is None


def test_the_orchestrators_reason_for_a_worker_is_kept_for_the_workers_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = b'{"worker": "http://10.0.0.6:32481", "ticket": "t", "reason": "least-loaded"}'
    monkeypatch.setattr(http, "exchange", lambda *_: (200, answer))
    looking = search("00000000-2a54", "http://10.0.0.8:32480")
    assert looking.next_worker() == ("http://10.0.0.6:32481", "t")
    assert looking.reason == "least-loaded"
    monkeypatch.setattr(http, "exchange", lambda *_: (500, b"{}"))
    assert looking.next_worker() is not None
    assert looking.reason == "static-list"


def test_an_orchestrator_that_has_no_worker_is_believed_and_one_that_fails_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "exchange", lambda *_: (503, b'{"error": "no-worker", "detail": "all are full"}'))
    looking = search("00000000-2a54", "http://10.0.0.8:32480")
    assert looking.next_worker() is None
    assert looking.failures == ["http://10.0.0.8:32480: all are full"]
    monkeypatch.setattr(http, "exchange", lambda *_: (503, b'{"error": "busy", "detail": "later"}'))
    looking = search("00000000-2a54", "http://10.0.0.8:32480")
    assert looking.next_worker() is not None
    assert looking.failures == ["http://10.0.0.8:32480: answered 503 busy: later"]


def test_a_superseded_job_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "exchange", lambda *_: (409, b'{"error": "superseded", "detail": "a newer job"}'))
    with pytest.raises(placement.SupersededError, match="a newer job"):
        search("00000000-2a54", "http://10.0.0.8:32480").next_worker()
