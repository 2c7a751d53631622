"""A whole installation on loopback: the stand-in, a relay, an orchestrator, workers, each a process of its own.

with Fleet.running() as fleet:
    requests.get(fleet.pms.url + "/standin/report")

What a Plex host has in ``/etc`` and ``/run`` lies in one temporary directory. Nothing is left behind.
"""

import contextlib
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import requests

from scaleplex.common.log import Secret
from scaleplex.demo.media import ensure_library
from scaleplex.demo.processes import Port, Service, take_port, wait_until
from scaleplex.demo.tools import find_ffmpeg
from scaleplex.protocol.client import SignedSession
from scaleplex.shim.stub import stub

READY_SECONDS = 60.0
PACKAGE_ROOT = Path(__file__).parents[2]
SYSTEM_PYTHON = Path("/usr/bin/python3")
Settings = Mapping[str, str]


@dataclass(slots=True)
class Fleet:
    """All parts, once started; ``base`` holds their files."""

    base: Path
    secret: str = field(repr=False)
    pms: Service
    relay: Service
    orchestrator: Service
    workers: list[Service]
    ports: list[Port] = field(default_factory=list)

    @classmethod
    @contextlib.contextmanager
    def running(
        cls,
        workers: int = 2,
        *,
        base: Path | None = None,
        media_dir: Path | None = None,
        players_dir: Path | None = None,
        pms_settings: Settings | None = None,
        relay_settings: Settings | None = None,
        worker_settings: Settings | None = None,
        shim_settings: Settings | None = None,
    ) -> Iterator["Fleet"]:
        """Start a fleet, wait until it can work, and end it afterwards whatever happened.

        Args:
            workers: how many.
            base: a directory to use and keep; a temporary one otherwise.
            media_dir: a folder with clips and a ``library.json``; the demo's own otherwise.
            players_dir: ``node_modules`` with the page's players; only a browser needs it.
            pms_settings: further settings without their prefix, for example ``{"SEGMENT_SECONDS": "5"}``.
            relay_settings: the same for the relay.
            worker_settings: the same for every worker.
            shim_settings: the same for the shim.

        Raises:
            ServiceFailed: a part did not become ready.
        """
        media = media_dir or ensure_library()
        more = [dict(settings or {}) for settings in (pms_settings, relay_settings, worker_settings)]
        with contextlib.ExitStack() as at_the_end:
            own = Path(tempfile.mkdtemp(prefix="scaleplex-fleet-")) if base is None else base
            if base is None:
                at_the_end.callback(shutil.rmtree, own, ignore_errors=True)
            own.mkdir(parents=True, exist_ok=True)
            fleet = cls._plan(own.resolve(), workers, media, players_dir, *more)
            at_the_end.callback(fleet.stop)
            fleet._write_files(shim_settings or {})
            fleet._start()
            yield fleet

    @classmethod
    def _plan(
        cls,
        base: Path,
        workers: int,
        media: Path,
        players: Path | None,
        pms: Settings,
        relay: Settings,
        worker: Settings,
    ) -> "Fleet":
        ports = [take_port() for _ in range(3 + workers)]
        pms_port, relay_port, orchestrator_port, *worker_ports = ports
        own = {"SECRET_FILE": str(base / "fleet-secret")}
        places = {"RUNTIME_DIR": str(base / "run"), "STATE_DIR": str(base / "run")}
        relay = {"PLEX_URL": pms_port.url, **places, **own, **relay}
        orchestrator = {"WORKERS_LIST": ",".join(port.url for port in worker_ports), "POLL_SECONDS": "0.5", **own}
        pms = pms_settings_of(base, media, players, pms_port) | dict(pms)
        return cls(
            base=base,
            secret=secrets.token_hex(32),
            pms=service("standin", "scaleplex.demo.pms", pms_port, base, "/standin/library", pms),
            relay=service("relay", "scaleplex.relay", relay_port, base, "/readyz", relay),
            orchestrator=service(
                "orchestrator", "scaleplex.orchestrator", orchestrator_port, base, "/readyz", orchestrator
            ),
            workers=[
                service(
                    *("worker", "scaleplex.worker", port, base, "/readyz"),
                    worker_settings_of(base, media, number, pms_port) | own | dict(worker),
                    f"worker-{number}",
                )
                for number, port in enumerate(worker_ports, 1)
            ],
            ports=ports,
        )

    def _write_files(self, shim: Settings) -> None:
        for folder in ("transcode", "run/jobs", *(f"state-{n}" for n, _ in enumerate(self.workers, 1))):
            (self.base / folder).mkdir(parents=True, exist_ok=True)
        private = os.open(self.base / "fleet-secret", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(private, "w") as stream:
            stream.write(self.secret)
        settings = {
            "ORCHESTRATORS": self.orchestrator.url,
            "WORKERS_LIST": ",".join(worker.url for worker in self.workers),
            "RELAY_URL": self.relay.url,
            "RUNTIME_DIR": str(self.base / "run"),
            "SECRET_FILE": str(self.base / "fleet-secret"),
            "PLEX_PORT": str(self.pms.port.number),
            "FALLBACK": "0",  # there is no Plex Transcoder to fall back to
            **shim,
        }
        lines = "".join(f"SCALEPLEX_SHIM_{name}={value}\n" for name, value in settings.items())
        (self.base / "shim.env").write_text(lines)
        python = SYSTEM_PYTHON if SYSTEM_PYTHON.exists() else Path(sys.executable)
        program = self.base / "Plex Transcoder"
        runtime = str(self.base / "run")
        program.write_text(stub(str(PACKAGE_ROOT), str(self.base / "shim.env"), str(python), runtime_dir=runtime))
        program.chmod(0o755)

    @property
    def services(self) -> list[Service]:
        """All of them, in the order they are ended: what starts work first."""
        return [self.pms, *self.workers, self.orchestrator, self.relay]

    def _start(self) -> None:
        for one in reversed(self.services):
            one.start(self.base)
        for one in self.services:
            wait_until(one.ready, READY_SECONDS, lambda one=one: f"{one.name} is not ready: {one.log_end()}")  # type: ignore[misc]
        wait_until(self._workers_known, READY_SECONDS, lambda: "the orchestrator does not see all workers ready.")

    def _workers_known(self) -> bool:
        states = [view["state"] for view in self.fleet_view()]
        return len(states) == len(self.workers) and set(states) == {"ready"}

    def fleet_view(self) -> list[dict[str, object]]:
        """Return what the orchestrator knows of the workers."""
        session = SignedSession(Secret(self.secret.encode()))
        try:
            answer = session.request("GET", self.orchestrator.url + "/workers").json()
        finally:
            session.close()
        workers: list[dict[str, object]] = answer["workers"]
        return workers

    def report(self) -> dict[str, object]:
        """Return the stand-in's report."""
        answer: dict[str, object] = requests.get(self.pms.url + "/standin/report", timeout=10).json()
        return answer

    def control(self, **switches: object) -> None:
        """Set the stand-in's switches."""
        requests.post(self.pms.url + "/standin/control", json=switches, timeout=10).raise_for_status()

    def worker_name(self, url: object) -> str:
        """Return the short name of a worker's URL."""
        return next((worker.name for worker in self.workers if worker.url == url), "nobody")

    def ffmpeg_pids(self) -> list[int]:
        """Return the processes that run our ffmpeg below this fleet's transcode directory, whoever started them."""
        found = []
        root, program = str(self.base / "transcode"), str(find_ffmpeg().resolve())
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    here = os.readlink(entry / "cwd").startswith(root)
                    if here and os.readlink(entry / "exe") == program:
                        found.append(int(entry.name))
        return found

    def stop(self) -> None:
        """End everything; what does not end when asked is killed."""
        for one in self.services:
            one.stop()
        for port in self.ports:
            port.release()


def service(
    prefix: str, package: str, port: Port, base: Path, ready_path: str, settings: Settings, name: str | None = None
) -> Service:
    """Return a service whose settings carry its prefix."""
    start = f"SCALEPLEX_{prefix.upper()}_"
    named = {start + key: value for key, value in {"BIND": port.address, **settings}.items()}
    return Service(name or prefix, package, port, named, base / f"{name or prefix}.log", ready_path)


def pms_settings_of(base: Path, media: Path, players: Path | None, port: Port) -> dict[str, str]:
    return {
        "MEDIA_DIR": str(media),
        "TRANSCODE_DIR": str(base / "transcode"),
        "TRANSCODER": str(base / "Plex Transcoder"),
        "PLAYERS_DIR": str(players or ""),
        "EVENTS_FILE": str(base / "run/events.jsonl"),
        "ARGV_ORIGIN": port.url,
    }


def worker_settings_of(base: Path, media: Path, number: int, pms_port: Port) -> dict[str, str]:
    return {
        "WORKER_ID": f"worker-{number}",
        "MEDIA_ROOTS": str(media),
        "TRANSCODE_ROOT": str(base / "transcode"),
        "FFMPEG": str(find_ffmpeg()),
        "FFPROBE": str(find_ffmpeg("ffprobe")),
        "STATE_DIR": str(base / f"state-{number}"),
        "PLEX_PORT": str(pms_port.number),
        "BACKEND": "sw",
    }
