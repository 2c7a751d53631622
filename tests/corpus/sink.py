"""A place on loopback that takes every request and keeps it, as the relay's stand-in."""

import select
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


@dataclass
class Sink:
    """Requests as (path with query, body)."""

    requests: list[tuple[str, bytes]] = field(default_factory=list)

    def __enter__(self) -> "Sink":
        keep = self.requests.append

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_POST(self) -> None:
                body = b""
                if self.headers.get("Transfer-Encoding", "") == "chunked":
                    while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                keep((self.path, body))
                try:
                    self.send_response(200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    self.close_connection = True

            def do_PUT(self) -> None:
                self.do_POST()

            def log_message(self, format: str, *args: object) -> None:
                """Stay quiet."""

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    self.close_connection = True

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # So that closing waits for what is still being read.
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop once everything sent so far has been kept: a client need not wait for an answer before it ends."""
        self._server.shutdown()
        self._thread.join()
        while select.select([self._server], [], [], 0)[0]:
            self._server.handle_request()
        self._server.server_close()

    @property
    def base(self) -> str:
        """What to hand a translation as its callback base."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/cb/1/5ca1e"
