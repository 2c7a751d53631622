"""Filtergraphs: chains of filters with their link labels and arguments, and back, character for character.

FFmpeg reads a graph in two rounds. The first cuts at `,` `;` `[` `]` and takes off one level of backslashes and quotes;
the second cuts each filter's arguments at `:` and takes off the next level. Arguments here keep their raw text (both
levels on) next to the read key and value, so an edit of one argument leaves its neighbours' escaping alone.
A filter whose text does not come back exactly from its parts is kept whole as an opaque one, with an empty name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

_SPACE = " \n\t\r"


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a filter.

    Attributes:
        raw: as it stands in the graph, with all escaping.
        key: None for a positional argument.
        value: with both levels of escaping taken off.
    """

    raw: str
    key: str | None
    value: str


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter with the links in front of and behind it.

    Attributes:
        name: filter name, empty when the text could not be read.
        has_arguments: whether `=` follows the name (`format=` differs from `format`).
        before, gap, after: blanks in front of the first link, behind the last input link, and at the end.
        opaque: the whole text, when it could not be read.
    """

    name: str
    arguments: tuple[Argument, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    has_arguments: bool = False
    before: str = ""
    gap: str = ""
    after: str = ""
    opaque: str | None = None

    def get(self, key: str, position: int | None = None) -> str | None:
        """Return the value of an argument by name, else the positional one at that place (from 0)."""
        for argument in self.arguments:
            if argument.key == key:
                return argument.value
        if position is not None and position < len(self.arguments) and self.arguments[position].key is None:
            return self.arguments[position].value
        return None

    def without(self, *keys: str) -> Filter:
        """Return the filter without the named arguments."""
        kept = tuple(argument for argument in self.arguments if argument.key not in keys)
        return self if len(kept) == len(self.arguments) else replace(self, arguments=kept, has_arguments=bool(kept))

    def body(self) -> str:
        """Return name and arguments without links."""
        if not self.has_arguments:
            return self.name
        return self.name + "=" + ":".join(argument.raw for argument in self.arguments)

    def text(self) -> str:
        """Return the filter as it stands in a graph."""
        if self.opaque is not None:
            return self.opaque
        into = "".join(f"[{label}]" for label in self.inputs)
        out = "".join(f"[{label}]" for label in self.outputs)
        return f"{self.before}{into}{self.gap}{self.body()}{out}{self.after}"


@dataclass(frozen=True, slots=True)
class Filtergraph:
    """Filterchains, each a sequence of filters; links join chains by label."""

    chains: tuple[tuple[Filter, ...], ...]

    def filters(self) -> Iterator[Filter]:
        """Yield every filter in the order of the text."""
        for chain in self.chains:
            yield from chain

    def first(self, *names: str) -> Filter | None:
        """Return the first filter that has one of the names."""
        return next((found for found in self.filters() if found.name in names), None)

    def produced(self) -> tuple[str, ...]:
        """Return the labels filters write to."""
        return tuple(label for found in self.filters() for label in found.outputs)

    def consumed(self) -> tuple[str, ...]:
        """Return the labels and source pads filters read from."""
        return tuple(label for found in self.filters() for label in found.inputs)

    def ends(self) -> tuple[str, ...]:
        """Return the labels no filter of this graph reads: those a map may take."""
        consumed = self.consumed()
        return tuple(label for label in self.produced() if label not in consumed)


@lru_cache(maxsize=64)
def parse(text: str) -> Filtergraph:
    """Take a graph apart. Never raises. Graphs are frozen, so a text that comes again is answered from memory."""
    return Filtergraph(tuple(tuple(_filter(item) for item in _cut(chain, ",")) for chain in _cut(text, ";")))


def emit(graph: Filtergraph) -> str:
    """Put a graph together."""
    return ";".join(",".join(item.text() for item in chain) for chain in graph.chains)


def _cut(text: str, separator: str) -> list[str]:
    """Cut at a separator that is neither escaped, quoted nor inside a link label."""
    if separator not in text:
        return [text]
    if "\\" not in text and "'" not in text and "[" not in text:
        return text.split(separator)
    pieces: list[str] = []
    start = place = 0
    end = len(text)
    while place < end:
        mark = text[place]
        if mark == "\\":
            place += 1
        elif mark == "'":
            place = text.find("'", place + 1)
            if place < 0:
                break
        elif mark == "[":
            close = text.find("]", place)
            place = close if close >= 0 else place
        elif mark == separator:
            pieces.append(text[start:place])
            start = place + 1
        place += 1
    pieces.append(text[start:])
    return pieces


def _labels(text: str) -> tuple[tuple[str, ...], str]:
    """Take leading `[label]` off a text."""
    labels: list[str] = []
    while text[:1] == "[":
        label, close, rest = text[1:].partition("]")
        if not close:
            break
        labels.append(label)
        text = rest
    return tuple(labels), text


def _body_end(text: str) -> int:
    """Return where name and arguments end: at the first bracket that is neither escaped nor quoted."""
    place, end = 0, len(text)
    while place < end:
        mark = text[place]
        if mark == "\\":
            place += 1
        elif mark == "'":
            close = text.find("'", place + 1)
            if close < 0:
                return end
            place = close
        elif mark == "[":
            return place
        place += 1
    return end


def _filter(text: str) -> Filter:
    body = text.lstrip(_SPACE)
    before = text[: len(text) - len(body)]
    inputs, rest = _labels(body)
    body = rest.lstrip(_SPACE)
    gap = rest[: len(rest) - len(body)]
    split = _body_end(body)
    outputs, after = _labels(body[split:])
    name, equals, raw = body[:split].partition("=")
    found = Filter(name, _arguments(raw) if equals else (), inputs, outputs, bool(equals), before, gap, after)
    if after.strip(_SPACE) or not name or not name.replace("_", "").replace("@", "").isalnum() or found.text() != text:
        return Filter("", opaque=text)
    return found


def _arguments(raw: str) -> tuple[Argument, ...]:
    if "\\" not in raw and "'" not in raw:
        return tuple(_argument(item, item) for item in raw.split(":"))
    arguments: list[Argument] = []
    item_raw: list[str] = []
    item_read: list[str] = []
    escaped = quoted = False
    for source, char in _units(raw):
        if not escaped and not quoted and char == ":":
            arguments.append(_argument("".join(item_raw), "".join(item_read)))
            item_raw, item_read = [], []
            continue
        item_raw.append(source)
        if not char:
            continue
        if escaped:
            escaped = False
        elif quoted:
            if char == "'":
                quoted = False
                continue
        elif char == "\\":
            escaped = True
            continue
        elif char == "'":
            quoted = True
            continue
        item_read.append(char)
    arguments.append(_argument("".join(item_raw), "".join(item_read)))
    return tuple(arguments)


def _units(raw: str) -> Iterator[tuple[str, str]]:
    """Yield (raw text, character) with the graph's level of escaping taken off; quotes have an empty character."""
    place, end = 0, len(raw)
    quoted = False
    while place < end:
        mark = raw[place]
        if mark == "'":
            quoted = not quoted
            yield mark, ""
        elif mark == "\\" and not quoted and place + 1 < end:
            place += 1
            yield mark + raw[place], raw[place]
        else:
            yield mark, mark
        place += 1


def _argument(raw: str, read: str) -> Argument:
    key, equals, value = read.partition("=")
    if equals and key.strip(_SPACE).replace("_", "").isalnum():
        return Argument(raw, key.strip(_SPACE), value)
    return Argument(raw, None, read)
