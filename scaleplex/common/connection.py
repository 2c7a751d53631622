"""One client of the server: how much of a service it may take, its connection, and the answer it gets."""

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import falcon
from gunicorn.http import wsgi

from scaleplex.common.seats import peer_of


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take of a service before it has shown that it knows the secret."""

    head_seconds: float = 5.0  # from the first moment to the end of the head
    body_seconds: float = 10.0  # from there to the end of the body, and more by what has come:
    body_bytes_per_second: int = 128 * 1024
    idle_seconds: float = 75.0  # between two requests
    send_seconds: float = 10.0  # to take an answer
    linger_seconds: float = 2.0  # to close after it
    drain_linger_seconds: float = 0.5  # between two requests once the service stops
    head_max_bytes: int = 64 * 1024
    waiting_per_peer: int = 128
    kept_max_bytes: int = 32 << 20  # requests and answers in memory, of all clients
    # A whole request that no thread takes for so long: every thread beyond the films' is stuck.
    stuck_seconds: float = 45.0


class Outlet:
    """What gunicorn writes an answer to: kept in memory, except the stream of a film."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.streaming = False
        self.pending = bytearray()
        self.sent_any = False

    def sendall(self, data: bytes) -> None:
        """Take a piece of the answer."""
        self.sent_any = True
        if not self.streaming:
            self.pending += data
            return
        self._sock.sendall(bytes(self.pending) + data if self.pending else data)
        self.pending.clear()

    def send(self, data: bytes) -> int:
        """Drop ``100 Continue``, all that gunicorn sends this way: the body is here already."""
        return len(data)

    def push(self) -> None:
        """Send what the client takes without waiting."""
        while self.pending:
            try:
                sent = self._sock.send(self.pending, socket.MSG_DONTWAIT)
            except (BlockingIOError, InterruptedError):
                return
            del self.pending[:sent]


class Connection:
    """One client. The loop owns it, except while a thread handles its request."""

    __slots__ = ("address", "deadline", "discarded", "intake", "keep", "outbox", "peer", "since", "sock", "state")

    def __init__(self, sock: socket.socket, address: object) -> None:
        self.sock = sock
        self.address = address
        self.peer = peer_of(address)
        self.intake: Any = None
        self.outbox = bytearray()
        self.keep = False  # whether it stays open once the outbox is empty
        self.state: Callable[[Connection], None] | None = None  # what the loop does when the socket is ready
        self.deadline = 0.0
        self.since = 0.0  # when the request now handled was whole
        self.discarded = 0


def answer_bytes(status: int, body: dict[str, object] | None, *, keep: bool) -> bytes:
    """Return an answer of the server itself; None is an answer to HEAD."""
    text = b"" if body is None else json.dumps(body).encode()
    length = "" if body is None else f"Content-Length: {len(text)}\r\n"
    head = (
        f"HTTP/1.1 {falcon.code_to_http_status(status)}\r\nContent-Type: application/json\r\n{length}"
        f"Connection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    )
    return head.encode("latin-1") + text


def respond(app: Callable[..., Any], cfg: Any, connection: Connection, outlet: Outlet, *, closing: bool) -> bool:
    """Run an app on a whole request; return whether the connection may stay open.

    Args:
        closing: tell the client that it may not.
    """
    request = connection.intake.request
    answer, environ = wsgi.create(request, outlet, connection.address, connection.sock.getsockname(), cfg)
    environ["wsgi.multithread"] = True
    environ["gunicorn.socket"] = connection.sock  # the stream of a film watches whether its shim is there
    if closing:
        answer.force_close()
    body = app(environ, answer.start_response)
    try:
        without_body = request.method == "HEAD" or answer.status[:3] in ("204", "304")
        outlet.streaming = answer.response_length is None and not without_body
        for piece in body:
            answer.write(piece)
        answer.close()
        outlet.push()
    finally:
        if hasattr(body, "close"):
            body.close()
    return not answer.should_close()
