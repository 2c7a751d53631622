"""What somebody on the network who recorded a signed request can do with it: nothing, at no service.

Real services on addresses of loopback; the recorded bytes are sent unchanged, ``Host`` header and all.
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scaleplex.protocol import wire
from scaleplex.protocol.signing import wall_clock_ms
from tests.integration.relay.service import SECRET, Answer, Service
from tests.support.signing import epoch_of, sign

CAPABILITY = {"worker_id": "w", "version": "1", "state": "ready", "backend": "sw", "sessions": 0, "max_sessions": 1}


@dataclass(frozen=True, slots=True)
class Captured:
    """A request as it went over the wire."""

    method: str
    target: str
    body: bytes
    raw: bytes

    def sent_to(self, service: Service) -> Answer:
        return service.request(self.method, self.target, raw=self.raw)


def capture(
    service: Service, method: str, target: str, body: bytes = b"", *, time_ms: int | None = None, url: str = ""
) -> Captured:
    """Return a request a fleet's host sends to a service now, or at another time, or under another of its names."""
    header = sign(url or service.url, method, target, body, secret=SECRET, time_ms=time_ms, epoch=epoch_of(service.url))
    lines = [f"{method} {target} HTTP/1.1", f"Host: {wire.authority(service.url)}", "Connection: close"]
    lines += [f"Content-Length: {len(body)}", f"{wire.AUTH_HEADER}: {header}", "", ""]
    return Captured(method, target, body, "\r\n".join(lines).encode() + body)


def task(service: Service, *, expires_ms: int | None = None) -> bytes:
    """Return a task that a worker would refuse only for its directory, once it believes it."""
    ids = (uuid.uuid4().hex, str(uuid.uuid4()), 1)
    expires = wall_clock_ms() + wire.TICKET_LIFETIME_MS if expires_ms is None else expires_ms
    ticket = wire.make_ticket(SECRET, wire.authority(service.url), *ids, expires)
    fields = dict(zip(("session", "job", "attempt"), ids, strict=True))
    return json.dumps({**fields, "ticket": ticket, "args": ["-i", "x"], "cwd": "/nowhere"}).encode()


def made(name: str, base: Path, **where: object) -> Service:
    base.mkdir()
    (base / "run/jobs").mkdir(parents=True)
    settings = {
        "worker": {"WARM_UP": "0", "STATE_DIR": str(base), "TRANSCODE_ROOT": str(base), "MEDIA_ROOTS": str(base)},
        "orchestrator": {},
        "relay": {"RUNTIME_DIR": str(base / "run")},
    }[name]
    return Service(name, base, {**settings, **where.pop("settings", {})}, **where)  # type: ignore[arg-type, dict-item]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Service, Service]]]:
    """Two of each service, each on an address of its own and all on ports of their own."""
    base = tmp_path_factory.mktemp("fleet")
    pairs = {
        name: (made(name, base / f"{name}-1"), made(name, base / f"{name}-2", host=f"127.0.0.{second}"))
        for second, name in enumerate(("worker", "orchestrator", "relay"), 2)
    }
    services = [service for pair in pairs.values() for service in pair]
    try:
        for service in services:
            service.start()
        yield pairs
    finally:
        for service in services:
            service.stop()


def callback(service: Service) -> str:
    session, job = uuid.uuid4().hex, str(uuid.uuid4())
    return wire.callback_base("", SECRET, session, job, 1) + f"/video/:/transcode/session/{session}/{job}/progress"


REQUESTS = {
    "task": ("worker", "POST", lambda service: ("/task", task(service)), 422),
    "drain": ("worker", "POST", lambda service: ("/drain", b""), 200),
    "undrain": ("worker", "POST", lambda service: ("/undrain", b""), 200),
    "kill": ("worker", "POST", lambda service: (f"/task/{uuid.uuid4()}/kill", b""), 404),
    "register": (
        "orchestrator",
        "POST",
        lambda service: ("/register", json.dumps({"url": "http://10.9.9.9:1", "capability": CAPABILITY}).encode()),
        204,
    ),
    "placement": (
        "orchestrator",
        "POST",
        lambda service: ("/placement", json.dumps({"session": "s", "job": uuid.uuid4().hex, "attempt": 1}).encode()),
        503,
    ),
    "callback": ("relay", "PUT", lambda service: (callback(service), b""), 410),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_captured_request_is_refused_by_every_other_service_and_by_its_own_a_second_time(
    fleet: dict[str, tuple[Service, Service]], name: str
) -> None:
    kind, method, make, wanted = REQUESTS[name]
    meant, other = fleet[kind]
    captured = capture(meant, method, *make(meant))
    passed_on = captured.sent_to(other)
    assert (passed_on.status, passed_on.json["error"]) == (401, "unauthorized")
    assert f"meant for {wire.authority(meant.url)}; this service answers to {wire.authority(other.url)}" in str(
        passed_on.json["detail"]
    )
    assert f"name it in SCALEPLEX_{kind.upper()}_URLS" in str(passed_on.json["hint"])
    assert captured.sent_to(meant).status == wanted
    again = captured.sent_to(meant)
    assert (again.status, again.json["detail"]) == (401, "The request was seen before.")


@pytest.mark.parametrize("kind", ["worker", "orchestrator", "relay"])
def test_a_request_captured_before_a_restart_is_worth_nothing_after_it(tmp_path: Path, kind: str) -> None:
    service = made(kind, tmp_path / kind).start()
    try:
        name = {"worker": "undrain", "orchestrator": "placement", "relay": "callback"}[kind]
        _, method, make, wanted = REQUESTS[name]
        # A clock that lags or leads by less than the tolerance makes no difference to what a recording is worth.
        captured = [
            capture(service, method, *make(service), time_ms=wall_clock_ms() + ms) for ms in (0, 50_000, -30_000)
        ]
        assert [one.sent_to(service).status for one in captured] == [wanted] * 3
        service.restart()
        answers = [one.sent_to(service) for one in captured]
        assert [(answer.status, answer.json["error"]) for answer in answers] == [(401, "epoch")] * 3
        assert {str(answer.json["detail"]) for answer in answers} == {
            "The request may be older than this process, which cannot know whether it was carried out before."
        }
        # Nobody else waits for a minute: a lagging host's next request passes as soon as it names the new epoch.
        lagging = capture(service, method, *make(service), time_ms=wall_clock_ms() - 5_000)
        assert lagging.sent_to(service).status == wanted
    finally:
        service.stop()


@pytest.mark.parametrize("seconds", [-59, -31, 31, 59])
def test_a_host_whose_clock_is_off_by_less_than_a_minute_is_served_and_its_tickets_are_good(
    fleet: dict[str, tuple[Service, Service]], seconds: int
) -> None:
    worker = fleet["worker"][0]
    assert capture(worker, "POST", "/undrain").sent_to(worker).status == 200  # the fleet is shared with replayed drains
    theirs_ms = wall_clock_ms() + seconds * 1000
    body = task(worker, expires_ms=theirs_ms + wire.TICKET_LIFETIME_MS)
    answer = capture(worker, "POST", "/task", body, time_ms=theirs_ms).sent_to(worker)
    assert answer.status == 422, answer.json


@pytest.mark.parametrize("seconds", [-62, 62])
def test_a_host_whose_clock_is_off_by_more_is_told_so(fleet: dict[str, tuple[Service, Service]], seconds: int) -> None:
    worker = fleet["worker"][0]
    theirs_ms = wall_clock_ms() + seconds * 1000
    answer = capture(worker, "POST", "/task", task(worker), time_ms=theirs_ms).sent_to(worker)
    assert (answer.status, answer.json["error"]) == (401, "unauthorized")
    assert "The request's time is off by 6" in str(answer.json["detail"])
    if seconds > 0:
        body = task(worker, expires_ms=theirs_ms + wire.TICKET_LIFETIME_MS)
        answer = capture(worker, "POST", "/task", body).sent_to(worker)
        assert (answer.status, answer.json["error"]) == (403, "bad-ticket")
        assert "s ahead" in str(answer.json["detail"])


def test_a_service_answers_to_its_addresses_and_to_the_names_it_is_given_and_to_no_other(tmp_path: Path) -> None:
    service = made("orchestrator", tmp_path / "o", host="::", settings={"URLS": "http://Orchestrator.home.arpa:32480"})
    try:
        service.start()
        for url, status in (
            (f"http://127.0.0.1:{service.port}", 200),
            ("http://orchestrator.home.arpa:32480", 200),
            ("http://ORCHESTRATOR.home.arpa:32480", 200),
            ("http://orchestrator.home.arpa:32481", 401),
            (f"http://localhost:{service.port}", 401),
            (f"http://127.0.0.2:{service.port}", 401),
            (f"http://[::1]:{service.port}", 401),
        ):
            assert capture(service, "GET", "/workers", url=url).sent_to(service).status == status, url
        service.host = "::1"
        for url, status in (("[::1]", 200), ("[0:0::1]", 200), ("127.0.0.1", 401)):
            captured = capture(service, "GET", "/workers", url=f"http://{url}:{service.port}")
            assert captured.sent_to(service).status == status, url
    finally:
        service.stop()
