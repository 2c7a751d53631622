"""Structured logs: a fixed phrase, and everything that varies as a field.

Under systemd an entry goes to the journal in its native datagram form, the fields as ``SCALEPLEX_*``
(``journalctl SCALEPLEX_JOB=...`` tells one job's story on any host it touched); elsewhere to stderr as ``key=value``.
Secrets are taken out of every entry, titles of films out of all but debug entries (``scaleplex.common.scrub``).
INFO is what an operator wants at 3 a.m., DEBUG what a developer wants; WARNING means somebody should act.
"""

import os
import socket
import sys
import threading
import traceback
from collections.abc import Iterable, Mapping

from scaleplex.common import scrub

JOURNAL_SOCKET = "/run/systemd/journal/socket"
LEVELS = {"debug": 7, "info": 6, "warning": 4, "error": 3}


class Secret:
    """Bytes that must not reach a log: shown as ``***`` wherever they are printed."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the bytes; call it only where they are used."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


class Log:
    """Writes the entries of one service."""

    def __init__(
        self,
        identifier: str,
        level: str = "info",
        journal: socket.socket | None = None,
        private_roots: Iterable[str] = (),
    ) -> None:
        """Open it.

        Args:
            private_roots: directories whose content says who watches what.
        """
        self._identifier = identifier
        self._threshold = LEVELS[level]
        self._journal = journal
        self._lock = threading.Lock()
        self._titles = scrub.Titles(private_roots)

    def debug(self, message: str, **fields: object) -> None:
        self._write("debug", message, fields)

    def info(self, message: str, **fields: object) -> None:
        self._write("info", message, fields)

    def warning(self, message: str, **fields: object) -> None:
        self._write("warning", message, fields)

    def error(self, message: str, **fields: object) -> None:
        self._write("error", message, fields)

    def bug(self, message: str, exc: BaseException, **fields: object) -> None:
        """Write an error of ours with its traceback."""
        self._write("error", message, {**fields, "traceback": "".join(traceback.format_exception(exc))})

    def _write(self, level: str, message: str, fields: Mapping[str, object]) -> None:
        if LEVELS[level] > self._threshold:
            return
        message, fields = self._clean(level, message), {key: self._clean(level, value) for key, value in fields.items()}
        if self._journal is not None:
            try:
                self._journal.send(journal_entry(self._identifier, level, message, fields))
            except OSError:
                pass  # too long for a datagram, or journald restarts: stderr also ends in the journal
            else:
                return
        line = text_entry(level, message, fields)
        with self._lock:
            sys.stderr.write(line)
            sys.stderr.flush()

    def _clean(self, level: str, value: object) -> str:
        text = scrub.secrets(str(value))
        return text if level == "debug" else self._titles(text)


def text_entry(level: str, message: str, fields: Mapping[str, object]) -> str:
    """Return an entry as one line of text."""
    parts = [f"{level.upper()} {message}"]
    for key, value in fields.items():
        text = str(value)
        parts.append(f"{key}={text!r}" if any(c in text for c in " \n\"'=") or not text else f"{key}={text}")
    return " ".join(parts) + "\n"


def journal_entry(identifier: str, level: str, message: str, fields: Mapping[str, object]) -> bytes:
    """Return an entry in the journal's native form: ``KEY=value`` lines, length-prefixed where a value has newlines."""
    text = message + "".join(f" {key}={value}" for key, value in fields.items() if key != "traceback")
    pairs = [("MESSAGE", text), ("PRIORITY", str(LEVELS[level])), ("SYSLOG_IDENTIFIER", identifier)]
    pairs += [(f"SCALEPLEX_{key.upper()}", str(value)) for key, value in fields.items()]
    entry = b""
    for key, value in pairs:
        raw = value.encode("utf-8", "replace")
        if b"\n" in raw:
            entry += key.encode() + b"\n" + len(raw).to_bytes(8, "little") + raw + b"\n"
        else:
            entry += key.encode() + b"=" + raw + b"\n"
    return entry


def open_log(service: str, environ: Mapping[str, str] = os.environ, private_roots: Iterable[str] = ()) -> Log:
    """Return the log of a service: the journal under systemd, stderr elsewhere; level from ``SCALEPLEX_LOG_LEVEL``."""
    level = environ.get("SCALEPLEX_LOG_LEVEL", "info").lower()
    journal = None
    if environ.get("JOURNAL_STREAM"):
        journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            journal.connect(JOURNAL_SOCKET)
        except OSError:
            journal.close()
            journal = None
    return Log(f"scaleplex-{service}", level if level in LEVELS else "info", journal, private_roots)
