"""Where ffmpeg leaves its manifests: a port of the worker's on loopback, which answers at once.

ffmpeg sends each manifest over a connection of its own, does not wait for the answer and never sends one again. So it
speaks to nobody but this process, and the task's ``Announcer`` sees to it that the relay takes what came. The port is
not the worker's own: that one is open to the network, all its requests are signed, and its threads can all be busy.
ffmpeg cannot sign; what lets it in is a path nobody else knows, made anew for each attempt.
See docs/decisions/0035-the-worker-announces.md.
"""

import hmac
import re
import secrets
import socket
import socketserver
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Protocol, cast

from scaleplex.protocol.manifests import BODY_MAX_BYTES

PATH = re.compile(r"/cb/[0-9]{1,4}/([0-9a-f]{40})(/video/:/transcode/session/[!-~]{1,1000})", re.ASCII)
READ_SECONDS = 5.0  # ffmpeg itself gives up after five seconds
BACKLOG = 128
LINE_MAX_BYTES = 1024
OPEN_MAX = 64  # connections read at a time; more wait in the backlog


class Inbox(Protocol):
    """Takes what one ffmpeg sends; never waits."""

    def take(self, target: str, body: bytes) -> None: ...
    def cut(self, target: str) -> None: ...


class Listener(socketserver.ThreadingTCPServer):
    """The port, and who is behind which path."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = BACKLOG
    block_on_close = False

    def __init__(self) -> None:
        """Open the port; nothing is read before ``start``."""
        self._key = secrets.token_bytes(32)
        self._inboxes: dict[str, Inbox] = {}
        self._changed = threading.Condition()
        self._accepted = 0
        self._open: dict[int, object] = {}  # number in the order of arrival → the other end's address
        self._places = threading.BoundedSemaphore(OPEN_MAX)
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self.serve_forever, args=(0.2,), name="listener", daemon=True).start()

    def stop(self) -> None:
        """Close the port; only after ``start``."""
        self.shutdown()
        self.server_close()

    def base(self, job: str, attempt: int) -> str:
        """Return the URL that stands for ``http://127.0.0.1:32400`` in the command line of one attempt of one job."""
        return f"{self.url}/cb/{attempt}/{self._word(job, attempt)}"

    def connect(self, job: str, attempt: int, inbox: Inbox) -> None:
        """Hand over from now on what comes for this attempt."""
        self._inboxes[self._word(job, attempt)] = inbox

    def disconnect(self, job: str, attempt: int) -> None:
        """Take nothing more for this attempt."""
        self._inboxes.pop(self._word(job, attempt), None)

    def find(self, target: str) -> tuple[Inbox, str] | None:
        """Return the inbox behind a request target, and the target PMS would have seen."""
        match = PATH.fullmatch(target)
        inbox = self._inboxes.get(match[1]) if match else None
        return (inbox, match[2]) if match and inbox is not None else None

    def settle(self, seconds: float) -> bool:
        """Wait until everything sent before this call was handed over, at most so long; return whether it was.

        Connections are accepted in the order they were made: when one of ours is open, every earlier one was accepted,
        and what an ffmpeg left in the kernel before it ended is being read.
        """
        deadline = time.monotonic() + seconds
        try:
            with socket.create_connection(self.server_address[:2], seconds) as mark:  # type: ignore[arg-type]
                name = mark.getsockname()
                with self._changed:
                    return bool(self._changed.wait_for(lambda: self._oldest() == name, deadline - time.monotonic()))
        except OSError:
            return False

    def _oldest(self) -> object:
        return next(iter(self._open.values()), None)

    def _word(self, job: str, attempt: int) -> str:
        return hmac.digest(self._key, f"{job} {attempt}".encode(), "sha256").hex()[:40]

    # --- socketserver -----------------------------------------------------------------------------------------------

    def process_request(self, request: object, client_address: object) -> None:
        """Note the order of arrival, then read in a thread of its own."""
        self._places.acquire()
        with self._changed:
            self._accepted += 1
            number = self._accepted
            self._open[number] = client_address
            self._changed.notify_all()
        threading.Thread(target=self._read, args=(number, request, client_address), daemon=True).start()

    def _read(self, number: int, request: object, client_address: object) -> None:
        try:
            self.process_request_thread(request, client_address)  # type: ignore[arg-type]
        finally:
            self._places.release()
            with self._changed:
                del self._open[number]
                self._changed.notify_all()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: whoever broke a connection off knows it, and what it meant to send was noted as cut."""


class _Handler(BaseHTTPRequestHandler):
    """One manifest."""

    protocol_version = "HTTP/1.1"
    timeout = READ_SECONDS

    def do_POST(self) -> None:
        self.close_connection = True
        found = cast("Listener", self.server).find(self.path)
        if found is None:
            self._answer(404)
            return
        inbox, target = found
        try:
            body = self._body()
        except (OSError, ValueError):
            inbox.cut(target)
            self._answer(400)
            return
        inbox.take(target, body)
        self._answer(200)

    do_PUT = do_POST  # noqa: N815 - http.server's name

    def _body(self) -> bytes:
        """Return the body.

        Raises:
            OSError, ValueError: it did not come whole, or is longer than any manifest.
        """
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self._exactly(int(self.headers.get("Content-Length", "")))
        parts: list[bytes] = []
        length = 0
        while size := int(self.rfile.readline(LINE_MAX_BYTES).split(b";")[0], 16):
            length += size
            if length > BODY_MAX_BYTES:
                raise ValueError("too long")
            parts.append(self._exactly(size))
            self.rfile.readline(LINE_MAX_BYTES)
        return b"".join(parts)

    def _exactly(self, size: int) -> bytes:
        if not 0 <= size <= BODY_MAX_BYTES:
            raise ValueError("too long")
        data = self.rfile.read(size)
        if len(data) < size:
            raise ValueError("cut off")
        return data

    def _answer(self, status: int) -> None:
        with suppress(OSError):  # ffmpeg may have gone
            self.send_response_only(status)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: paths hold the word that lets ffmpeg in."""
