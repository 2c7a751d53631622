"""As much of ISO BMFF and of MPD as the tests look at."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CONTAINERS = {b"moof", b"traf"}


@dataclass(frozen=True, slots=True)
class Box:
    name: str
    payload: bytes


def boxes(data: bytes) -> Iterator[Box]:
    """Yield the boxes of ``data``, those inside ``moof`` and ``traf`` after them.

    Raises:
        ValueError: the last box is longer than the data; a file cut short.
    """
    at = 0
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if size < 8 or at + size > len(data):
            raise ValueError(f"box {name!r} at {at} is cut short")
        payload = data[at + 8 : at + size]
        yield Box(name.decode(), payload)
        if name in CONTAINERS:
            yield from boxes(payload)
        at += size


def names(path: Path) -> list[str]:
    return [box.name for box in boxes(path.read_bytes())]


def start_of_chunk(path: Path) -> tuple[float, float]:
    """Return where a chunk starts in seconds, according to its ``sidx`` and to its first ``tfdt``."""
    found = {box.name: box.payload for box in reversed(list(boxes(path.read_bytes())))}
    sidx, tfdt = found["sidx"], found["tfdt"]
    (timescale,) = struct.unpack_from(">I", sidx, 8)
    (earliest,) = struct.unpack_from(">Q" if sidx[0] else ">I", sidx, 12)
    (decode_time,) = struct.unpack_from(">Q" if tfdt[0] else ">I", tfdt, 4)
    return earliest / timescale, decode_time / timescale


@dataclass(frozen=True, slots=True)
class Timeline:
    """One representation of an MPD: number of its first segment, start and duration of each in seconds."""

    start_number: int
    segments: tuple[tuple[float, float], ...]


def timelines(mpd: str) -> list[Timeline]:
    found = []
    for template, rows in re.findall(r"<SegmentTemplate ([^>]*)>(.*?)</SegmentTemplate>", mpd, re.DOTALL):
        timescale = int(attribute(template, "timescale"))
        segments, at = [], 0
        for row in re.findall(r"<S ([^/]*)/>", rows):
            at = int(attribute(row, "t", str(at)))
            for _ in range(int(attribute(row, "r", "0")) + 1):
                duration = int(attribute(row, "d"))
                segments.append((at / timescale, duration / timescale))
                at += duration
        found.append(Timeline(int(attribute(template, "startNumber")), tuple(segments)))
    return found


def attribute(text: str, name: str, default: str | None = None) -> str:
    match = re.search(rf'\b{name}="([^"]*)"', text)
    if match:
        return match[1]
    if default is None:
        raise ValueError(f"no {name} in {text}")
    return default
