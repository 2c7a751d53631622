r"""Command lines in Plex Media Server's log: ``Job running: NAME=value … "…/Plex Transcoder" -codec:0 …``.

Three spellings are known. Since about 2021 a word stands bare; with blanks or brackets it is in double quotes, with a
``$`` in single ones. Nothing is escaped inside them: ``select=gte(t\,84)`` and ``ochl='stereo'`` stand as PMS passes
them. Before, every word was in single quotes, as a shell would want it (``'\''`` for an apostrophe). And people paste
what a shell or ``scaleplex explain`` printed. So:

* a quote opens at the start of a word, behind ``NAME=`` of a variable, and behind another quoted piece, nowhere else;
* it closes where a blank, the end, another quote or a backslash follows;
* backslashes in double quotes are escapes only if every one of them in the line can be one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MARK = "Job running:"
PROGRAM = "Plex Transcoder"

_SPACE = " \t\r\n"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_ESCAPED = re.compile(r'(?:[^\\]|\\[\\"$`])*')
_ESCAPE = re.compile(r'\\([\\"$`])')


class CutShort(ValueError):
    """The text ends inside a quoted word."""


@dataclass(frozen=True, slots=True)
class Job:
    """One logged job.

    Attributes:
        line: its number in the text, from 1.
        argv: the arguments, the program name not included.
        env: the variables PMS added to its own environment.
    """

    line: int
    argv: tuple[str, ...]
    env: dict[str, str]


def jobs(text: str) -> Iterator[Job | tuple[int, str]]:
    """Yield the transcoder's jobs of a log, and for those that cannot be read the line number and what is wrong."""
    for number, line in enumerate(text.splitlines(), 1):
        if PROGRAM not in line:
            continue
        _, mark, rest = line.partition(MARK)
        if not mark and not _starts_with_the_program(line):
            continue
        try:
            found = _job(number, rest if mark else line)
        except CutShort as exc:
            yield number, str(exc)
            continue
        if found is not None:
            yield found


def words(text: str) -> list[str]:
    """Split a logged command line into words.

    Raises:
        CutShort: a quote is not closed.
    """
    try:
        found, bodies = _split(text, escapes=True)
    except CutShort:
        return _split(text, escapes=False)[0]
    if any("\\" in body for body in bodies) and not all(_ESCAPED.fullmatch(body) for body in bodies):
        return _split(text, escapes=False)[0]
    return found


def _starts_with_the_program(line: str) -> bool:
    """Return whether a line without the log's words is the command line itself, as a shell or `ps` shows it."""
    start = line.strip()
    while (name := _VARIABLE.match(start)) is not None:
        start = start[name.end() :].partition(" ")[2].lstrip()
    return start.lstrip("\"'").startswith("/") and " -" in start


def _job(number: int, text: str) -> Job | None:
    env: dict[str, str] = {}
    found = words(text)
    for place, word in enumerate(found):
        if word.endswith(PROGRAM):
            return Job(number, tuple(found[place + 1 :]), env)
        if word.endswith("/Plex") and found[place + 1 : place + 2] == ["Transcoder"]:
            return Job(number, tuple(found[place + 2 :]), env)
        if (name := _VARIABLE.match(word)) is None:
            return None  # another program, whose arguments mention the transcoder
        env[word[: name.end() - 1]] = word[name.end() :]
    return None


def _split(text: str, escapes: bool) -> tuple[list[str], list[str]]:
    """Return the words, and the bodies of the double quotes before escapes are taken off."""
    found: list[str] = []
    bodies: list[str] = []
    place, end = 0, len(text)
    while place < end:
        if text[place] in _SPACE:
            place += 1
            continue
        word, start, quoted = "", place, False
        while place < end and text[place] not in _SPACE:
            char = text[place]
            if char in "\"'" and (quoted or place == start or _VARIABLE.fullmatch(word)):
                place, body = _quoted(text, place, escapes)
                if char == '"':
                    bodies.append(body)
                    body = _ESCAPE.sub(r"\1", body) if escapes else body
                word, quoted = word + body, True
            elif char == "\\" and place + 1 < end and (text[place + 1] == " " or quoted):
                word += text[place + 1]  # a blank in a bare word, or the apostrophe between two quoted pieces
                place += 2
            else:
                word, quoted = word + char, False
                place += 1
        found.append(word)
    return found, bodies


def _quoted(text: str, start: int, escapes: bool) -> tuple[int, str]:
    """Return where the text goes on behind a quoted piece, and what is between the quotes."""
    quote, place = text[start], start + 1
    while place < len(text):
        char = text[place]
        if char == "\\" and quote == '"' and escapes:
            place += 1
        elif char == quote and (place + 1 == len(text) or text[place + 1] in _SPACE + "\"'\\"):
            return place + 1, text[start + 1 : place]
        place += 1
    raise CutShort("it ends inside a quoted word")
