"""Sends hostile requests, many at a time, and notes what came of each."""

import concurrent.futures
import contextlib
import json
import re
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass

from tests.security.hostile_requests import CLOSED, Case

AT_ONCE = 32
# Longer than every deadline of the server: what is still open then would stay open.
GIVE_UP_SECONDS = 45.0
TRICKLE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a hostile request got: the last answer's status and body, and how many answers came."""

    status: int
    body: bytes
    answers: int
    closed: bool


def attack(port: int, cases: Iterable[Case]) -> dict[str, Outcome]:
    """Send every case over a connection of its own; return the outcomes by name."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(pool.map(lambda case: (case.name, _send(port, case)), cases))


def _send(port: int, case: Case) -> Outcome:
    with socket.create_connection(("127.0.0.1", port), GIVE_UP_SECONDS) as connection:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(case.sent)
        received, closed = _receive(connection, case)
    statuses = re.findall(rb"HTTP/1\.[01] ([0-9]{3}) ", received)
    final = [int(status) for status in statuses if status != b"100"]
    return Outcome(final[-1] if final else CLOSED, received.rpartition(b"\r\n\r\n")[2], len(final), closed)


def _receive(connection: socket.socket, case: Case) -> tuple[bytes, bool]:
    """Return all that comes, and whether the server closed."""
    received = b""
    end = time.monotonic() + GIVE_UP_SECONDS
    connection.settimeout(TRICKLE_SECONDS if case.trickle else GIVE_UP_SECONDS)
    while time.monotonic() < end:
        try:
            piece = connection.recv(65536)
            if not piece:
                return received, True
            received += piece
        except TimeoutError:
            if case.trickle:
                with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                    connection.sendall(b"a")
        except ConnectionResetError:
            return received, True
    return received, False


def judge(case: Case, outcome: Outcome) -> None:
    """Assert that a hostile request got what is right, and nothing that helps its sender.

    Raises:
        AssertionError: it did not.
    """
    assert outcome.closed, "the server keeps the connection"
    assert outcome.status in case.right, (case.sent[:300], outcome)
    if outcome.status == CLOSED:
        return
    assert outcome.answers == case.answers, outcome
    if outcome.body:
        said = json.loads(outcome.body)
        assert set(said) == {"error", "detail", "hint"}
        assert said["detail"]
        assert said["hint"]
        assert b"Traceback" not in outcome.body
