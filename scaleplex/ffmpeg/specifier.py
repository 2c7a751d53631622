"""Stream specifiers and pads: `0`, `v`, `s:0`, `#0x02`; `0:1`, `1:s:0`, `0:#0x02`.

In front of `-i` a bare number is the stream index in that input, behind it the stream index in that output.
Forms that are not modelled (programs, metadata) keep their text and cover nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

MEDIA = {"v": "video", "V": "video", "a": "audio", "s": "subtitle", "d": "data", "t": "attachment"}


@dataclass(frozen=True, slots=True)
class StreamSpecifier:
    """One parsed specifier; at most one of index and stream_id is set.

    Attributes:
        text: as written, empty for "every stream".
        media: `video`, `audio`, `subtitle`, `data`, `attachment`, or None when the form names no kind.
        index: ordinal among the streams of the kind, or among all streams when no kind is named.
        stream_id: the container's own id of the stream.
        understood: False for forms that are kept but not modelled.
    """

    text: str
    media: str | None = None
    index: int | None = None
    stream_id: int | None = None
    understood: bool = True

    def covers(self, index: int, media: str | None, ordinal: int = 0, stream_id: int | None = None) -> bool:
        """Return whether a stream is meant.

        Args:
            index: number of the stream in its file.
            media: kind of the stream, None when it is not known (then forms with a kind do not cover it).
            ordinal: number of the stream among those of its kind.
            stream_id: container id, None when it is not known (then forms with an id do not cover it).
        """
        if not self.understood:
            return False
        if self.stream_id is not None:
            return stream_id == self.stream_id
        if self.media is None:
            return self.index is None or self.index == index
        return media == self.media and (self.index is None or self.index == ordinal)


@dataclass(frozen=True, slots=True)
class Pad:
    """A stream of one input as maps and graphs name it, `1:s:0`."""

    file: int
    specifier: StreamSpecifier

    @property
    def text(self) -> str:
        """As FFmpeg writes it."""
        return f"{self.file}:{self.specifier.text}" if self.specifier.text else str(self.file)


def _number(text: str) -> int | None:
    """Read a decimal, hexadecimal or octal number as C's strtol does."""
    try:
        return int(text, 16) if text[:2].lower() == "0x" else int(text)
    except ValueError:
        return None


@lru_cache(maxsize=256)
def parse(text: str | None) -> StreamSpecifier:
    """Read a specifier; None and the empty text mean every stream."""
    if not text:
        return StreamSpecifier("")
    if text.isascii() and text.isdigit():
        return StreamSpecifier(text, index=int(text))
    if text[0] == "#" or text.startswith("i:"):
        number = _number(text[1:] if text[0] == "#" else text[2:])
        return StreamSpecifier(text, stream_id=number, understood=number is not None)
    media = MEDIA.get(text[0])
    rest = text[1:]
    if media is not None and not rest:
        return StreamSpecifier(text, media=media)
    if media is not None and rest[0] == ":" and rest[1:].isascii() and rest[1:].isdigit():
        return StreamSpecifier(text, media=media, index=int(rest[1:]))
    return StreamSpecifier(text, understood=False)


def parse_pad(text: str) -> Pad | None:
    """Read `FILE:SPECIFIER` of a map or a graph's source pad; None if it is something else (a link label, `-0:1`)."""
    head, _, rest = text.removesuffix("?").partition(":")
    if not (head.isascii() and head.isdigit()):
        return None
    return Pad(int(head), parse(rest))
