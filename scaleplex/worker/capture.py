"""Keep the command lines this worker is given, for `scaleplex explain` and `scaleplex replay`.

Switched on by ``SCALEPLEX_WORKER_CAPTURE_DIR``. One JSON file per command line, the newest few hundred of them. What
would tell who watches what is scrubbed (`scaleplex.worker.scrub`) unless ``SCALEPLEX_WORKER_CAPTURE_RAW`` is 1.

A task never waits for this: its command line is put into a short queue, a thread writes it out, and what does not fit
or cannot be written is left out. The first time that happens, the log says so.
"""

import json
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from scaleplex.protocol.messages import TaskRequest
from scaleplex.worker import policy
from scaleplex.worker.config import WorkerConfig
from scaleplex.worker.scrub import Scrubber

QUEUE_MAX = 64
_PREFIX, _SUFFIX = "argv-", ".json"
Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Captured:
    """One command line as it arrived."""

    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str
    kind: str
    plex_pass: bool
    taken_ms: int


class Capture:
    """Writes what it is given; does nothing without a directory."""

    def __init__(self, directory: Path | None, *, keep: int, raw: bool, warn: Warn) -> None:
        """Prepare; the thread starts with the first command line.

        Args:
            directory: where the files go; made if it is not there.
            keep: how many files may lie there; the oldest goes first.
            raw: leave names and tokens as they are.
            warn: told once that something could not be kept.
        """
        self._directory = directory
        self._keep = keep
        self._scrubber = None if raw else Scrubber()
        self._warn = warn
        self._warned = False
        self._queue: queue.Queue[Captured] = queue.Queue(QUEUE_MAX)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._count = 0

    @classmethod
    def of(cls, config: WorkerConfig, warn: Warn) -> Self:
        """Return what the settings ask for."""
        return cls(config.capture_dir, keep=config.capture_max, raw=config.capture_raw, warn=warn)

    def take(self, request: TaskRequest) -> None:
        """Keep a command line; returns at once and raises nothing."""
        if self._directory is None:
            return
        try:
            now_ms = time.time_ns() // 1_000_000
            self._queue.put_nowait(
                Captured(request.args, dict(request.env), request.cwd, request.kind, request.plex_pass, now_ms)
            )
            self._start()
        except (queue.Full, RuntimeError):
            self._complain("they come faster than they can be written")

    def flush(self) -> None:
        """Wait until everything taken so far is written; for tests."""
        self._queue.join()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            captured = self._queue.get()
            try:
                self._write(captured)
            except Exception as exc:  # a capture that fails must not end the thread, let alone a task
                self._complain(str(exc))
            finally:
                self._queue.task_done()

    def _write(self, captured: Captured) -> None:
        directory = self._directory
        assert directory is not None
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._count += 1
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(captured.taken_ms / 1000))
        name = f"{_PREFIX}{stamp}{captured.taken_ms % 1000:03d}-{os.getpid()}-{self._count:05d}{_SUFFIX}"
        part = directory / f".{name}.part"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(json.dumps(self._document(captured), indent=1) + "\n")
        part.rename(directory / name)
        self._forget(directory)

    def _document(self, captured: Captured) -> dict[str, object]:
        scrubber = self._scrubber
        document: dict[str, object] = {
            "scrubbed": scrubber is not None,
            "kind": captured.kind if captured.kind in policy.KINDS else "other",
            "plex_pass": captured.plex_pass,
        }
        if scrubber is None:
            return document | {"cwd": captured.cwd, "env": captured.env, "argv": list(captured.argv)}
        return document | {
            "cwd": scrubber.path(captured.cwd),
            "env": scrubber.environment(captured.env),
            "argv": scrubber.words(captured.argv),
        }

    def _forget(self, directory: Path) -> None:
        """Remove the oldest of our files above the limit; their names sort by time."""
        ours = sorted(
            entry.name
            for entry in os.scandir(directory)
            if entry.name.startswith(_PREFIX) and entry.name.endswith(_SUFFIX)
        )
        for name in ours[: max(0, len(ours) - self._keep)]:
            (directory / name).unlink(missing_ok=True)

    def _complain(self, reason: str) -> None:
        if not self._warned:
            self._warned = True
            self._warn(reason)
