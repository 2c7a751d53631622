"""A directory of recorded command lines: JSON files of one each, and logs of Plex with any number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scaleplex.cli import plexlog, recorded
from scaleplex.cli.recorded import Recorded, UnreadableCommand

JSON_SUFFIX = ".json"
LOG_SUFFIXES = (".log", ".txt")


def commands(directory: Path) -> Iterator[tuple[str, Recorded | str]]:
    """Yield each command line with its name, or with what is wrong with its file.

    Raises:
        UnreadableCommand: there is no such directory, or nothing in it.
    """
    if not directory.is_dir():
        raise UnreadableCommand(f"{directory} is no directory.", "Name a directory of recorded command lines.")
    files = sorted(p for p in directory.rglob("*") if p.suffix in (JSON_SUFFIX, *LOG_SUFFIXES) and p.is_file())
    if not files:
        raise UnreadableCommand(
            f"{directory} holds no .json, .log or .txt file.",
            "Put recorded command lines there; a worker records them with SCALEPLEX_WORKER_CAPTURE_DIR.",
        )
    for file in files:
        name = str(file.relative_to(directory))
        try:
            text = file.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError as exc:
            yield name, f"cannot be read: {exc.strerror}"
            continue
        yield from _one(name, text) if file.suffix == JSON_SUFFIX else _logged(name, text)


def _one(name: str, text: str) -> Iterator[tuple[str, Recorded | str]]:
    try:
        yield name, recorded.parse(name, text)
    except UnreadableCommand as exc:
        yield name, exc.detail


def _logged(name: str, text: str) -> Iterator[tuple[str, Recorded | str]]:
    for job in plexlog.jobs(text):
        if isinstance(job, plexlog.Job):
            yield f"{name}:{job.line}", Recorded(f"{name}:{job.line}", job.argv, job.env)
        else:
            yield f"{name}:{job[0]}", f"{name}:{job[0]} is cut short: {job[1]}"
