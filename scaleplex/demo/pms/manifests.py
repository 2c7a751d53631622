"""What a manifest callback announces: segments with their number, times and file name (contract 3.10, 3.11)."""

import csv
import io
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

MPD = "{urn:mpeg:dash:schema:mpd:2011}"
BASE_NAME = re.compile(r"(?:media|chunk|sub-chunk|chunk-stream\d+)-\d{5,}(?:\.ts|\.m4s)?|init-stream\d+\.m4s")
NUMBER = re.compile(r"-(\d{5,})(?:\.\w+)?$")


class BadManifest(ValueError):
    """The body is no manifest PMS could use."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One announced file; ``number`` is the one in its name."""

    stream: str  # "0", "1" for DASH; "base" for lists; "subtitles" for the side channel
    number: int
    start_seconds: float
    end_seconds: float
    name: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """One body, understood."""

    segments: tuple[Segment, ...]
    inits: tuple[str, ...] = ()
    first_numbers: tuple[int, ...] = ()  # startNumber of each representation
    final: bool = False
    unfinished: tuple[str, ...] = ()


def parse_mpd(body: bytes) -> Manifest:
    """Return what an MPD announces.

    Raises:
        BadManifest: it is not XML, or names a file outside the session directory.
    """
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - comes from the fleet under test, over loopback
    except ElementTree.ParseError as exc:
        raise BadManifest(f"not XML: {exc}") from exc
    if root.tag != f"{MPD}MPD":
        raise BadManifest(f"the root is {root.tag}")
    segments: list[Segment] = []
    inits, firsts = [], []
    for representation in root.iter(f"{MPD}Representation"):
        template = representation.find(f"{MPD}SegmentTemplate")
        if template is None:
            raise BadManifest("a Representation has no SegmentTemplate")
        stream = representation.get("id", "")
        inits.append(checked(template.get("initialization", "").replace("$RepresentationID$", stream)))
        firsts.append(int(template.get("startNumber", "1")))
        segments += timeline(template, stream, firsts[-1])
    return Manifest(tuple(segments), tuple(inits), tuple(firsts), final=root.get("type") == "static")


def timeline(template: ElementTree.Element, stream: str, first: int) -> list[Segment]:
    timescale = int(template.get("timescale", "1"))
    pattern = template.get("media", "").replace("$RepresentationID$", stream)
    number, time, out = first, 0, []
    for entry in template.iter(f"{MPD}S"):
        time = int(entry.get("t", time))
        for _ in range(int(entry.get("r", "0")) + 1):
            duration = int(entry.get("d", "0"))
            name = checked(pattern.replace("$Number%05d$", f"{number:05d}"))
            out.append(Segment(stream, number, time / timescale, (time + duration) / timescale, name))
            time += duration
            number += 1
    return out


def parse_csv(body: bytes, stream: str = "base") -> Manifest:
    """Return what a segment list announces; rows of unfinished segments begin with ``#``.

    Raises:
        BadManifest: a row has not the columns of a list, or names a file outside the session directory.
    """
    segments, unfinished = [], []
    for row in csv.reader(io.StringIO(body.decode("utf-8", "replace"))):
        if not row:
            continue
        if row[0].startswith("#"):
            unfinished.append(checked(row[0][1:]))
            continue
        if len(row) not in (3, 5):
            raise BadManifest(f"a row of {len(row)} columns: {','.join(row)}")
        try:
            start, end = float(row[1]), float(row[2])
        except ValueError as exc:
            raise BadManifest(f"a row without times: {','.join(row)}") from exc
        number = NUMBER.search(checked(row[0]))
        assert number is not None
        segments.append(Segment(stream, int(number[1]), start, end, row[0]))
    return Manifest(tuple(segments), unfinished=tuple(unfinished))


def checked(name: str) -> str:
    if not BASE_NAME.fullmatch(name):
        raise BadManifest(f"{name!r} is not the name of a file in the session directory")
    return name
