"""Words as a terminal may show them, and commands as a shell takes them back."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from scaleplex.ffmpeg import argv as language

_INDENT = "  "


def visible(text: str) -> str:
    """Return a text fit for a terminal: what a command line holds may be control characters and broken UTF-8."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def quoted(word: str) -> str:
    """Return a word as a shell reads it back, whatever it holds, in printable characters only."""
    if word.isprintable():
        return shlex.quote(word)
    return "$'" + "".join(map(_ansi_c, word)) + "'"


def _ansi_c(char: str) -> str:
    if char in "\\'":
        return "\\" + char
    if char.isprintable():
        return char
    # A lone surrogate stands for a byte that is no UTF-8; whatever else is not printable is its UTF-8 bytes.
    raw = char.encode("utf-8", errors="surrogateescape" if "\udc80" <= char <= "\udcff" else "replace")
    return "".join(f"\\x{byte:02x}" for byte in raw)


def command(program: str, words: Sequence[str], env: Mapping[str, str]) -> str:
    """Return a command ready to paste: an option per line, joined by backslashes."""
    parsed = language.parse(words)
    lines = [" ".join([*(f"{name}={quoted(value)}" for name, value in env.items()), program])]
    for file in parsed.files:
        lines += [_line(option.words()) for option in file.options]
        lines.append(_line(("-i", file.url) if file.is_input else (file.url,)))
    lines += [_line(option.words()) for option in parsed.trailing]
    return f" \\\n{_INDENT}".join(lines)


def _line(words: Sequence[str]) -> str:
    return " ".join(map(quoted, words))
