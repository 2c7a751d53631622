"""One spawn of the transcoder: its directory, its process, and what it announced."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from scaleplex.demo.pms.argv import write_argv
from scaleplex.demo.pms.boxes import Track
from scaleplex.demo.pms.config import StandinConfig
from scaleplex.demo.pms.decision import Decision
from scaleplex.demo.pms.environment import transcoder_environment
from scaleplex.demo.pms.manifests import Segment
from scaleplex.demo.pms.verify import Anchor, Print, changed_since

POLITE_SECONDS = 2.0
REMOVAL_DELAY_SECONDS = 0.03  # PMS removes the directory about 30 ms after the kill


@dataclass(slots=True)
class Announced:
    """A file that a manifest named, as it was found then."""

    segment: Segment
    path: Path
    print: Print | None  # None: it could not be opened
    pruned: bool = False


@dataclass(slots=True)
class Call:
    """One callback."""

    time_seconds: float
    kind: str
    query: dict[str, str]
    status: int


@dataclass(slots=True)
class Job:
    """One job; everything but the constants is guarded by the table's condition."""

    session: str
    id: str
    decision: Decision
    cwd: Path
    argv: list[str]
    token: str
    started: float
    process: "subprocess.Popen[bytes] | None" = None
    stdout: IO[bytes] | None = None
    stderr: IO[bytes] | None = None
    calls: list[Call] = field(default_factory=list)
    rank: int = 0
    progress_times: list[float] = field(default_factory=list)
    released: float | None = None  # when the duration came
    duration_seen: bool = False
    manifest_seen: bool = False
    final_seen: bool = False
    throttled: bool = False
    announced: dict[tuple[str, int], Announced] = field(default_factory=dict)  # numbers as in client URLs
    inits: dict[str, tuple[Path, Print, Track]] = field(default_factory=dict)
    anchors: dict[str, Anchor] = field(default_factory=dict)
    chunk_ends: dict[str, tuple[int, int]] = field(default_factory=dict)
    served: list[tuple[float, str, int, int]] = field(default_factory=list)  # time, stream, number, bytes
    exit_code: int | None = None
    ended: float | None = None
    killed: float | None = None
    removed: float | None = None

    @property
    def alive(self) -> bool:
        return self.exit_code is None

    @property
    def last_number(self) -> int | None:
        return max((number for stream, number in self.announced if stream != "subtitles"), default=None)

    @property
    def announced_seconds(self) -> float:
        number = self.last_number
        return self.decision.start_seconds if number is None else float((number + 1) * self.decision.segment_seconds)

    @property
    def served_seconds(self) -> float:
        last = max((number for _, stream, number, _ in self.served if stream != "subtitles"), default=None)
        return self.decision.start_seconds if last is None else float((last + 1) * self.decision.segment_seconds)

    def changed_files(self) -> list[str]:
        """Return the names of announced files that are no longer what they were."""
        files = [(a.path, a.print) for a in self.announced.values() if a.print is not None and not a.pruned]
        files += [(path, known) for path, known, _ in self.inits.values()]
        return [path.name for path, known in files if changed_since(path, known)]


def spawn(
    config: StandinConfig,
    session: str,
    decision: Decision,
    token: str,
    on_job: Callable[[Job], None],
    on_exit: Callable[[Job], None],
) -> None:
    """Make the session directory, stage subtitles, start the transcoder.

    Args:
        config: names the program and where directories are made.
        session: the client's id.
        decision: what to make.
        token: the credential in the child's environment.
        on_job: called before the process exists, which may call back at once.
        on_exit: called from a thread of its own when the process has ended.
    """
    job_id = str(uuid.uuid4())
    cwd = config.transcode_dir / "Transcode" / "Sessions" / f"plex-transcode-{session}-{job_id}"
    cwd.mkdir(parents=True, mode=0o755)
    cwd = cwd.resolve()
    if decision.subtitle != "none":
        shutil.copyfile(decision.item.sidecars[0], cwd / "temp-0.srt")
    argv = write_argv(decision, session, job_id, cwd, config.argv_origin)
    job = Job(session, job_id, decision, cwd, argv, token, time.monotonic())
    on_job(job)
    # Files, not pipes: a process that outlives its parent must not keep a reader waiting.
    job.stdout, job.stderr = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - live as long as the job
    job.process = subprocess.Popen(
        [str(config.transcoder), *argv],
        cwd=cwd,
        env=transcoder_environment(token),
        stdin=subprocess.DEVNULL,
        stdout=job.stdout,
        stderr=job.stderr,
    )
    threading.Thread(target=watch, args=(job, on_exit), daemon=True, name=f"watch-{job_id}").start()


def watch(job: Job, on_exit: Callable[[Job], None]) -> None:
    assert job.process is not None
    job.process.wait()
    on_exit(job)


def output_of(stream: IO[bytes] | None) -> bytes:
    """Return what the process wrote so far to one of its streams."""
    if stream is None or stream.closed:
        return b""
    return os.pread(stream.fileno(), 1 << 16, 0)


def kill(job: Job, *, polite: bool = False) -> None:
    """End the process, and wait until it is gone."""
    assert job.process is not None
    if job.process.poll() is None:
        job.killed = job.killed or time.monotonic()
    if polite:
        job.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            job.process.wait(POLITE_SECONDS)
    job.process.kill()
    job.process.wait()


def remove_directory(job: Job) -> None:
    """Remove the session directory as PMS does after a kill; a late writer may keep it from vanishing."""
    time.sleep(REMOVAL_DELAY_SECONDS)
    shutil.rmtree(job.cwd, ignore_errors=True)
    job.removed = time.monotonic()
