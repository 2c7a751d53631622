"""The worker's way to the relay: signed requests, each sender of a task on a keep-alive connection of its own."""

import json
from dataclasses import dataclass
from typing import Protocol

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from scaleplex.protocol import wire
from scaleplex.protocol.client import SignedSession, UntrustedAnswer

CONNECT_SECONDS = 1.0
READ_SECONDS = 3.0
BODY_MAX_CHARS = 4096
ANSWER_MAX_BYTES = 1 << 16
GONE, SERVER_ERRORS = 410, 500
REFUSALS = (401, 403)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the relay answered."""

    status: int
    body: str


class Unreachable(OSError):
    """There is no connection to the relay, so it has not seen the request."""


class Transport(Protocol):
    """Sends requests on one connection.

    ``send`` raises Unreachable when the request was not seen, another OSError when its answer did not come.
    """

    def send(self, method: str, url: str, *, body: bytes = b"", read_seconds: float = READ_SECONDS) -> Reply: ...

    def close(self) -> None: ...


class RelayClient(SignedSession):
    """The transport of one sender; belongs to its thread."""

    def send(self, method: str, url: str, *, body: bytes = b"", read_seconds: float = READ_SECONDS) -> Reply:
        """Send one request, once more if the kept connection was closed meanwhile.

        Args:
            read_seconds: how long to wait for the answer.

        Raises:
            Unreachable: no connection could be made.
            OSError: the answer did not come (``requests.RequestException`` is one).
        """
        try:
            return self._once(method, url, body, read_seconds)
        except requests.ConnectionError as exc:
            if _not_connected(exc):
                raise Unreachable(f"no connection to the relay: {type(exc).__name__}") from exc
        try:
            return self._once(method, url, body, read_seconds)
        except requests.ConnectionError as exc:
            if _not_connected(exc):
                raise Unreachable(f"no connection to the relay: {type(exc).__name__}") from exc
            raise

    def _once(self, method: str, url: str, body: bytes, read_seconds: float) -> Reply:
        try:
            answer = self.request(
                method,
                url,
                body=body,
                connect_seconds=CONNECT_SECONDS,
                read_seconds=read_seconds,
                answer_max_bytes=ANSWER_MAX_BYTES,
            )
        except UntrustedAnswer as exc:
            # A relay with another secret cannot sign its refusal. Whoever answers there, no callback gets through.
            if exc.answer.status_code not in REFUSALS:
                raise
            answer = exc.answer
        return Reply(answer.status_code, answer.text[:BODY_MAX_CHARS])


def is_refusal(reply: Reply) -> bool:
    """Return whether the relay does not take this worker's word; one that has just started asks for another."""
    return reply.status in REFUSALS and _said(reply).get("error") != wire.EPOCH_WANTED


def refusal(kind: str, reply: Reply) -> str:
    """Return a sentence about a relay that does not take this worker's word."""
    said = _said(reply)
    why = "Plex Media Server itself answered that; has the job's token expired?"
    if {"error", "detail", "hint"} <= said.keys():
        why = f"{said['error']}: {said['detail']} {said['hint']}"
    return f"The relay answered {reply.status} to a {kind} callback. {why}"


def _said(reply: Reply) -> dict[str, object]:
    """Return what an error of our own says, nothing for an answer of PMS's."""
    try:
        said = json.loads(reply.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _not_connected(exc: requests.ConnectionError) -> bool:
    cause = exc.args[0] if exc.args else None
    return isinstance(exc, requests.ConnectTimeout) or (
        isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)
    )
