"""Who may call back: a worker that shows the signature of a job alive on this host, for the attempt that is running.

The shim writes ``<runtime>/jobs/<job>`` and holds an exclusive ``flock`` on it as long as it lives, so a job's life
needs no heartbeat and no clean exit: whoever can take the lock knows that the shim is gone
(docs/reference/protocol.md).
"""

import fcntl
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scaleplex.common.errors import BadField, Gone
from scaleplex.common.log import Secret
from scaleplex.protocol import wire
from scaleplex.protocol.messages import Message
from scaleplex.relay.callbacks import JOB, Callback, CallbackRefused

JOB_FILE_MAX_BYTES = 16_384
# A file this young may belong to a shim that has not taken its lock yet.
SETTLING_SECONDS = 5.0
# A job file, or one that a shim had not named yet when it was killed.
OURS = re.compile(rf"{JOB.pattern}|\.{JOB.pattern}\.\d+", re.ASCII)
# A shim that writes its next attempt into the file is done within these pauses.
REWRITE_PAUSES_SECONDS = (0.005, 0.02, 0.05)


@dataclass(frozen=True, slots=True)
class JobFile(Message):
    """What a shim leaves for the relay; ``token`` is PMS's and stays on this host."""

    session: str
    job: str
    attempt: int
    kind: str
    cwd: str
    token: str | None = None
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """The leave to call back for one attempt of one job, checked; what the relay adds and where the job's files are."""

    session: str
    job: str
    attempt: int
    kind: str
    cwd: Path
    token: Secret


class Tickets:
    """Checks callbacks against the fleet secret and the job files of this host."""

    def __init__(self, runtime_dir: Path, secret: Secret | None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._jobs_dir = runtime_dir / "jobs"
        self._secret = secret.reveal() if secret is not None else b""

    def check_signature(self, callback: Callback) -> None:
        """Check the signature in the path, which needs no look at the disk.

        Raises:
            CallbackRefused: it was not made for this session, job and attempt.
        """
        wanted = wire.callback_signature(self._secret, callback.session, callback.job, callback.attempt)
        if not wire.same(wanted, callback.signature):
            raise CallbackRefused(
                "The signature in the path was not made for this session, job and attempt.",
                "All hosts need the same fleet secret; compare its digest.",
            )

    def check(self, callback: Callback) -> Ticket:
        """Return the leave a callback has whose signature is good.

        Raises:
            Gone: the job has ended, or goes on in a later attempt.
        """
        found = self._read(callback.job)
        if found is None or found.session != callback.session:
            raise Gone("The job has ended: no shim holds it on this host.", "Nothing to do; its ffmpeg should end.")
        # The place for fencing: only the attempt the shim is waiting for may speak, so a worker that was given up and
        # comes back cannot announce anything. What it may still write is the worker's and the file names' matter.
        if found.attempt != callback.attempt:
            raise Gone(
                f"Attempt {callback.attempt} is not the one that runs, which is attempt {found.attempt}.",
                "Nothing to do; the ffmpeg of the earlier attempt should end.",
            )
        return Ticket(
            found.session, found.job, found.attempt, found.kind, Path(found.cwd), Secret((found.token or "").encode())
        )

    def alive(self, job: str) -> bool:
        """Return whether a shim holds this job."""
        return self._read(job) is not None

    def sweep(self, now_s: float) -> tuple[int, int]:
        """Remove the files of dead jobs.

        Args:
            now_s: wall clock, seconds since 1970, as in file times.

        Returns:
            How many jobs are alive, and how many files were removed.
        """
        alive = removed = 0
        for path in self._files():
            # Removed by the shim itself, or not readable: the next sweep looks again.
            with suppress(OSError), path.open("rb") as file:
                if _held(file.fileno()):
                    alive += 1
                elif now_s - os.fstat(file.fileno()).st_mtime > SETTLING_SECONDS:
                    path.unlink()
                    removed += 1
        return alive, removed

    def _files(self) -> Iterator[Path]:
        try:
            names = os.listdir(self._jobs_dir)
        except OSError:
            return
        yield from (self._jobs_dir / name for name in names if OURS.fullmatch(name))

    def _read(self, job: str) -> JobFile | None:
        """Return the file of a job that is alive, else None."""
        for pause_seconds in REWRITE_PAUSES_SECONDS:
            text = self._text(job)
            if text is None:
                return None
            try:
                found = JobFile.from_json(wire.load_json(text.decode("utf-8")))
            except (ValueError, BadField):
                self._sleep(pause_seconds)  # the shim is writing the next attempt into it
                continue
            return found if found.job == job else None
        return None

    def _text(self, job: str) -> bytes | None:
        """Return what the file of a job holds, or None when there is none or nobody holds its lock."""
        try:
            descriptor = os.open(self._jobs_dir / job, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode) or not _held(file.fileno()):
                return None
            return file.read(JOB_FILE_MAX_BYTES)


def _held(descriptor: int) -> bool:
    """Return whether somebody holds an exclusive lock on an open file."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False
