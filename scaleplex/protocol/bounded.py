"""Connections on which nobody can make a caller wait or read for longer than it wants.

The time-outs of sockets are for one read: a peer that sends a byte now and then is never late, neither in the head of
an answer nor in its body. Here one deadline and one number of bytes hold for a whole answer.
"""

import socket
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError

HEAD_MAX_BYTES = 1 << 16
SHORTEST_SECONDS = 0.001  # 0 would mean "do not wait", which is another thing


class Budget:
    """What one answer may still cost; renewed for each request."""

    def __init__(self) -> None:
        self._deadline = float("inf")
        self._bytes_left = 0

    def renew(self, seconds: float, body_bytes: int) -> None:
        """Allow an answer this time from now, and a head and so many bytes of a body."""
        self._deadline = time.monotonic() + seconds
        self._bytes_left = HEAD_MAX_BYTES + body_bytes

    def seconds_left(self) -> float:
        """Return the time left.

        Raises:
            TimeoutError: no time is left.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer was not complete in time")
        return max(left, SHORTEST_SECONDS)

    def spend(self, received: int) -> None:
        """Note bytes that came.

        Raises:
            OSError: they are too many.
        """
        self._bytes_left -= received
        if self._bytes_left < 0:
            raise OSError("the answer is longer than any of the fleet")


class BoundedSocket(socket.socket):
    """A connected socket that keeps to a budget; http.client uses these two of its methods alone."""

    budget: Budget

    def sendall(self, *args: Any) -> None:
        """Send as ``socket.socket`` does, within the budget."""
        self.settimeout(self.budget.seconds_left())
        super().sendall(*args)

    def recv_into(self, *args: Any, **named: Any) -> int:
        """Read as ``socket.socket`` does, within the budget."""
        self.settimeout(self.budget.seconds_left())
        received = super().recv_into(*args, **named)
        self.budget.spend(received)
        return received


def adapter(budget: Budget) -> HTTPAdapter:
    """Return requests' transport with every read of it on one budget."""

    class Connection(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            plain: socket.socket = self.sock
            bounded = BoundedSocket(plain.family, plain.type, plain.proto, plain.detach())
            bounded.budget = budget
            self.sock = bounded

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    made = HTTPAdapter()
    made.poolmanager.pool_classes_by_scheme = {"http": Pool}
    return made


def read_body(response: requests.Response, limit_bytes: int) -> bytes:
    """Return the body of an answer that was asked for with ``stream=True``, as it came over the wire.

    Raises:
        requests.Timeout: it was not complete in time.
        requests.ConnectionError: it is too long, or its sender went away.
    """
    try:
        body: bytes = response.raw.read(limit_bytes + 1, decode_content=False)
    except ReadTimeoutError as exc:
        raise requests.ReadTimeout(exc, response=response) from exc
    except (HTTPError, OSError) as exc:
        raise requests.ConnectionError(exc, response=response) from exc
    if len(body) > limit_bytes:
        raise requests.ConnectionError(f"the answer has more than {limit_bytes} bytes")
    return body
