"""Stand-ins for everything around a worker: a relay that records, a shim that can vanish, ffmpegs of ill will."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from scaleplex.demo.processes import take_port
from scaleplex.protocol import wire
from scaleplex.protocol.signing import wall_clock_ms
from tests.support.signing import sign

SECRET = b"a fleet secret for tests"
READY_SECONDS = 20.0
NOTHING = '<?xml version="1.0" encoding="UTF-8"?>\n<MediaContainer size="0">\n</MediaContainer>\n'
THROTTLE = '<?xml version="1.0" encoding="UTF-8"?>\n<MediaContainer size="0" canThrottle="1">\n</MediaContainer>\n'


@dataclass(frozen=True)
class Call:
    """A request the relay got."""

    method: str
    path: str
    query: dict[str, str]
    auth: str | None
    body: bytes
    connection: int
    at: float

    @property
    def kind(self) -> str:
        """What it is about, in one word."""
        tail = self.path.rpartition("/")[2]
        first = next(iter(self.query), "")
        return first if tail == "progress" else tail


@dataclass
class FakeRelay:
    """Records every request; ``answer`` may be changed while it runs."""

    answer: Callable[[Call], tuple[int, str]] = lambda call: (206 if call.kind == "progress" else 204, NOTHING)
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self._body()
                path, _, query = self.path.partition("?")
                call = Call(
                    self.command,
                    path,
                    dict(urllib.parse.parse_qsl(query)),
                    self.headers.get(wire.AUTH_HEADER),
                    body,
                    id(self),
                    time.monotonic(),
                )
                relay.calls.append(call)
                status, text = relay.answer(call)
                payload = b"" if status == 204 else text.encode()
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", str(len(payload)))
                if call.auth:
                    seal = wire.seal_answer(SECRET, call.auth.split(" ")[2], status, payload)
                    self.send_header(wire.ANSWER_HEADER, seal)
                self.end_headers()
                self.wfile.write(payload)

            do_PUT = do_POST = do_GET = handle_any

            def _body(self) -> bytes:
                if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while size := int(self.rfile.readline().strip() or b"0", 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # ffmpeg closes without reading the reply

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def of(self, *kinds: str) -> list[Call]:
        """Return the calls of these kinds."""
        return [call for call in self.calls if call.kind in kinds]

    def close(self) -> None:
        """Stop."""
        self.server.shutdown()
        self.server.server_close()


@dataclass
class Stream:
    """The shim's end of a task."""

    sock: socket.socket
    status: int
    body: bytes
    response: http.client.HTTPResponse
    reader: wire.FrameReader = field(default_factory=wire.FrameReader)
    waiting: list[tuple[bytes, bytes]] = field(default_factory=list)
    seen: list[tuple[bytes, bytes]] = field(default_factory=list)

    def next(self) -> tuple[bytes, bytes] | None:
        """Return the next frame, None at the end."""
        while not self.waiting:
            if self.response.closed:
                return None
            data = self.response.read1(65536)
            if not data:
                self.vanish()  # as the shim does; gunicorn's main loop waits for a client that was told to close
                return None
            self.waiting += self.reader.feed(data)
        frame = self.waiting.pop(0)
        self.seen.append(frame)
        return frame

    def frames(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield frames until the stream ends."""
        while (frame := self.next()) is not None:
            yield frame

    def spawned(self) -> dict[str, object]:
        """Return the first frame's content."""
        frame = self.next()
        assert frame is not None
        assert frame[0] == wire.INFO, frame
        content: dict[str, object] = json.loads(frame[1])
        return content

    def exit(self) -> dict[str, object]:
        """Read to the end and return the exit frame's content."""
        frames = list(self.frames())
        assert frames, "the stream ended without a frame"
        assert frames[-1][0] == wire.EXIT, frames[-1]
        assert [kind for kind, _ in frames].count(wire.EXIT) == 1
        content: dict[str, object] = json.loads(frames[-1][1])
        return content

    def error(self) -> str:
        """Return the error code of a refusal."""
        content = json.loads(self.body)
        assert set(content) == {"error", "detail", "hint"}
        return str(content["error"])

    def vanish(self) -> None:
        """Close the connection as the kernel does for a killed process."""
        self.response.close()
        self.sock.close()


@dataclass
class Worker:
    """A worker in processes of its own."""

    root: Path
    ffmpeg: Path
    ffprobe: Path
    settings: dict[str, str] = field(default_factory=dict)
    secret: bytes | None = SECRET
    streams: list[Stream] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("media", "state", "transcode/Transcode/Sessions"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "secret").write_bytes(self.secret or b"")
        self._taken = take_port()
        self.port = self._taken.number
        self.start()

    @property
    def authority(self) -> str:
        """``host:port`` of the worker."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start gunicorn and wait until it is ready."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("SCALEPLEX_")}
        env |= {
            "SCALEPLEX_WORKER_BIND": self.authority,
            "SCALEPLEX_WORKER_FFMPEG": str(self.ffmpeg),
            "SCALEPLEX_WORKER_FFPROBE": str(self.ffprobe),
            "SCALEPLEX_WORKER_STATE_DIR": str(self.root / "state"),
            "SCALEPLEX_WORKER_MEDIA_ROOTS": str(self.root / "media"),
            "SCALEPLEX_WORKER_TRANSCODE_ROOT": str(self.root / "transcode"),
            "SCALEPLEX_WORKER_WARM_UP": "0",
        } | {f"SCALEPLEX_WORKER_{name}": value for name, value in self.settings.items()}
        if self.secret is not None:
            env["SCALEPLEX_WORKER_SECRET_FILE"] = str(self.root / "secret")
        command = [sys.executable, "-m", "gunicorn", "-c", "python:scaleplex.worker.gunicorn_conf"]
        with (self.root / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command, "scaleplex.worker.app:create()"],
                env=env,
                stdout=log,
                stderr=log,
                cwd=self.root,
                start_new_session=True,
            )
        self.wait_until_it_answers()

    def wait_until_it_answers(self) -> None:
        """Wait for ``/healthz``."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                assert self.ask("GET", "/healthz")[0] == 200
                return
            except OSError:
                assert time.monotonic() < deadline, self.log()
                assert self.process.poll() is None, self.log()
                time.sleep(0.03)

    def log(self) -> str:
        """Return what the worker wrote."""
        return (self.root / "worker.log").read_text()

    def kill_hard(self) -> None:
        """Kill every process of the worker at once, as the kernel does when memory is out."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        """End the worker and everything of it."""
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        for stream in self.streams:
            stream.vanish()
        self._taken.release()

    def sign(self, method: str, target: str, body: bytes, secret: bytes = SECRET, time_ms: int | None = None) -> str:
        """Return a signature."""
        return sign(f"http://{self.authority}", method, target, body, secret=secret, time_ms=time_ms)

    def ask(self, method: str, target: str, body: bytes = b"", auth: str | None = "sign") -> tuple[int, bytes]:
        """Send a request and return status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            headers = {"Connection": "close"}
            if self.secret is not None and auth is not None:
                headers[wire.AUTH_HEADER] = self.sign(method, target, body) if auth == "sign" else auth
            connection.request(method, target, body=body or None, headers=headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def post(self, body: bytes, auth: str | None = "sign") -> Stream:
        """Send a task and return its stream, or the refusal."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        signature = ""
        headers = [f"POST /task HTTP/1.1\r\nHost: {self.authority}\r\nContent-Length: {len(body)}\r\n"]
        if self.secret is not None and auth is not None:
            signature = self.sign("POST", "/task", body) if auth == "sign" else auth
            headers.append(f"{wire.AUTH_HEADER}: {signature}\r\n")
        sock.sendall("".join(headers).encode() + b"Connection: close\r\n\r\n" + body)
        response = http.client.HTTPResponse(sock)
        response.begin()
        refusal = b"" if response.status == 200 else response.read()
        mac = wire.FrameMac(SECRET, signature.split(" ")[2]) if signature else None
        self.streams.append(Stream(sock, response.status, refusal, response, wire.FrameReader(mac)))
        if response.status != 200:
            self.streams[-1].vanish()
        return self.streams[-1]


@dataclass(frozen=True)
class Job:
    """A task as the shim would send it."""

    worker: Worker
    session: str
    job: str
    cwd: Path
    args: tuple[str, ...]
    relay: FakeRelay | None = None
    attempt: int = 1
    kind: str = "video"
    ticket_ms: int | None = None

    def fields(self) -> dict[str, object]:
        """Return the JSON object."""
        expires = wall_clock_ms() + wire.TICKET_LIFETIME_MS if self.ticket_ms is None else self.ticket_ms
        ticket = wire.make_ticket(SECRET, self.worker.authority, self.session, self.job, self.attempt, expires)
        callback = None
        if self.relay is not None:
            callback = wire.callback_base(self.relay.url, SECRET, self.session, self.job, self.attempt)
        return {
            "session": self.session,
            "job": self.job,
            "attempt": self.attempt,
            "kind": self.kind,
            "ticket": ticket,
            "args": list(self.args),
            "env": {"LANG": "C.UTF-8", "LD_PRELOAD": "/evil.so"},
            "cwd": str(self.cwd),
            "callback": callback,
        }

    def post(self, **changes: object) -> Stream:
        """Send it."""
        fields = {name: value for name, value in (self.fields() | changes).items() if value is not ...}
        return self.worker.post(json.dumps(fields).encode())


def make_job(
    worker: Worker,
    args: Callable[[str, str], list[str]],
    relay: FakeRelay | None = None,
    session: str = "",
    **more: object,
) -> Job:
    """Return a new job with its session directory; ``args`` gets session and job."""
    session = session or "s" + uuid.uuid4().hex[:12]
    job = str(uuid.uuid4())
    cwd = worker.root / f"transcode/Transcode/Sessions/plex-transcode-{session}-{job}"
    cwd.mkdir()
    return Job(worker, session, job, cwd, tuple(args(session, job)), relay, **more)  # type: ignore[arg-type]


def plex_url(session: str, job: str, what: str) -> str:
    """Return a callback URL as PMS writes it."""
    return f"http://127.0.0.1:32400/video/:/transcode/session/{session}/{job}/{what}"


def alive(pid: object) -> bool:
    """Return whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for(condition: Callable[[], object], seconds: float = 5.0) -> float:
    """Wait until a condition holds; return how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not happen"
        time.sleep(0.002)
    return time.monotonic() - began
