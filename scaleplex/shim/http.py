"""The few bytes of HTTP/1.1 the shim speaks, over a raw socket."""

import posix
import time

from scaleplex.protocol import wire

try:
    import _socket as socket
except ImportError:  # pragma: no cover - no CPython on Debian or Ubuntu lacks it
    import socket  # type: ignore[no-redef]

Socket = socket.socket
CONNECT_SECONDS = 0.25
ANSWER_MAX_BYTES = 1 << 16
HEAD_MAX_BYTES = 1 << 14
EPOCH_HEADER = wire.EPOCH_HEADER.lower()
ANSWER_HEADER = wire.ANSWER_HEADER.lower()
STRANGER_MAX_CHARS = 200
# A Plex host that vanishes is noticed by the worker, a worker host that vanishes by the kernel here: 5 + 3 * 2 s.
KEEPALIVE = (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 10_000))


def connect(url: str, seconds: float) -> Socket:
    """Return a connected socket with a timeout set.

    Args:
        url: ``http://host:port``; an IPv6 address stands in brackets.
        seconds: for the connection; the name look-up, if there is one to do, has the resolver's own.

    Raises:
        OSError: nobody there, or not in time.
    """
    host, _, port = wire.authority(url).rpartition(":")
    # As bytes: a str would load the IDNA codec. A numeric address answers without a look-up.
    found = socket.getaddrinfo(host.strip("[]").encode(), int(port), 0, socket.SOCK_STREAM)
    deadline = time.monotonic() + seconds
    problem = OSError(0, f"{url} has no address")
    for family, kind, protocol, _, address in found:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            connection.connect(address)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in KEEPALIVE:
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        except OSError as exc:
            connection.close()
            problem = exc
        else:
            return connection
    raise problem


def new_nonce() -> str:
    """Return 32 random hex digits."""
    return posix.urandom(16).hex()


def post(url: str, target: str, body: bytes, secret: bytes, nonce: str, epoch: str = wire.NO_EPOCH) -> bytes:
    """Return a signed POST request as bytes.

    Args:
        url: ``http://host:port``, for the Host header.
        target: path.
        secret: the fleet's; empty leaves the request unsigned.
        nonce: the request's own.
        epoch: the receiver's, when it has asked for it.
    """
    lines = [
        f"POST {target} HTTP/1.1",
        f"Host: {wire.authority(url)}",
        "User-Agent: scaleplex-shim",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if secret:
        now_ms = time.time_ns() // 1_000_000
        signature = wire.sign_request(secret, "POST", wire.authority(url), target, body, now_ms, nonce, epoch)
        lines.append(f"{wire.AUTH_HEADER}: {signature}")
    return "\r\n".join((*lines, "", "")).encode() + body


def exchange(url: str, target: str, body: bytes, secret: bytes, answer_seconds: float) -> tuple[int, bytes]:
    """Send a request and return status and body of the answer; twice when the receiver asks for its epoch.

    With a fleet secret, an answer that it did not sign is an error.

    Args:
        answer_seconds: for connection and answer together; the connection alone has ``CONNECT_SECONDS`` at most.

    Raises:
        OSError: no connection, or no answer in time.
        ValueError: the answer is not HTTP, or nobody of the fleet gave it.
    """
    deadline = time.monotonic() + answer_seconds
    reader, answer = _ask(url, target, body, secret, deadline)
    if reader.epoch and refusal(answer).get("error") == wire.EPOCH_WANTED:
        reader, answer = _ask(url, target, body, secret, deadline, reader.epoch)
    return reader.status, answer


def unverified(status: int, body: bytes) -> str:
    """Return a sentence on an answer that nobody of the fleet signed; what it says is a stranger's word, cut short."""
    said = str(refusal(body).get("detail") or "")[:STRANGER_MAX_CHARS]
    said = "".join(char if char.isprintable() else "?" for char in said)
    return f"its answer {status} is not signed with the fleet secret" + (
        f"; it says, unverified: {said}" if said else ""
    )


def refusal(body: bytes) -> dict[str, object]:
    """Return the object an error answer holds, an empty one if it holds none."""
    try:
        fields = wire.load_json(body.decode())
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _ask(
    url: str, target: str, body: bytes, secret: bytes, deadline: float, epoch: str = wire.NO_EPOCH
) -> "tuple[ResponseReader, bytes]":
    """Send a request on a connection of its own and return what came back, if the fleet's secret signed it."""
    nonce = new_nonce()
    connection = connect(url, min(CONNECT_SECONDS, max(deadline - time.monotonic(), 0.001)))
    try:
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        connection.sendall(post(url, target, body, secret, nonce, epoch))
        reader = ResponseReader()
        answer = b""
        while not reader.done and len(answer) < ANSWER_MAX_BYTES:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            received = connection.recv(1 << 16)
            answer += reader.feed(received) if received else reader.end()
    finally:
        connection.close()
    if secret and not reader.signed(secret, nonce, answer):
        raise ValueError(unverified(reader.status, answer))
    return reader, answer


class ResponseReader:
    """Takes a response apart, whatever the pieces it arrives in.

    ``status`` is 0 until the head is complete; ``done`` once the body is. ``epoch`` is the sender's, if it names one.
    """

    def __init__(self) -> None:
        self.status = 0
        self.epoch = ""
        self._seal = ""
        self.done = False
        self._pending = b""
        self._chunked = False
        self._left: int | None = None  # bytes of the body, or of this chunk, to come; None: not known
        self._after_chunk = False

    def signed(self, secret: bytes, nonce: str, body: bytes | None) -> bool:
        """Return whether the fleet's secret signed this answer to the request with this nonce.

        Args:
            body: the whole one; None for a stream of frames.
        """
        return wire.same(wire.seal_answer(secret, nonce, self.status, body), self._seal)

    def feed(self, received: bytes) -> bytes:
        """Return the bytes of the body these bytes hold.

        Raises:
            ValueError: this is not HTTP.
        """
        self._pending += received
        if not self.status and not self._read_head():
            return b""
        if self.done:
            return b""
        return self._read_chunks() if self._chunked else self._read_plain()

    def end(self) -> bytes:
        """Note that the sender closed the connection; return no bytes.

        Raises:
            ConnectionError: the body was not complete.
        """
        if not self.status or self._chunked or self._left is not None:
            raise ConnectionError("the connection was closed in the middle of the answer")
        self.done = True
        return b""

    def _read_head(self) -> bool:
        head, separator, rest = self._pending.partition(b"\r\n\r\n")
        if not separator:
            if len(self._pending) > HEAD_MAX_BYTES or not b"HTTP/1.".startswith(self._pending[:7]):
                raise ValueError("the answer is not HTTP")
            return False
        lines = head.decode("latin-1").split("\r\n")
        version, _, status = lines[0].partition(" ")
        if not version.startswith("HTTP/1.") or not status[:3].isdigit():
            raise ValueError("the answer is not HTTP")
        self._pending = rest
        if status[0] == "1":  # an interim answer; the real one follows
            return self._read_head()
        self.status = int(status[:3])
        for line in lines[1:]:
            name, _, value = line.partition(":")
            value = value.strip()
            if name.lower() == "transfer-encoding" and value.lower() == "chunked":
                self._chunked, self._left = True, None
            elif name.lower() == "content-length" and value.isdigit() and not self._chunked:
                self._left = int(value)
            elif name.lower() == EPOCH_HEADER and wire.is_epoch(value):
                self.epoch = value
            elif name.lower() == ANSWER_HEADER:
                self._seal = value
        self.done = self.status in (204, 304) or self._left == 0
        return True

    def _read_plain(self) -> bytes:
        body = self._pending if self._left is None else self._pending[: self._left]
        self._pending = b""
        if self._left is not None:
            self._left -= len(body)
            self.done = self._left == 0
        return body

    def _read_chunks(self) -> bytes:
        body = b""
        while True:
            if self._left:
                piece = self._pending[: self._left]
                body += piece
                self._pending = self._pending[len(piece) :]
                self._left -= len(piece)
                if self._left:
                    return body
                self._after_chunk = True
            line, separator, rest = self._pending.partition(b"\r\n")
            if not separator:
                if len(self._pending) > HEAD_MAX_BYTES:
                    raise ValueError("the answer's chunks are malformed")
                return body
            self._pending = rest
            if self._after_chunk:
                self._after_chunk = False
                if line:
                    raise ValueError("the answer's chunks are malformed")
                continue
            self._left = int(line.split(b";")[0], 16)
            if self._left == 0:  # trailers, if any, say nothing the shim needs
                self.done = True
                return body
