"""A PMS as far as its transcode callbacks go: records every request, answers byte for byte as one does."""

import contextlib
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.support.loopback import LoopbackServer

IDLE = b'<?xml version="1.0" encoding="UTF-8"?>\n<MediaContainer size="0">\n</MediaContainer>\n'
THROTTLE = b'<?xml version="1.0" encoding="UTF-8"?>\n<MediaContainer size="0" canThrottle="1">\n</MediaContainer>\n'


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    peer: tuple[str, int]
    arrived_s: float = field(default_factory=time.monotonic)

    @property
    def tail(self) -> str:
        return self.target.partition("?")[0].rpartition("/")[2]


class FakePlex(LoopbackServer):
    """Listens on loopback; the switches may be turned at any time."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.throttle = False
        self.failures: list[int] = []  # statuses of the next answers to manifests
        self.delay_seconds = 0.0
        self.close_after_answer = False
        self._lock = threading.Lock()
        super().__init__()

    def of(self, job: str, tail: str | None = None) -> list[Recorded]:
        """Return the requests for one job, in the order they arrived."""
        with self._lock:
            return [r for r in self.requests if f"/{job}/" in r.target and tail in (None, r.tail)]

    def peers(self) -> set[tuple[str, int]]:
        """Return the addresses that are connected now."""
        found = set()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                found.add(connection.getpeername()[:2])
        return found

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        request = Recorded(
            handler.command,
            handler.path,
            {key.lower(): value for key, value in handler.headers.items()},
            body,
            handler.client_address,
        )
        with self._lock:
            self.requests.append(request)
            failure = self.failures.pop(0) if self.failures and request.tail == "manifest" else None
        time.sleep(self.delay_seconds)
        status, content = (failure, b"") if failure else self._reply(request)
        handler.send_response_only(status)
        if status != 204:
            handler.send_header("Content-Length", str(len(content)))
            handler.send_header("Content-Type", "text/xml;charset=utf-8")
        if self.close_after_answer:
            handler.send_header("Connection", "close")
            handler.close_connection = True
        handler.end_headers()
        handler.wfile.write(content)

    def _reply(self, request: Recorded) -> tuple[int, bytes]:
        query = request.target.partition("?")[2]
        if request.tail in ("log", "manifest"):
            return (200 if request.method == "POST" else 404), b""
        if request.method != "PUT":
            return 404, b""
        if query.startswith(("status=", "duration=")):
            return 204, b""
        return 206, THROTTLE if self.throttle and query.startswith("progress=") else IDLE
