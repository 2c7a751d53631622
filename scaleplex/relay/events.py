"""Counts what the shims report: they live too briefly to be scraped, so each leaves one line per event in a file.

Lines are JSON objects, appended by many processes. A line is counted when its newline is there; one that is cut off or
is no event is skipped. The file is put aside when it has grown; the place reached is kept beside it, so that a restart
of the relay counts nothing twice and misses nothing.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from scaleplex.protocol import wire

ROTATE_BYTES = 1 << 20
READ_BYTES = 1 << 18
LINE_MAX_BYTES = 1 << 16
REASONS_MAX = 64
EVENTS = ("placed", "refused", "fallback", "local", "lost", "ended")
WORD = re.compile(r"[A-Za-z0-9_.-]{1,48}", re.ASCII)


class EventFile:
    """Reads ``events.jsonl`` on, from pass to pass; used by one thread."""

    def __init__(
        self,
        runtime_dir: Path,
        count: Callable[[str, str], None],
        keep: Callable[[Mapping[str, object]], None] = lambda fields: None,
    ) -> None:
        """Go on where an earlier life of the relay stopped.

        Args:
            count: told event and reason of each event, once.
            keep: told all fields of each event, once; must not raise.
        """
        self._path = runtime_dir / "events.jsonl"
        self._aside = runtime_dir / "events.jsonl.1"
        self._cursor = runtime_dir / "events.cursor"
        self._count = count
        self._keep = keep
        self._reasons: set[str] = set()
        self._places: dict[int, int] = self._load_places()

    def read(self) -> int:
        """Count the events that are new; return how many lines were read.

        The file put aside is read first, since a shim that opened it before may still write its line there; it is
        removed in the first pass that finds nothing new in it.
        """
        lines = 0
        if self._aside.exists():
            late = self._read_on(self._aside)
            lines += late
            if late == 0:
                self._aside.unlink(missing_ok=True)
        lines += self._read_on(self._path)
        if lines:
            self._save_places()
        if not self._aside.exists() and self._size_bytes() > ROTATE_BYTES:
            self._path.rename(self._aside)
        return lines

    def _read_on(self, path: Path) -> int:
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return 0
        with file:
            inode = os.fstat(file.fileno()).st_ino
            place = self._places.get(inode, 0)
            if os.fstat(file.fileno()).st_size < place:
                place = 0  # emptied by hand
            place, lines = self._count_lines(file, place)
        self._places[inode] = place
        return lines

    def _count_lines(self, file: BinaryIO, place: int) -> tuple[int, int]:
        lines = 0
        file.seek(place)
        while data := file.read(READ_BYTES):
            complete, newline, rest = data.rpartition(b"\n")
            if not newline:
                if len(rest) < LINE_MAX_BYTES:
                    break
                place += len(rest)  # no shim writes such a line
                continue
            for line in complete.split(b"\n"):
                self._count_line(line)
                lines += 1
            place += len(complete) + 1
            file.seek(place)
        return place, lines

    def _count_line(self, line: bytes) -> None:
        try:
            event = wire.load_json(line.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return
        if isinstance(event, dict) and event.get("event") in EVENTS:
            self._count(str(event["event"]), self._label(event.get("reason")))
            self._keep(event)

    def _label(self, reason: object) -> str:
        """Return a reason as a label value; there are only so many different ones."""
        if not isinstance(reason, str) or not reason:
            return "none"
        if not WORD.fullmatch(reason) or (reason not in self._reasons and len(self._reasons) >= REASONS_MAX):
            return "other"
        self._reasons.add(reason)
        return reason

    def _size_bytes(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _load_places(self) -> dict[int, int]:
        try:
            value = json.loads(self._cursor.read_text())
            return {int(inode): int(place) for inode, place in value.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}

    def _save_places(self) -> None:
        inodes = [p.stat().st_ino for p in (self._path, self._aside) if p.exists()]
        self._places = {inode: place for inode, place in self._places.items() if inode in inodes}
        temporary = self._cursor.with_suffix(".tmp")
        temporary.write_text(json.dumps(self._places))
        temporary.replace(self._cursor)
