"""Starts one of the services under real gunicorn on a port of its own, and speaks to it."""

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from scaleplex.protocol import wire
from tests.support.signing import sign

SECRET = b"the-secret-of-a-test-fleet"
START_SECONDS = 20.0
# As systemd does before it starts a program: sockets from descriptor 3 on, and their number for this process.
HAND_OVER = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); "
    "os.execv(sys.argv[2], sys.argv[2:])"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> dict[str, object]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value


class Service:
    """One gunicorn; the listening socket is made here, so that no two tests can meet on a port."""

    def __init__(
        self,
        name: str,
        directory: Path,
        settings: dict[str, str],
        *,
        secret: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
        activated: bool = False,
    ) -> None:
        """Listen; start later.

        Args:
            activated: hand the socket over as systemd does (sd_listen_fds(3)), not by gunicorn's option.
            host: address to listen on; ``::`` takes IPv4 too.
        """
        self.name = name
        self._directory = directory
        prefix = f"SCALEPLEX_{name.upper()}_"
        self._environ = {key: value for key, value in os.environ.items() if not key.startswith("SCALEPLEX_")}
        self._environ |= {prefix + key: value for key, value in settings.items()}
        if secret:
            (directory / "secret").write_bytes(SECRET)
            self._environ[prefix + "SECRET_FILE"] = str(directory / "secret")
        self._listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, dualstack_ipv6=host == "::"
        )
        self.host = "127.0.0.1" if host == "::" else host
        self.port = self._listener.getsockname()[1]
        self.url = f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"
        self._log = (directory / f"{name}.log").open("w+b")
        self._process: subprocess.Popen[bytes] | None = None
        self._activated = activated

    def command(self, descriptor: int) -> list[str]:
        """Return what starts it with a listening socket."""
        gunicorn = [
            *(sys.executable, "-m", "gunicorn", "--config", f"python:scaleplex.{self.name}.gunicorn_conf"),
            *("--worker-tmp-dir", str(self._directory), f"scaleplex.{self.name}.app:create()"),
        ]
        if not self._activated:
            return [*gunicorn, "--bind", f"fd://{descriptor}"]
        return [sys.executable, "-c", HAND_OVER, str(descriptor), *gunicorn]

    def start(self) -> "Service":
        """Start it, and return when it answers."""
        descriptor = self._listener.fileno()
        self._process = subprocess.Popen(
            self.command(descriptor),
            cwd=self._directory,
            env=self._environ,
            pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                if self.request("GET", "/healthz", sign=False).status == 200:
                    return self
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"{self.name} did not start:\n{self.log()}")

    def restart(self) -> None:
        """End it and start it again on the same port."""
        self.end()
        self.start()

    def stop(self) -> None:
        """End it and close the port."""
        self.end()
        self._listener.close()
        self._log.close()

    def end(self) -> None:
        """End it; the port stays open, as under systemd."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def log(self) -> str:
        """Return what it has logged."""
        return (self._directory / f"{self.name}.log").read_text(errors="replace")

    def cpu_seconds(self) -> float:
        """Return the processor time its processes have used."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in children]
        return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")

    def request(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        sign: bool = True,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        """Send one request and return the answer.

        Args:
            target: goes into the request line as it is.
            sign: add the signature of a request made now.
            raw: these bytes after the connection is made, instead of a request made from the rest.
        """
        lines = {"Host": self.url.removeprefix("http://"), "Connection": "close"}
        if body:
            lines["Content-Length"] = str(len(body))
        if sign:
            lines |= self.signature(method, target, body)
        lines |= headers or {}
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n"
        with socket.create_connection((self.host, self.port), 30) as connection:
            connection.sendall(head.encode("latin-1") + body if raw is None else raw)
            return read_answer(connection, method)

    def signature(self, method: str, target: str, body: bytes = b"") -> dict[str, str]:
        """Return the header that signs a request to this service."""
        return signature(self.url, method, target, body)

    def post(self, target: str, message: object, *, sign: bool = True) -> Answer:
        """Send a JSON body."""
        return self.request("POST", target, json.dumps(message).encode(), sign=sign)

    def metrics(self) -> dict[str, float]:
        """Return the samples of ``/metrics`` by their name and labels."""
        text = self.request("GET", "/metrics", sign=False).body.decode()
        pairs = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}


def signature(
    url: str, method: str, target: str, body: bytes = b"", *, secret: bytes = SECRET, time_ms: int | None = None
) -> dict[str, str]:
    """Return the header that signs a request to the service at a URL."""
    return {wire.AUTH_HEADER: sign(url, method, target, body, secret=secret, time_ms=time_ms)}


def read_answer(connection: socket.socket, method: str) -> Answer:
    """Read one answer from a connection."""
    with connection.makefile("rb") as stream:
        status = stream.readline().split()
        if len(status) < 2:
            raise ConnectionError("closed without an answer")
        headers = {}
        while (line := stream.readline().strip()) != b"":
            key, _, value = line.decode("latin-1").partition(":")
            headers[key.lower()] = value.strip()
        length = int(headers.get("content-length", "-1"))
        code = int(status[1])
        if method == "HEAD" or code == 204:
            return Answer(code, b"", headers)
        return Answer(code, stream.read(length) if length >= 0 else stream.read(), headers)


def until(condition: "object", seconds: float = 5.0) -> None:
    """Wait until a function returns something true.

    Raises:
        AssertionError: it did not in time.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.01)
    raise AssertionError("did not happen in time")
