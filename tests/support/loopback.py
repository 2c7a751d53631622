"""An HTTP server on loopback that can be pulled like a plug: the base of the fakes."""

import contextlib
import os
import socket
import socketserver
import threading
import weakref
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler


class LoopbackServer(ABC):
    """Hands every request to ``answer``, each connection in a thread of its own."""

    def __init__(self, port: int = 0) -> None:
        self.connections: set[socket.socket] = set()
        self._server: socketserver.ThreadingTCPServer | None = None
        # Keeps the port while nobody listens: a socket that is only bound refuses connections and keeps others out.
        with socket.socket() as keeper:
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            keeper.bind(("127.0.0.1", port))
            self.port: int = keeper.getsockname()[1]
            weakref.finalize(self, os.close, keeper.detach())
        self.up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @abstractmethod
    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Read the request and write the reply."""

    def up(self) -> None:
        """Listen, on the same port as before."""
        self._server = _Server(("127.0.0.1", self.port), _handler(self))
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def down(self) -> None:
        """Listen no more and drop every connection."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def handle_error(self, *_: object) -> None:
        pass


def _handler(owner: LoopbackServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            owner.connections.add(self.connection)

        def finish(self) -> None:
            super().finish()
            owner.connections.discard(self.connection)

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            owner.answer(self)

        do_PUT = do_POST = do_DELETE = do_GET

    return Handler


class OneStatus(LoopbackServer):
    """Answers every request with one status and no body, and notes the paths that were asked for."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.asked: list[str] = []
        super().__init__()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.asked.append(handler.path)
        handler.send_response_only(self.status)
        if self.status != 204:
            handler.send_header("Content-Length", "0")
        handler.end_headers()
