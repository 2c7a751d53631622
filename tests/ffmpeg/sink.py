"""A loopback HTTP server that takes what ffmpeg sends to Plex Media Server, and notes what was on disk then."""

import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Self

from tests.ffmpeg.programs import sizes


@dataclass(frozen=True, slots=True)
class Request:
    """One request, and the files of the session directory at the moment it had arrived."""

    method: str
    path: str
    body: str
    on_disk: dict[str, int]


@dataclass
class Sink:
    """Serves one request after the other, so that ``requests`` is in the order they were sent in.

    Args:
        folder: the session directory, looked at whenever a request has arrived.
        status: what every request is answered with.
        reset: close each connection without reading or answering.
    """

    folder: Path
    status: int = 200
    reset: bool = False
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = HTTPServer(("127.0.0.1", 0), handler_of(self))
        self._server.socket.listen(64)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.drain()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def drain(self) -> None:
        """Return when everything that was sent before has been noted; ffmpeg does not wait for answers."""
        if self.reset:
            return
        with socket.create_connection(("127.0.0.1", self._server.server_port), timeout=10) as last:
            last.sendall(b"GET /drain HTTP/1.0\r\n\r\n")
            while last.recv(4096):
                pass

    def url(self, path: str = "/manifest") -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    @property
    def bodies(self) -> list[str]:
        return [request.body for request in self.requests]


def handler_of(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle(self) -> None:
            if not sink.reset:
                try:
                    super().handle()
                except OSError:
                    return  # ffmpeg is gone before the answer, as always

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_POST(self) -> None:
            body = self.read_chunked().decode()
            sink.requests.append(Request(self.command, self.path, body, sizes(sink.folder)))
            self.send_response(sink.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def read_chunked(self) -> bytes:
            body = b""
            while length := int(self.rfile.readline().strip() or b"0", 16):
                body += self.rfile.read(length)
                self.rfile.readline()
            return body

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def unused_url() -> str:
    """Return a URL on a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/manifest"
