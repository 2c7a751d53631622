"""The way to PMS: a keep-alive connection from loopback to loopback, one request after the other.

A job has two, one for its manifests and one for everything else, as with Plex's own transcoder: a manifest PMS takes
its time for must not hold up progress. Nothing is sent a second time here but on a connection PMS had closed; the
worker repeats what was not taken, and knows what is newest.

``http.client`` and not ``requests``: the request line has to arrive as it was written, and one connection in a fixed
order is what ``HTTPConnection`` is; a pool would have to be talked out of being one.
"""

import contextlib
import http.client
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from scaleplex.common.errors import UpstreamError
from scaleplex.common.log import Secret

CONNECT_SECONDS = 2.0
REPLY_MAX_BYTES = 1 << 20
# How long a request waits for the one before it. The worker gives up after three seconds and asks again: less than
# that, so that of one job never more than two are here.
TURN_SECONDS = 2.0
# What Plex's own transcoder sends with each callback, beside the token.
HEADERS = {"User-Agent": "Lavf/60.16.100", "Accept": "*/*", "X-Plex-Http-Pipeline": "infinite", "Icy-MetaData": "1"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What PMS answered, unchanged."""

    status: int
    body: bytes
    content_type: str | None


class Upstream:
    """One connection to PMS."""

    def __init__(self, plex_url: str, limit_seconds: float) -> None:
        """Remember where PMS is; nothing is opened yet.

        Args:
            plex_url: an http URL on loopback.
            limit_seconds: how long the answer to one callback may take.
        """
        parts = urlsplit(plex_url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._authority = parts.netloc
        self._limit_seconds = limit_seconds
        self._lock = threading.Lock()  # one request at a time
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
