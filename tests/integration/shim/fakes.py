"""A Plex host with the shim on it, and orchestrators and workers that do as a test tells them.

The shim runs as PMS runs it: the real stub as a process, from a path with a space in it, in a session directory. The
services are plain sockets that speak the wire format, so that a test decides about every byte and every silence.
"""

import json
import os
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from weakref import WeakKeyDictionary

from scaleplex.protocol import wire
from scaleplex.shim.stub import stub

REPOSITORY = Path(__file__).resolve().parents[3]
PYTHON = "/usr/bin/python3"
SECRET = b"a-fleet-secret-of-the-tests"
SESSION = "f168tc7vl2desp78pov5ktwu"
JOB = "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11"
TOKEN = "local-6f1c2d3e-4a5b-4c6d-8e7f-0a1b2c3d4e5f"
CALLBACK = f"http://127.0.0.1:32400/video/:/transcode/session/{SESSION}/{JOB}"
ARGS = [
    *["-codec:0", "h264", "-ss", "495", "-i", "/media/Movies/A Film (2020)/Film.mkv", "-y", "-nostats"],
    *["-loglevel", "quiet", "-progressurl", f"{CALLBACK}/progress", "-map", "0:0", "-codec:0", "libx264"],
    *["-f", "dash", "-manifest_name", f"{CALLBACK}/manifest?X-Plex-Http-Pipeline=infinite", "dash"],
]
LOCAL_ARGS = ["-codec:v", "h264", "-i", "/media/Film.mkv", "-vf", "fps=0.5,showinfo", "-f", "image2", "thumb-%05d.jpeg"]

# Records itself from the kernel's view, which no shell has touched.
RECORDER = """\
#!/bin/sh
for part in cmdline environ status; do cat /proc/$$/$part > "{record}/$part"; done
readlink /proc/$$/cwd > "{record}/cwd"
cat > "{record}/stdin"
echo "the real transcoder"
echo "its stderr" >&2
exit 7
"""


class Request:
    """One request as it came in, byte for byte, and its parts."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.method, self.target, _ = lines[0].split(" ")
        self.headers = dict(line.split(": ", 1) for line in lines[1:])
        self.json = json.loads(self.body)
        signature = self.headers.get(wire.AUTH_HEADER)
        self.nonce = signature.split(" ")[2] if signature else ""
        self.mac = wire.FrameMac(SECRET, self.nonce) if signature else None

    def seal(self, status: int, body: bytes | None) -> str:
        """Return the header line that signs an answer to it, empty when it was not signed itself."""
        if not self.nonce:
            return ""
        return f"{wire.ANSWER_HEADER}: {wire.seal_answer(SECRET, self.nonce, status, body)}\r\n"


# What each open connection asked: streams are signed with the nonce of their request.
ASKED: "WeakKeyDictionary[socket.socket, Request]" = WeakKeyDictionary()


Handler = Callable[[socket.socket, Request], None]


class Server:
    """Accepts connections on loopback, records each request and lets a handler answer it."""

    def __init__(self, *handlers: Handler) -> None:
        """Begin to listen.

        Args:
            handlers: one for each connection in turn; the last one serves all that follow.
        """
        self._handlers = handlers
        self.requests: list[Request] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            handler = self._handlers[min(len(self._threads), len(self._handlers) - 1)]
            thread = threading.Thread(target=self._serve, args=(connection, handler))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, handler: Handler) -> None:
        with connection:
            connection.settimeout(20)
            raw = b""
            while b"\r\n\r\n" not in raw:
                raw += connection.recv(65536)
            head = raw.partition(b"\r\n\r\n")[0].decode().lower()
            length = int(head.split("content-length: ")[1].split("\r\n")[0])
            while len(raw) < len(head) + 4 + length:
                raw += connection.recv(65536)
            request = Request(raw)
            self.requests.append(request)
            ASKED[connection] = request
            with suppress(OSError):  # the shim went away; what that means is the test's to say
                handler(connection, request)

    def close(self) -> None:
        with suppress(OSError):  # a test has closed it already
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join(20)
        for thread in self._threads:
            thread.join(20)


def answer(status: int, body: object) -> Handler:
    """Answer with a JSON body."""

    def handle(connection: socket.socket, request: Request) -> None:
        text = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
        connection.sendall(f"{head}{request.seal(status, text)}\r\n".encode() + text)

    return handle


def refuse(status: int, code: str) -> Handler:
    return answer(status, {"error": code, "detail": f"refused as {code}", "hint": "none"})


def place(worker: str) -> Handler:
    """Answer every placement with one worker and a valid ticket."""

    def handle(connection: socket.socket, request: Request) -> None:
        asked = request.json
        expires = time.time_ns() // 1_000_000 + 30_000
        authority = wire.authority(worker)
        ticket = wire.make_ticket(SECRET, authority, asked["session"], asked["job"], asked["attempt"], expires)
        answer(200, {"worker": worker, "ticket": ticket, "backend": "sw", "reason": "least-loaded"})(
            connection, request
        )

    return handle


def start_stream(connection: socket.socket) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {wire.STREAM_TYPE}\r\nTransfer-Encoding: chunked\r\n"
    connection.sendall(f"{head}{ASKED[connection].seal(200, None)}\r\n".encode())


def send_frame(connection: socket.socket, kind: bytes, payload: bytes = b"") -> None:
    frame = wire.encode_frame(kind, payload, ASKED[connection].mac)
    connection.sendall(b"%x\r\n%s\r\n" % (len(frame), frame))


def spawned() -> tuple[bytes, bytes]:
    info = {"event": "spawned", "pid": 1, "monotonic_ns": time.monotonic_ns(), "backend": "sw", "labels": []}
    return wire.INFO, json.dumps(info).encode()


def announced() -> tuple[bytes, bytes]:
    return wire.INFO, b'{"event": "announced"}'


def exit_frame(code: int, signal: int | None = None, retry: bool = False, reason: str = "ended") -> tuple[bytes, bytes]:
    fields = {"code": code, "signal": signal, "reason": reason, "detail": "", "retry": retry}
    return wire.EXIT, json.dumps(fields).encode()


def stream(*frames: tuple[bytes, bytes], ending: str = "close", seconds: float = 0) -> Handler:
    """Send frames, then close, reset or say nothing until the shim leaves.

    Args:
        ending: ``close``, ``reset`` or ``silence``.
        seconds: pause before the ending.
    """

    def handle(connection: socket.socket, request: Request) -> None:
        start_stream(connection)
        for frame in frames:
            send_frame(connection, *frame)
        time.sleep(seconds)
        if ending == "silence":
            connection.recv(1)
        elif ending == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif frames and frames[-1][0] == wire.EXIT:
            connection.sendall(b"0\r\n\r\n")

    return handle


class Done:
    """How a run ended."""

    def __init__(self, code: int, stdout: bytes, stderr: bytes, seconds: float) -> None:
        self.code, self.stdout, self.stderr, self.seconds = code, stdout, stderr, seconds


class Host:
    """A Plex host: the stub, the recorder in the real transcoder's place, settings, runtime and session directory."""

    def __init__(self, base: Path, python: str = PYTHON) -> None:
        self.base = base
        self.runtime, self.record = base / "run", base / "record"
        self.session_dir = base / "Sessions" / f"plex-transcode-{SESSION}-{JOB}"
        for directory in (self.runtime / "jobs", self.record, self.session_dir, base / "plexmediaserver"):
            directory.mkdir(parents=True)
        (base / "secret").write_bytes(SECRET + b"\n")
        self.shim = base / "plexmediaserver" / "Plex Transcoder"
        self.real = base / "plexmediaserver" / "Plex Transcoder.real"
        self.executable(self.real, RECORDER.format(record=self.record))
        self.python = python
        self.install()
        self.configure()

    def executable(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    def install(self, library: Path = REPOSITORY) -> None:
        text = stub(str(library), str(self.base / "shim.env"), self.python, runtime_dir=str(self.runtime))
        self.executable(self.shim, text)

    def configure(self, **settings: str) -> None:
        """Write the settings: names without prefix, in lower case."""
        values = {
            "relay_url": "http://10.0.0.5:32482",
            "runtime_dir": str(self.runtime),
            "secret_file": str(self.base / "secret"),
            "journal_socket": "",
            **settings,
        }
        lines = [f"SCALEPLEX_SHIM_{name.upper()}={value}\n" for name, value in values.items()]
        (self.base / "shim.env").write_text("".join(lines))

    @contextmanager
    def started(
        self, args: list[str] | list[bytes] | None = None, environment: dict[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start the shim as PMS does; it is killed in the end if it still runs."""
        process = subprocess.Popen(
            [str(self.shim), *(ARGS if args is None else args)],
            cwd=self.session_dir,
            env={"X_PLEX_TOKEN": TOKEN, "PWD": "/stale"} if environment is None else environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def run(self, args: list[str] | list[bytes] | None = None, environment: dict[str, str] | None = None) -> Done:
        begun = time.monotonic()
        with self.started(args, environment) as process:
            stdout, stderr = process.communicate(timeout=30)
            return Done(process.returncode, stdout, stderr, time.monotonic() - begun)

    def events(self) -> list[dict[str, str]]:
        path = self.runtime / "events.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def event_names(self) -> list[tuple[str, str]]:
        return [(event["event"], event["reason"]) for event in self.events()]

    def job_file(self) -> Path:
        return self.runtime / "jobs" / JOB

    def real_ran(self) -> bool:
        return (self.record / "cmdline").exists()

    def real_argv(self) -> list[bytes]:
        """Return what the recorder was given after its own name (which the kernel puts behind /bin/sh)."""
        return (self.record / "cmdline").read_bytes().split(b"\0")[2:-1]

    def real_environment(self) -> dict[str, str]:
        entries = (self.record / "environ").read_bytes().split(b"\0")[:-1]
        return dict(os.fsdecode(entry).split("=", 1) for entry in entries)


def fleet(host: Host, serve: Callable[..., Server], *handlers: object, **settings: str) -> tuple[Server, Server]:
    """Return an orchestrator that places everything on one worker, and that worker."""
    worker = serve(*handlers)
    orchestrator = serve(place(worker.url))
    host.configure(orchestrators=orchestrator.url, **settings)
    return orchestrator, worker


def wait_until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
