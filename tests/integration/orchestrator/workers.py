"""A worker as far as an orchestrator sees one: a capability, and kills it records."""

import contextlib
import json
import socket
import socketserver
import threading
from http.server import BaseHTTPRequestHandler

from scaleplex.protocol import wire
from scaleplex.protocol.signing import Verifier
from tests.integration.relay.service import SECRET


class FakeWorker:
    """Listens on loopback; its fields may be changed at any time."""

    def __init__(self, *, max_sessions: int = 4, port: int = 0) -> None:
        self.state = "ready"
        self.max_sessions = max_sessions
        self.tasks: list[dict[str, object]] = []
        self.kills: list[tuple[str, object]] = []
        self.kill_status = 204
        self.polls = 0
        self.unsigned = 0
        self._verify = Verifier(SECRET)
        self._connections: set[socket.socket] = set()
        worker = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                worker._connections.add(self.connection)

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                worker.answer(self)

            def do_POST(self) -> None:
                worker.answer(self)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        """Die: listen no more, drop every connection."""
        self._server.shutdown()
        self._server.server_close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def capability(self) -> dict[str, object]:
        """Return what it says of itself."""
        return {
            "worker_id": f"worker-{self.port}",
            "version": "0.1.0",
            "state": self.state,
            "backend": "sw",
            "sessions": len(self.tasks),
            "max_sessions": self.max_sessions,
            "cpu_load": 0.25,
            "encoders": ["libx264"],
            "tasks": self.tasks,
        }

    def run(self, session: str, job: str, kind: str = "video") -> None:
        """Have a task."""
        self.tasks.append({"session": session, "job": job, "kind": kind, "attempt": 1})

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        try:
            self._verify(handler.command, handler.path, handler.headers.get(wire.AUTH_HEADER), body)
        except Exception:
            self.unsigned += 1
        if handler.path == "/capability":
            self.polls += 1
            self._send(handler, 200, json.dumps(self.capability()).encode())
            return
        job = handler.path.split("/")[2]
        self.kills.append((job, json.loads(body)))
        known = any(task["job"] == job for task in self.tasks)
        self.tasks = [task for task in self.tasks if task["job"] != job]
        self._send(handler, self.kill_status if known else 404, b"")

    def _send(self, handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        handler.send_response_only(status)
        if status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
