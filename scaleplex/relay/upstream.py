"""The way to PMS: one keep-alive connection for each job, from loopback to loopback, one request after the other.

``http.client`` and not ``requests``: the request line has to arrive as it was written, and one connection per job in a
fixed order is what ``HTTPConnection`` is; a pool would have to be talked out of being one.
"""

import contextlib
import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from scaleplex.common.errors import UpstreamError
from scaleplex.common.log import Secret

CONNECT_SECONDS = 2.0
REPLY_MAX_BYTES = 1 << 20
MANIFEST_TRIES = 6
# How long a request waits for the one before it: the sender of progress does not wait longer for the answer.
TURN_SECONDS = 4.0
FIRST_PAUSE_SECONDS = 0.2
# What Plex's own transcoder sends with each callback, beside the token.
HEADERS = {"User-Agent": "Lavf/60.16.100", "Accept": "*/*", "X-Plex-Http-Pipeline": "infinite", "Icy-MetaData": "1"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What PMS answered, unchanged."""

    status: int
    body: bytes
    content_type: str | None


class Upstream:
    """PMS, as one job sees it."""

    def __init__(
        self,
        plex_url: str,
        limit_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Remember where PMS is; nothing is opened yet.

        Args:
            plex_url: an http URL on loopback.
            limit_seconds: how long one callback may take.
            clock: monotonic seconds.
            sleep: waits that many seconds.
        """
        parts = urlsplit(plex_url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._authority = parts.netloc
        self._limit_seconds = limit_seconds
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()  # one request at a time; not held while a failed one waits for its next try
        self._connection: http.client.HTTPConnection | None = None

    def send(
        self, method: str, target: str, token: Secret, body: bytes = b"", turn_seconds: float = TURN_SECONDS
    ) -> Reply:
        """Send one request and return the reply.

        A connection that PMS closed while it was idle costs one more try.

        Args:
            turn_seconds: how long to wait for the request before this one.

        Raises:
            UpstreamError: PMS cannot be reached or did not answer in time.
        """
        if not self._lock.acquire(timeout=turn_seconds):
            raise self._failed(TimeoutError("an earlier callback of this job is still waiting for its answer"))
        try:
            reused = self._connection is not None
            try:
                return self._exchange(method, target, token, body)
            except TimeoutError as exc:
                self._drop()
                raise self._failed(exc) from exc
            except (OSError, http.client.HTTPException) as exc:
                self._drop()
                if not reused:
                    raise self._failed(exc) from exc
            try:
                return self._exchange(method, target, token, body)
            except (OSError, http.client.HTTPException) as exc:
                self._drop()
                raise self._failed(exc) from exc
        finally:
            self._lock.release()

    def send_surely(self, method: str, target: str, token: Secret, body: bytes) -> Reply:
        """Send a request whose loss would stall playback: try again while PMS fails, within the time limit.

        Raises:
            UpstreamError: PMS failed to the end.
        """
        end = self._clock() + self._limit_seconds
        pause = FIRST_PAUSE_SECONDS
        for tries_left in range(MANIFEST_TRIES - 1, -1, -1):
            give_up = tries_left == 0 or self._clock() + pause >= end
            try:
                reply = self.send(method, target, token, body, turn_seconds=max(0.0, end - self._clock()))
                if reply.status < 500 or give_up:
                    return reply
            except UpstreamError:
                if give_up:
                    raise
            self._sleep(pause)
            pause *= 2
        raise AssertionError("the last try returns or raises")

    def close(self) -> bool:
        """Close the connection; return False, and leave it open, while a request is under way."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self._drop()
        finally:
            self._lock.release()
        return True

    def _exchange(self, method: str, target: str, token: Secret, body: bytes) -> Reply:
        if self._connection is None:
            source = ("::1" if ":" in self._host else "127.0.0.1", 0)
            self._connection = http.client.HTTPConnection(
                self._host, self._port, timeout=CONNECT_SECONDS, source_address=source
            )
            self._connection.connect()
            self._connection.sock.settimeout(self._limit_seconds)
        headers = {"Host": self._authority, **HEADERS}
        if method == "PUT":
            headers["Range"] = "bytes=0-"  # as Plex's transcoder does; its replies with a body are 206 for that reason
        if token.reveal():
            headers["X-Plex-Token"] = token.reveal().decode("latin-1")
        self._connection.request(method, target, body or None, headers)
        with self._connection.getresponse() as response:
            content = response.read(REPLY_MAX_BYTES)
            content_type = response.getheader("Content-Type")
            if response.will_close or not response.isclosed():
                self._drop()
        return Reply(response.status, content, content_type)

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.close()
            self._connection = None

    def _failed(self, exc: Exception) -> UpstreamError:
        return UpstreamError(
            f"Plex Media Server at {self._authority} did not answer: {str(exc) or type(exc).__name__}.",
            "Is it running on this host? See `systemctl status plexmediaserver` and SCALEPLEX_RELAY_PLEX_URL.",
        )
