"""Command lines as people have them: JSON, a capture of a worker, or a line of Plex's log pasted as it is."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from scaleplex.cli import plexlog
from scaleplex.common.errors import ScaleplexError
from scaleplex.translator import Source, SourceStream

SHAPE = 'a JSON list of strings, an object with such a list as "argv" (and optionally "env"), or a line of Plex\'s log'

_HINT = (
    f"Give {SHAPE}: the whole line that holds 'Job running:' and 'Plex Transcoder', from 'Plex Media Server.log' with"
    " debug logging on."
)


class UnreadableCommand(ScaleplexError):
    """The text does not hold a command line."""

    code = "unreadable-command"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded command.

    Attributes:
        name: what to call it in messages.
        argv: the arguments, the program name not included.
        plex_pass: whether the Plex host is known to have a Plex Pass.
        source: what a worker's probe knew of the inputs, None when nothing is recorded.
        note: what a reader should know about how it was read, empty for nothing.
    """

    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    source: Source | None = None
    plex_pass: bool = False
    note: str = ""


def read(name: str) -> Recorded:
    """Return the command in a file, `-` for standard input; the first one of a log.

    Raises:
        UnreadableCommand: what is wrong, and what to give instead.
    """
    shown = "Standard input" if name == "-" else name
    if name == "-" and sys.stdin.isatty():
        print("Paste a line of Plex's log or JSON here, then press Enter and Ctrl-D.", file=sys.stderr)
    try:
        raw = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8", errors="surrogateescape")
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        hint = "Name a file that this user can read."
        if Path(name).is_dir():
            hint = "Name a file; scaleplex replay takes a directory."
        raise UnreadableCommand(f"{shown} cannot be read: {reason}.", hint) from exc
    return parse(shown, raw)


def parse(shown: str, text: str) -> Recorded:
    """Return the command a text holds.

    Raises:
        UnreadableCommand: see `read`.
    """
    text = text.lstrip("\ufeff")
    if not text.strip():
        raise UnreadableCommand(f"{shown} is empty.", _HINT)
    looks_like_json = text.lstrip()[0] in "[{"
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as exc:
        found = list(plexlog.jobs(text))
        if found or not looks_like_json:
            return _from_log(shown, text, found)
        raise UnreadableCommand(f"{shown} is not JSON: {exc}.", _HINT) from exc
    return _from_json(shown, document)


def _from_json(shown: str, document: object) -> Recorded:
    words = document.get("argv") if isinstance(document, dict) else document
    env = (document.get("env") or {}) if isinstance(document, dict) else {}
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UnreadableCommand(f"{shown} holds no list of arguments.", _HINT)
    if not isinstance(env, dict) or not all(isinstance(value, str) for value in env.values()):
        raise UnreadableCommand(f'"env" in {shown} does not map names to strings.', _HINT)
    if words and not words[0].startswith("-") and words[0].endswith((plexlog.PROGRAM, "ffmpeg")):
        return Recorded(shown, tuple(words[1:]), env, note="The first word is the program's name; it was left out.")
    recorded = document.get("source") if isinstance(document, dict) else None
    plex_pass = isinstance(document, dict) and document.get("plex_pass") is True
    return Recorded(shown, tuple(words), env, source(recorded), plex_pass)


def _from_log(shown: str, text: str, found: list[plexlog.Job | tuple[int, str]]) -> Recorded:
    readable = [job for job in found if isinstance(job, plexlog.Job)]
    if readable:
        job = readable[0]
        note = f"Line {job.line}, the first of {len(readable)} jobs; the others are left out." if readable[1:] else ""
        return Recorded(shown, job.argv, job.env, note=note)
    for broken in found:
        if not isinstance(broken, plexlog.Job):
            raise UnreadableCommand(
                f"The job in line {broken[0]} of {shown} is cut short: {broken[1]}.",
                "Copy the whole line; a terminal or a forum may have cut it. It usually ends with an output name.",
            )
    if text.lstrip().startswith("-") and " -i " in text:
        return _bare(shown, text)
    if plexlog.MARK in text:
        raise UnreadableCommand(f"The jobs in {shown} are not the transcoder's.", _HINT)
    raise UnreadableCommand(f"{shown} holds no command line.", _HINT)


def _bare(shown: str, text: str) -> Recorded:
    """Read arguments that were pasted without the program in front."""
    try:
        return Recorded(shown, tuple(plexlog.words(text)), note="Read as arguments alone, without a program's name.")
    except plexlog.CutShort as exc:
        raise UnreadableCommand(f"{shown} is cut short: {exc}.", "Copy the whole command line.") from exc


def source(document: object) -> Source | None:
    """Return what a capture recorded of the inputs; None for anything else."""
    if not isinstance(document, Mapping) or not isinstance(document.get("streams"), list):
        return None
    known = {f.name for f in fields(SourceStream)}
    streams: list[SourceStream] = []
    for entry in document["streams"]:
        values: dict[str, Any] = {key: value for key, value in dict(entry).items() if key in known}
        if {"index", "media", "codec"} <= values.keys():
            streams.append(SourceStream(**values))
    numbers = [document.get(name) for name in ("duration_seconds", "start_seconds")]
    duration, start = (float(n) if isinstance(n, (int, float)) else None for n in numbers)
    return Source(tuple(streams), duration, start)
