"""Everything a measurement needs on one host: the real services under gunicorn, the real stub, a journal that listens.

The worker tells the shim when it started ffmpeg by the clock all processes of a host share (CLOCK_MONOTONIC), and the
shim tells the journal. The journal's socket is ours here, so the time from spawn to spawn is known without touching
what is measured.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from scaleplex.demo.processes import Port, take_port
from scaleplex.protocol import wire
from scaleplex.shim.stub import stub

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"
# More than ever run at once: the orchestrator's last look at the worker may still show jobs that have ended.
SESSIONS_AT_ONCE = 200
READY_SECONDS = 30
# A service that was started just now has each sender sign twice (docs/decisions/0032); a fleet has run for longer.
SETTLED_SECONDS = wire.CLOCK_TOLERANCE_MS / 1000 + 1
# For a task: lives until it is killed; exec leaves one process. Otherwise: what the worker's warm-up wants to read.
STAND_IN = """\
#!/bin/sh
case "$*" in *" -progress "*) exec sleep 600 ;; esac
echo "-throttle_signals -progress_timestamps -manifest_name -skip_to_segment -segment_list_separate_stream_times "
echo " ------"
echo " V....D libx264 H.264"
"""


class Started:
    """One shim that was started, and when its ffmpeg was."""

    def __init__(self, process: "subprocess.Popen[bytes]", job: str, begun_ns: int) -> None:
        self.process, self.job, self.begun_ns = process, job, begun_ns
        self.spawned_ns = self.pid = 0

    @property
    def milliseconds(self) -> float:
        """Return the time from spawning the shim to the worker's having spawned ffmpeg."""
        return (self.spawned_ns - self.begun_ns) / 1e6

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


class Plex(ThreadingHTTPServer):
    """Takes every callback, as PMS on loopback does."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Taker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _take(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):  # empty: ffmpeg was killed
                self.rfile.read(size + 2)
            self.rfile.readline()
        else:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_PUT = do_GET = _take

    def log_message(self, *_: object) -> None:
        pass


class Stand:
    """The services and the Plex host; use as a context manager.

    Attributes:
        services: name of each service and the process id of its gunicorn.
    """

    def __init__(self, ffmpeg: Path | None = None, ffprobe: Path | None = None) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="scaleplex-bench-"))
        self.plex = Plex()
        self.services: dict[str, int] = {}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ports: list[Port] = []
        self._started: list[Started] = []
        for name in ("run/jobs", "media", "transcode/Transcode/Sessions", "state", "bin"):
            (self.root / name).mkdir(parents=True)
        self.secret = secrets.token_hex(32)
        (self.root / "secret").write_text(self.secret)
        (self.root / "film.mkv").symlink_to(self.root / "media" / "film.mkv")
        self.film = self.root / "media" / "film.mkv"
        self.film.touch()
        stand_in = self._executable("stand-in", STAND_IN)
        self._ffmpeg, self._ffprobe = ffmpeg or stand_in, ffprobe or stand_in
        self._journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._journal.bind(str(self.root / "journal"))
        library = self.root / "library"
        subprocess.run([PYTHON, "-m", "scaleplex.shim.library", library], cwd=REPOSITORY, check=True)
        text = stub(str(library), str(self.root / "shim.env"), PYTHON, runtime_dir=str(self.root / "run"))
        self.shim = self._executable("bin/Plex Transcoder", text)
        shutil.copy("/bin/true", self.root / "bin" / "Plex Transcoder.real")

    def _executable(self, name: str, text: str) -> Path:
        path = self.root / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def __enter__(self) -> "Stand":
        try:
            self._start()
        except BaseException:  # whatever it was, what has been started must not stay
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        self._ports = [take_port() for _ in range(3)]
        worker, relay, orchestrator = (port.url for port in self._ports)
        self._serve(
            "worker",
            worker,
            media_roots=str(self.root / "media"),
            transcode_root=str(self.root / "transcode"),
            state_dir=str(self.root / "state"),
            ffmpeg=str(self._ffmpeg),
            ffprobe=str(self._ffprobe),
            max_sessions=str(SESSIONS_AT_ONCE),
            plex_port=self.plex.url.rpartition(":")[2],
        )
        self._serve("relay", relay, plex_url=self.plex.url, runtime_dir=str(self.root / "run"))
        wait_until_ready(worker)
        # Last, so that its first look already finds the worker ready.
        self._serve("orchestrator", orchestrator, workers_list=worker)
        wait_until_ready(relay)
        wait_until_ready(orchestrator)
        self.configure(orchestrators=orchestrator, relay_url=relay)
        self._settled_at = time.monotonic() + SETTLED_SECONDS

    def settle(self) -> None:
        """Wait until the services have run for as long as those of a fleet, as far as a signature is concerned."""
        time.sleep(max(0.0, self._settled_at - time.monotonic()))

    def __exit__(self, *_: object) -> None:
        for started in self._started:
            started.end()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.plex.shutdown()
        self.plex.server_close()
        self._journal.close()
        for port in self._ports:
            port.release()
        shutil.rmtree(self.root)

    def _serve(self, name: str, url: str, **settings: str) -> None:
        prefix = f"SCALEPLEX_{name.upper()}_"
        settings = {"bind": url.removeprefix("http://"), "secret_file": str(self.root / "secret"), **settings}
        with (self.root / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--config", f"python:scaleplex.{name}.gunicorn_conf",
                 f"scaleplex.{name}.app:create()"],
                cwd=REPOSITORY,
                env={"PATH": os.environ["PATH"], **{prefix + key.upper(): text for key, text in settings.items()}},
                stdout=log,
                stderr=log,
            )  # fmt: skip
        self._processes.append(process)
        self.services[name] = process.pid

    def configure(self, **settings: str) -> None:
        """Write the shim's settings."""
        values = {
            "runtime_dir": str(self.root / "run"),
            "secret_file": str(self.root / "secret"),
            "journal_socket": str(self.root / "journal"),
            "plex_port": self.plex.url.rpartition(":")[2],
            **settings,
        }
        lines = [f"SCALEPLEX_SHIM_{name.upper()}={value}\n" for name, value in values.items()]
        (self.root / "shim.env").write_text("".join(lines))

    def job_args(self, session: str, job: str, output: list[str] | None = None) -> list[str]:
        """Return what PMS gives for a browser: DASH, H.264 and AAC from the film."""
        callback = f"{self.plex.url}/video/:/transcode/session/{session}/{job}"
        return [
            *["-codec:0", "h264", "-codec:1", "aac", "-analyzeduration", "20000000", "-probesize", "20000000"],
            *["-i", str(self.film), "-start_at_zero", "-copyts", "-fps_mode", "cfr", "-y", "-nostats"],
            *["-loglevel", "quiet", "-loglevel_plex", "error", "-progressurl", f"{callback}/progress"],
            *["-filter_complex", "[0:0]scale=w=1280:h=720:force_divisible_by=4[0];[0]format=pix_fmts=yuv420p|nv12[1]"],
            *["-map", "[1]", "-codec:0", "libx264", "-crf:0", "21", "-maxrate:0", "3000k", "-bufsize:0", "6000k"],
            *["-r:0", "25", "-preset:0", "veryfast", "-force_key_frames:0", "expr:gte(t,n_forced*5)"],
            *["-filter_complex", "[0:1] aresample=async=1:ochl='stereo':osr=48000[2]", "-map", "[2]"],
            *["-codec:1", "aac", "-b:1", "256k", "-f", "dash", "-seg_duration", "5", "-dash_segment_type", "mp4"],
            *["-init_seg_name", "init-stream$RepresentationID$.m4s"],
            *["-media_seg_name", "chunk-stream$RepresentationID$-$Number%05d$.m4s", "-window_size", "5"],
            *["-delete_removed", "false", "-skip_to_segment", "1", "-manifest_name"],
            *[f"{callback}/manifest?X-Plex-Http-Pipeline=infinite", "-avoid_negative_ts", "disabled"],
            *["-map_metadata", "-1", "-map_chapters", "-1", *(output or ["dash"])],
        ]

    def session_dir(self, session: str, job: str) -> Path:
        path = self.root / "transcode/Transcode/Sessions" / f"plex-transcode-{session}-{job}"
        path.mkdir()
        return path

    def start(self) -> Started:
        """Start a shim for a new session, as PMS does."""
        session, job = uuid.uuid4().hex[:24], str(uuid.uuid4())
        directory, args = self.session_dir(session, job), self.job_args(session, job)
        begun_ns = time.monotonic_ns()
        process = subprocess.Popen(
            [str(self.shim), *args], cwd=directory, env={"X_PLEX_TOKEN": "token"}, stdin=subprocess.DEVNULL
        )
        started = Started(process, job, begun_ns)
        self._started.append(started)
        return started

    def wait_for(self, *shims: Started) -> None:
        """Wait until the worker has spawned ffmpeg for each of these shims."""
        missing = {started.job: started for started in shims}
        self._journal.settimeout(READY_SECONDS)
        while missing:
            fields = dict(
                line.split("=", 1) for line in self._journal.recv(1 << 16).decode().splitlines() if "=" in line
            )
            started = missing.get(fields.get("SCALEPLEX_JOB", ""))
            if started and "SCALEPLEX_WORKER_MONOTONIC_NS" in fields:
                started.spawned_ns = int(fields["SCALEPLEX_WORKER_MONOTONIC_NS"])
                started.pid = int(fields["SCALEPLEX_WORKER_PID"])
                del missing[started.job]
            elif started and fields.get("SCALEPLEX_EVENT") in ("fallback", "lost", "refused"):
                raise RuntimeError(f"the fleet did not take the job: {fields['MESSAGE']}")


@contextmanager
def running(stand: Stand) -> Iterator[Started]:
    """Start one shim and wait for its ffmpeg; kill the shim afterwards and wait until its ffmpeg is gone."""
    started = stand.start()
    try:
        stand.wait_for(started)
        yield started
    finally:
        started.end()
        if started.pid:
            wait_gone(started.pid)


def wait_gone(pid: int) -> None:
    """Wait until a process has ended."""
    deadline = time.monotonic() + READY_SECONDS
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            raise RuntimeError(f"process {pid} outlived its shim by {READY_SECONDS} s")
        time.sleep(0.001)


def wait_until_ready(url: str) -> None:
    """Wait until a service says it is ready."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=1):
                return
        except OSError as exc:
            if time.monotonic() > deadline:
                said = json.loads(exc.read()) if hasattr(exc, "read") else exc
                raise RuntimeError(f"{url} is not ready: {said}") from exc
            time.sleep(0.05)
