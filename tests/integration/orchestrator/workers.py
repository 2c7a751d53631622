"""A worker as far as an orchestrator sees one: a capability, and kills it records."""

import json
from http.server import BaseHTTPRequestHandler

from scaleplex.common.errors import EpochWanted, ScaleplexError
from scaleplex.protocol import wire
from scaleplex.protocol.signing import Verifier
from tests.integration.relay.service import SECRET
from tests.support.loopback import LoopbackServer


class FakeWorker(LoopbackServer):
    """Listens on loopback; its fields may be changed at any time."""

    def __init__(self, *, max_sessions: int = 4, port: int = 0) -> None:
        self.state = "ready"
        self.max_sessions = max_sessions
        self.tasks: list[dict[str, object]] = []
        self.kills: list[tuple[str, object]] = []
        self.kill_status = 204
        self.polls = 0
        self.unsigned = 0
        super().__init__(port)
        self._verify = Verifier(SECRET, [self.url])

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
        handler.nonce = None  # type: ignore[attr-defined]
        try:
            handler.nonce = self._verify(
                handler.command, handler.path, handler.headers.get(wire.AUTH_HEADER), body, ""
            ).nonce  # type: ignore[attr-defined]
        except EpochWanted as exc:
            handler.nonce = exc.nonce  # type: ignore[attr-defined]
            self._send(handler, exc.status, json.dumps(exc.to_json()).encode())
            return
        except ScaleplexError:
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
        handler.send_header(wire.EPOCH_HEADER, self._verify.epoch)
        if handler.nonce:  # type: ignore[attr-defined]
            seal = self._verify.seal(handler.nonce, status, b"" if status == 204 else body)  # type: ignore[attr-defined]
            handler.send_header(wire.ANSWER_HEADER, seal)
        if status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
