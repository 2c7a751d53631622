"""What a manifest announces: the files it names and how far it has come.

ffmpeg posts either an MPD (DASH) or CSV rows (HLS, segmented Matroska, text subtitles). PMS serves what is named there,
so a body may name only files a transcode of Plex writes into its own directory: no path, no URL. The worker reads
manifests to know which one makes another needless, the relay to know what to wait for. Pure: bytes in, values out.

A few bytes can name very many segments (``<S r="199998"/>``), so the work is bounded before it is done: bytes,
elements, depth and segments of one manifest, whether they are named once or again and again.
"""

import csv
import re
from dataclasses import dataclass
from xml.parsers import expat

from scaleplex.common.errors import ScaleplexError

BODY_MAX_BYTES = 4 << 20  # a segment list with the whole history of a long film has less than one
MPD_MAX_BYTES = 1 << 20  # Plex asks for a window of five segments: some four thousand bytes
NAMES_MAX = 100_000  # a day of one-second segments
# An MPD's segments are written out one by one; a film of five hours without a window has these.
MPD_NAMES_MAX = 20_000
MPD_ELEMENTS_MAX = 40_000
MPD_DEPTH_MAX = 16
# The names Plex's command lines ask for; see docs/explanation/relay.md.
FILE_NAME = re.compile(
    r"(?:init-stream\d{1,4}\.m4s|chunk-stream\d{1,4}-\d{5,9}\.m4s|media-\d{5,9}\.ts|(?:sub-)?chunk-\d{5,9})", re.ASCII
)
NUMBER = re.compile(r"-(\d{5,9})(?:\.\w+)?$", re.ASCII)
PLACEHOLDER = re.compile(r"\$(?:(RepresentationID)|(Number)(?:%0(\d)d)?)\$", re.ASCII)
DIGITS = re.compile(r"\d{1,9}", re.ASCII)
# Elements and attributes that would send a client, or PMS, somewhere else.
REDIRECTING_ELEMENTS = ("BaseURL", "Location", "PatchLocation", "SegmentURL", "SegmentBase", "Initialization")
REDIRECTING_ATTRIBUTES = ("href", "sourceURL", "mediaRange", "indexRange")


class BadManifest(ScaleplexError):
    """It is neither MPD nor CSV, or names something that is not a segment of a transcode, or far too many."""

    code = "bad-callback"
    status = 403


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
        BadManifest: it is neither MPD nor CSV, or names something that is not a segment of the job, or far too many.
    """
    if len(body) > BODY_MAX_BYTES:
        raise _refused(f"The manifest has {len(body)} bytes.")
    if body.lstrip()[:1] == b"<":
        return _read_mpd(body)
    return _read_csv(body)


def number(name: str) -> int:
    """Return the number of a media segment, -1 for an init segment."""
    match = NUMBER.search(name)
    return int(match[1]) if match else -1


def _read_csv(body: bytes) -> Manifest:
    """Read rows ``name,start,end[,end_audio,end_video]``; a leading ``#`` marks the segment still being written."""
    if body.count(b"\n") > NAMES_MAX:
        raise _refused(f"The segment list has more than {NAMES_MAX} rows.")
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
    newest = max(map(number, names), default=-1)
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
        self.elements = 0
        self.written_out = 0  # segments, whether their names are new or not

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        self.elements += 1
        if self.elements > MPD_ELEMENTS_MAX or len(self.path) >= MPD_DEPTH_MAX:
            raise _refused("The MPD has far more elements than one of ffmpeg's.")
        if name in REDIRECTING_ELEMENTS or any(a.rpartition(":")[2] in REDIRECTING_ATTRIBUTES for a in attributes):
            raise _refused(f"The MPD's {name[:40]} element points to another place.")
        if not self.path and name != "MPD":
            raise _refused(f"The body is XML, but its root is {name[:40]!r}, not MPD.")
        self.path.append(name)
        if name == "MPD":
            self.static = attributes.get("type") == "static"
        elif name == "Representation":
            self.representation = attributes.get("id", "")
        elif name == "SegmentTemplate":
            self.open_template(attributes)
        elif name == "S" and self.template is not None:
            self.segments(_whole(attributes.get("r", "0")) + 1)

    def end(self, tag: str) -> None:
        name = self.path.pop()
        if name == "SegmentTemplate":
            self.template = None

    def open_template(self, attributes: dict[str, str]) -> None:
        if "Representation" not in self.path:
            raise _refused("A SegmentTemplate outside a Representation is not what ffmpeg writes.")
        if "$Number" not in attributes.get("media", "$Number"):
            raise _refused("The MPD's media template has no number, so all its segments would be one file.")
        self.template = attributes
        self.count = _whole(attributes.get("startNumber", "1"))
        if "initialization" in attributes:
            self.names[self.expand(attributes["initialization"], 0)] = None

    def segments(self, repeated: int) -> None:
        assert self.template is not None
        self.written_out += repeated
        if self.written_out > MPD_NAMES_MAX or "media" not in self.template:
            raise _refused(f"The MPD's segment timeline is malformed or has more than {MPD_NAMES_MAX} segments.")
        for _ in range(repeated):
            self.names[self.expand(self.template["media"], self.count)] = None
            self.newest[self.representation] = self.count
            self.count += 1

    def expand(self, template: str, number: int) -> str:
        def value(match: re.Match[str]) -> str:
            return self.representation if match[1] else str(number).zfill(int(match[3] or 1))

        if len(template) + len(self.representation) > 200:
            raise _refused("A name template of the MPD is longer than any of Plex's.")
        return _checked(PLACEHOLDER.sub(value, template))

    def refuse_doctype(self, *_: object) -> None:
        raise _refused("The MPD declares a document type; ffmpeg writes none.")


def _read_mpd(body: bytes) -> Manifest:
    if len(body) > MPD_MAX_BYTES:
        raise _refused(f"The MPD has {len(body)} bytes.")
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


def _whole(text: str) -> int:
    if not DIGITS.fullmatch(text):
        raise _refused(f"The MPD counts with {text[:20]!r}.")
    return int(text)


def _checked(name: str) -> str:
    if not FILE_NAME.fullmatch(name):
        raise _refused(f"The manifest names {name[:80]!r}, which is no segment of a transcode.")
    return name


def _refused(detail: str) -> BadManifest:
    return BadManifest(detail, "Only ffmpeg's own manifests are forwarded; look at what the worker runs.")
