"""Starts, awaits and ends the fleet's services as real processes on loopback."""

import contextlib
import ctypes
import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import requests

from scaleplex.common.errors import ScaleplexError

PORTS = range(20000, 32000)  # below what the kernel hands out by itself
PR_SET_PDEATHSIG = 1
STOP_SECONDS = 8.0
POLL_SECONDS = 0.05


class ServiceFailed(ScaleplexError):
    """A service did not come up; the end of its log is in the detail."""


@dataclass(slots=True)
class Port:
    """A TCP port nobody else has; the lock is held as long as this object lives."""

    number: int
    lock: IO[str]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.number}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def release(self) -> None:
        Path(self.lock.name).unlink(missing_ok=True)
        self.lock.close()


def take_port() -> Port:
    """Return a free port; fleets that start at the same time get different ones."""
    for number in random.sample(PORTS, len(PORTS)):  # a place to start looking
        lock = Path(tempfile.gettempdir(), f".scaleplex-port-{number}.lock").open("w")  # noqa: SIM115 - the lock's life
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock.fileno()).st_ino != os.stat(lock.name).st_ino:
                raise BlockingIOError  # its last holder let go after this one had opened it: it keeps nobody out
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", number))
        except OSError:
            lock.close()
            continue
        return Port(number, lock)
    raise ServiceFailed("no TCP port between 20000 and 31999 is free.", "End what listens there.")


def die_with_parent() -> None:
    """Have the kernel end this process when its parent is gone, however that came about."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(slots=True)
class Service:
    """One gunicorn with one of our apps."""

    name: str
    package: str  # scaleplex.relay and so on
    port: Port
    settings: dict[str, str]
    log_path: Path
    ready_path: str = "/healthz"
    process: "subprocess.Popen[bytes] | None" = None
    started: float = field(default=0.0)

    @property
    def url(self) -> str:
        return self.port.url

    def start(self, home: Path) -> None:
        """Start it; it is not yet ready when this returns."""
        command = [sys.executable, "-m", "gunicorn", "--config", f"python:{self.package}.gunicorn_conf"]
        root = Path(__file__).parents[2]
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(home),
            "PYTHONPATH": str(root),
            "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE", ""),
            **self.settings,
        }
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, f"{self.package}.app:create()"],
                env=environment,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the one who stops it in order
                preexec_fn=die_with_parent,
            )
        self.started = time.monotonic()

    def log_end(self) -> str:
        return self.log_path.read_text(errors="replace")[-1500:] if self.log_path.exists() else ""

    def ready(self) -> bool:
        """Return whether it says that it can work.

        Raises:
            ServiceFailed: the process has ended.
        """
        assert self.process is not None
        if self.process.poll() is not None:
            raise ServiceFailed(f"{self.name} ended with {self.process.returncode}: {self.log_end()}", "See its log.")
        with contextlib.suppress(requests.RequestException):
            return requests.get(self.url + self.ready_path, timeout=2).ok
        return False

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask it to end, and end it when it does not."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End it and its worker process at once, as a power cut would."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # a group of its own, see start
        self.process.wait()


def wait_until(condition: Callable[[], bool], seconds: float, otherwise: Callable[[], str]) -> None:
    """Return when a condition holds.

    Raises:
        ServiceFailed: it does not within that time; ``otherwise`` gives the sentence.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ServiceFailed(otherwise(), "Look at the logs in the fleet's directory (--keep DIR).")
        time.sleep(POLL_SECONDS)
