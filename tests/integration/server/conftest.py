import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
SECONDS = 20.0


class Running:
    """The small service under real gunicorn, and what it tells systemd."""

    def __init__(self, directory: Path, environ: dict[str, str] | None = None) -> None:
        self._log_path = directory / "log"
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(directory / "notify"))
        self._said: list[str] = []
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()
        descriptor = self.listener.fileno()
        with self._log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn", "--config", "python:tests.integration.server.conf"),
                    *("--bind", f"fd://{descriptor}", "--worker-tmp-dir", str(directory)),
                    "tests.integration.server.app:create()",
                ],
                cwd=REPOSITORY,
                env={**os.environ, "NOTIFY_SOCKET": str(directory / "notify"), **(environ or {})},
                pass_fds=[descriptor],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _listen(self) -> None:
        while True:
            data = self._notify.recv(4096)
            if not data:
                return
            self._said += data.decode().split("\n")

    def said(self) -> list[str]:
        """Return the lines systemd has heard so far."""
        return list(self._said)

    def hears(self, line: str, *, after: int = 0) -> None:
        """Wait until systemd has heard a line."""
        until(lambda: line in self.said()[after:], f"{line}; heard {self.said()[after:]}; {self.log()}")

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), SECONDS)

    def ask(self, request: bytes) -> bytes:
        """Send bytes, and return all that comes until the server closes."""
        with self.connect() as connection:
            connection.sendall(request)
            return read_all(connection)

    def get(self, path: str) -> bytes:
        return self.ask(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())

    def post(self, path: str) -> bytes:
        return self.ask(f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())

    def log(self) -> str:
        return self._log_path.read_text()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._notify.shutdown(socket.SHUT_RDWR)
        self._listening.join(SECONDS)
        self._notify.close()
        self.listener.close()
        return code


def read_all(connection: socket.socket) -> bytes:
    data = b""
    while piece := connection.recv(1 << 20):
        data += piece
    return data


def until(condition: object, what: str) -> None:
    end = time.monotonic() + SECONDS
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, f"never seen: {what}"
        time.sleep(0.01)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    service = Running(tmp_path)
    try:
        until(lambda: b"200 OK" in service.get("/healthz"), "health")
        yield service
        assert "Traceback" not in service.log()
    finally:
        service.stop()
