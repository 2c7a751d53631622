"""What a manifest announces: the files it names and how far it has come.

ffmpeg posts either an MPD (DASH) or CSV rows (HLS, segmented Matroska, text subtitles). PMS serves what is named there,
so a body may name only files a transcode of Plex writes into its own directory: no path, no URL. Pure: bytes in, values
out.
"""

import csv
import re
from dataclasses import dataclass
from xml.parsers import expat

from scaleplex.relay.callbacks import CallbackRefused

NAMES_MAX = 200_000  # a day of one-second segments, video and audio
# The names Plex's command lines ask for; see docs/explanation/relay.md.
FILE_NAME = re.compile(
    r"(?:init-stream\d{1,4}\.m4s|chunk-stream\d{1,4}-\d{5,9}\.m4s|media-\d{5,9}\.ts|(?:sub-)?chunk-\d{5,9})", re.ASCII
)
NUMBER = re.compile(r"-(\d{5,9})(?:\.\w+)?$", re.ASCII)
PLACEHOLDER = re.compile(r"\$(?:(RepresentationID)|(Number)(?:%0(\d)d)?)\$", re.ASCII)
# Elements and attributes that would send a client, or PMS, somewhere else.
REDIRECTING_ELEMENTS = ("BaseURL", "Location", "PatchLocation", "SegmentURL", "SegmentBase", "Initialization")
REDIRECTING_ATTRIBUTES = ("href", "sourceURL", "mediaRange", "indexRange")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one manifest says.

    Attributes:
        names: base names of the finished files it announces, oldest first, init segments before their media.
        reach: orders the manifests of one stream of one attempt: a later one is never smaller.
    """

    names: tuple[str, ...]
    reach: tuple[int, int]


def read(body: bytes) -> Manifest:
    """Return what a manifest announces.

    Raises:
        CallbackRefused: it is neither MPD nor CSV, or names something that is not a segment of the job.
    """
    if body.lstrip()[:1] == b"<":
        return _read_mpd(body)
    return _read_csv(body)


def _read_csv(body: bytes) -> Manifest:
    """Read rows ``name,start,end[,end_audio,end_video]``; a leading ``#`` marks the segment still being written."""
    try:
        rows = list(csv.reader(body.decode("utf-8").splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error) as exc:
        raise _refused(f"The segment list cannot be read: {exc}.") from exc
    if len(rows) > NAMES_MAX:
        raise _refused(f"The segment list has {len(rows)} rows.")
    names = []
    for row in rows:
        if not row:
            continue
        if len(row) not in (3, 5):
            raise _refused(f"A row of the segment list has {len(row)} columns; 3 or 5 were expected.")
        finished = not row[0].startswith("#")
        name = _checked(row[0].removeprefix("#"))
        if finished:
            names.append(name)
    newest = max(map(_number, names), default=-1)
    return Manifest(tuple(names), (0, newest))


class _Mpd:
    """Collects what an MPD announces while expat walks through it."""

    def __init__(self) -> None:
        self.path: list[str] = []
        self.representation = ""
        self.template: dict[str, str] | None = None
        self.names: dict[str, None] = {}  # a set that keeps its order
        self.newest: dict[str, int] = {}
        self.count = 0
        self.static = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name in REDIRECTING_ELEMENTS or any(a.rpartition(":")[2] in REDIRECTING_ATTRIBUTES for a in attributes):
            raise _refused(f"The MPD's {name} element points to another place.")
        if not self.path and name != "MPD":
            raise _refused(f"The body is XML, but its root is {name!r}, not MPD.")
        self.path.append(name)
        if name == "MPD":
            self.static = attributes.get("type") == "static"
        elif name == "Representation":
            self.representation = attributes.get("id", "")
        elif name == "SegmentTemplate":
            self.open_template(attributes)
        elif name == "S" and self.template is not None:
            self.segments(int(attributes.get("r", "0")) + 1)

    def end(self, tag: str) -> None:
        name = self.path.pop()
        if name == "SegmentTemplate":
            self.template = None

    def open_template(self, attributes: dict[str, str]) -> None:
        if "Representation" not in self.path:
            raise _refused("A SegmentTemplate outside a Representation is not what ffmpeg writes.")
        self.template = attributes
        self.count = int(attributes.get("startNumber", "1"))
        if "initialization" in attributes:
            self.names[self.expand(attributes["initialization"], 0)] = None

    def segments(self, repeated: int) -> None:
        assert self.template is not None
        if not 0 < repeated <= NAMES_MAX - len(self.names) or "media" not in self.template:
            raise _refused("The MPD's segment timeline is malformed or too long.")
        for _ in range(repeated):
            self.names[self.expand(self.template["media"], self.count)] = None
            self.newest[self.representation] = self.count
            self.count += 1

    def expand(self, template: str, number: int) -> str:
        def value(match: re.Match[str]) -> str:
            return self.representation if match[1] else str(number).zfill(int(match[3] or 1))

        return _checked(PLACEHOLDER.sub(value, template))

    def refuse_doctype(self, *_: object) -> None:
        raise _refused("The MPD declares a document type; ffmpeg writes none.")


def _read_mpd(body: bytes) -> Manifest:
    collected = _Mpd()
    parser = expat.ParserCreate()
    parser.StartElementHandler = collected.start
    parser.EndElementHandler = collected.end
    parser.StartDoctypeDeclHandler = collected.refuse_doctype
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as exc:
        raise _refused(f"The MPD cannot be read: {exc}.") from exc
    # The representations' newest numbers only ever grow; the last, static MPD repeats them and still comes later.
    return Manifest(tuple(collected.names), (int(collected.static), sum(collected.newest.values())))


def _checked(name: str) -> str:
    if not FILE_NAME.fullmatch(name):
        raise _refused(f"The manifest names {name[:80]!r}, which is no segment of a transcode.")
    return name


def _number(name: str) -> int:
    match = NUMBER.search(name)
    return int(match[1]) if match else -1


def _refused(detail: str) -> CallbackRefused:
    return CallbackRefused(detail, "Only ffmpeg's own manifests are forwarded; look at what the worker runs.")
