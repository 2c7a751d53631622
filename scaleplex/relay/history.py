"""Keeps what went wrong over a reboot: the shims' events of jobs that fell back or lost their worker.

``events.jsonl`` lies in /run and is gone when the host starts again. The relay copies the two kinds of events that an
operator asks about days later into its state directory: when, why, which job and which worker. Details stay behind,
since they may name a film. The file has a bound; the oldest lines go first.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "fallbacks.jsonl"
KEPT = ("fallback", "lost")
MAX_BYTES = 512 << 10  # about 2,000 events
TEXT_MAX = 128
DAYS_SECONDS = 7 * 24 * 3600.0  # as far back as an operator is shown


@dataclass(frozen=True, slots=True)
class Event:
    """One job that did not stay where it was meant to run; ``time_ms`` is wall clock, ``event`` one of ``KEPT``."""

    time_ms: int
    event: str
    reason: str
    session: str = ""
    job: str = ""
    worker: str = ""


class History:
    """Writes the file; used by one thread."""

    def __init__(self, directory: Path, warn: Callable[[str], None], max_bytes: int = MAX_BYTES) -> None:
        """Begin with what an earlier life has left.

        Args:
            warn: told what keeps the file from being written, once for each problem.
        """
        self._path = directory / FILE
        self._warn = warn
        self._max_bytes = max_bytes
        self._problem = ""

    def keep(self, fields: Mapping[str, object]) -> None:
        """Keep an event of a shim if it is of a kept kind; never raises, since counting must go on."""
        event = parse(fields)
        if event is None:
            return
        try:
            self._append(json.dumps(asdict(event)).encode() + b"\n")
            self._problem = ""
        except OSError as exc:
            problem = f"{self._path}: {exc.strerror}"
            if problem != self._problem:
                self._warn(problem)
            self._problem = problem

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        with os.fdopen(descriptor, "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line  # the last life ended in the middle of one
            file.write(line)
            file.flush()
            if size + len(line) > self._max_bytes:
                self._halve(file.seek(0, os.SEEK_END))

    def _halve(self, size: int) -> None:
        """Leave the newer half, in one step that a power cut cannot divide."""
        with self._path.open("rb") as file:
            file.seek(size - self._max_bytes // 2)
            newer = file.read().partition(b"\n")[2]
        temporary = self._path.with_suffix(".tmp")
        temporary.write_bytes(newer)
        temporary.replace(self._path)


def parse(fields: object) -> Event | None:
    """Return the event that a decoded line holds, None when it is none of the kept kinds."""
    if not isinstance(fields, Mapping) or fields.get("event") not in KEPT:
        return None
    time_ms = fields.get("time_ms")
    if not isinstance(time_ms, int) or isinstance(time_ms, bool):
        return None
    texts = {name: str(fields.get(name) or "")[:TEXT_MAX] for name in ("reason", "session", "job", "worker")}
    return Event(time_ms, str(fields["event"]), **texts)


def events_of(lines: Iterable[str], since_ms: int) -> list[Event]:
    """Return the kept events in lines of JSON, oldest first; what is no event is passed over."""
    found = []
    for line in lines:
        try:
            event = parse(json.loads(line))
        except (ValueError, RecursionError):
            continue
        if event is not None and event.time_ms >= since_ms:
            found.append(event)
    return sorted(found, key=lambda event: event.time_ms)


def read(directory: Path, since_ms: int) -> list[Event]:
    """Return the events kept since a moment, each once.

    Raises:
        OSError: the file is there and cannot be read.
    """
    try:
        text = (directory / FILE).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return list(dict.fromkeys(events_of(text.splitlines(), since_ms)))


def by_reason(events: Iterable[Event]) -> list[tuple[str, str, int]]:
    """Return event, reason and number, the most frequent first."""
    counted = Counter((event.event, event.reason) for event in events)
    return [(event, reason, number) for (event, reason), number in counted.most_common()]
