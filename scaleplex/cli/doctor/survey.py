"""One look at the whole fleet: every service is asked once, side by side; the checks judge what came back."""

import email.utils
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import requests

from scaleplex.common.log import Secret
from scaleplex.protocol import relay_probe
from scaleplex.protocol.client import Answer as HttpAnswer
from scaleplex.protocol.client import SignedSession, UntrustedAnswer
from scaleplex.protocol.relay_probe import Answer, short

CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What a service answered to one request.

    Attributes:
        status: None when there was no answer; ``error`` says why.
        skew_seconds: how far its clock is ahead of ours, from the Date header, to a second; None if it has none.
    """

    status: int | None
    body: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    skew_seconds: float | None = None

    @property
    def detail(self) -> str:
        """What it says about itself in an error."""
        return str(self.body.get("detail") or self.error or f"status {self.status}")


@dataclass(slots=True)
class Service:
    """One service of the fleet: its answer to a signed and to an unsigned question, and its readiness."""

    kind: str
    url: str
    signed: Reply
    unsigned: Reply
    ready: Reply

    @property
    def answers(self) -> bool:
        """Whether anything came back."""
        return self.signed.status is not None


@dataclass(slots=True)
class Survey:
    """Everything that was asked.

    Attributes:
        relay_here: None when this host does not know the relay.
        relay_from: what each answering worker says of the relay, by its URL.
        storages: what each answering worker says of its directories, by its URL.
    """

    workers: list[Service]
    orchestrators: list[Service]
    relay_url: str
    relay_here: list[Answer] | None
    relay_from: dict[str, Reply]
    storages: dict[str, Reply]

    @property
    def services(self) -> list[Service]:
        """Orchestrators and workers."""
        return self.orchestrators + self.workers


QUESTIONS = {"worker": "/capability", "orchestrator": "/workers"}


def take(workers: Sequence[str], orchestrators: Sequence[str], relay_url: str, secret: Secret | None) -> Survey:
    """Ask everybody: orchestrators first, since they know of workers that no file names."""
    asked = side_by_side([_asker("orchestrator", url, secret) for url in orchestrators])
    named = list(workers)
    for service in asked:
        named += [str(view["url"]) for view in service.signed.body.get("workers", []) if view.get("url") not in named]
    found = side_by_side([_asker("worker", url, secret) for url in dict.fromkeys(named)])
    answering = [service.url for service in found if service.signed.status == 200]
    views = side_by_side([_relay_asker(url, relay_url, secret) for url in answering]) if relay_url else []
    storages = side_by_side([partial(ask, "GET", url + "/doctor/storage", secret) for url in answering])
    return Survey(
        found,
        asked,
        relay_url,
        relay_probe.ask(relay_url, secret) if relay_url else None,
        dict(zip(answering, views, strict=False)),
        dict(zip(answering, storages, strict=True)),
    )


def ask(
    method: str, url: str, secret: Secret | None, *, json: object = None, read_seconds: float = READ_SECONDS
) -> Reply:
    """Send one request, signed when there is a secret, and return what came back."""
    session = SignedSession(secret)
    before = time.time()
    try:
        answer = session.request(method, url, json=json, connect_seconds=CONNECT_SECONDS, read_seconds=read_seconds)
        return Reply(answer.status_code, _body(answer), "", clock_skew(answer.headers.get("Date"), before, time.time()))
    except UntrustedAnswer as exc:
        # A refusal shows what is wrong, whoever it is from; anything else is not the service's.
        if exc.answer.ok:
            return Reply(None, error="its answer is not signed with this host's fleet secret")
        date = exc.answer.headers.get("Date")
        return Reply(exc.answer.status_code, _body(exc.answer), "", clock_skew(date, before, time.time()))
    except requests.RequestException as exc:
        return Reply(None, error=short(exc))
    finally:
        session.close()


def new_marker() -> str:
    """Return the name of a marker nobody has used."""
    return "marker-" + secrets.token_hex(16)


def side_by_side(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run calls at the same time and return their results in order; a call must not raise."""
    results: list[Any] = [None] * len(calls)

    def store(place: int, call: Callable[[], Any]) -> None:
        results[place] = call()

    threads = [threading.Thread(target=store, args=item, daemon=True) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _asker(kind: str, url: str, secret: Secret | None) -> Callable[[], Service]:
    def call() -> Service:
        signed = ask("GET", url + QUESTIONS[kind], secret)
        if signed.status is None:
            return Service(kind, url, signed, signed, signed)
        return Service(kind, url, signed, ask("GET", url + QUESTIONS[kind], None), ask("GET", url + "/readyz", None))

    return call


def _relay_asker(worker: str, relay_url: str, secret: Secret | None) -> Callable[[], Reply]:
    return lambda: ask("POST", worker + "/doctor/relay", secret, json={"url": relay_url}, read_seconds=6.0)


def _body(answer: HttpAnswer) -> dict[str, Any]:
    try:
        value = answer.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def clock_skew(date: str | None, before_s: float, after_s: float) -> float | None:
    """Return how far the other clock is ahead; it was read between two times of ours and cut to whole seconds."""
    if not date:
        return None
    try:
        there = email.utils.parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
    if there > after_s:
        return there - after_s
    if there + 1 < before_s:
        return there + 1 - before_s
    return 0.0
