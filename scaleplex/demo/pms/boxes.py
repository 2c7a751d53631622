"""Reads the boxes of fragmented MP4 that decide whether a player can use a file."""

import struct
from dataclasses import dataclass, field

CONTAINERS = {"moov", "trak", "mdia", "minf", "stbl", "mvex", "moof", "traf", "edts"}
NON_SYNC = 0x00010000
DEFAULT_BASE_IS_MOOF = 0x020000


class Broken(ValueError):
    """The file cannot be what its name says."""


@dataclass
class Box:
    """One box; ``body`` is what follows its header."""

    kind: str
    body: bytes
    offset: int
    size: int
    children: list["Box"] = field(default_factory=list)

    def all(self, path: str) -> list["Box"]:
        """Return the boxes under a path such as ``moof/traf``."""
        kind, _, rest = path.partition("/")
        found = [child for child in self.children if child.kind == kind]
        return found if not rest else [deeper for child in found for deeper in child.all(rest)]

    def one(self, path: str) -> "Box":
        """Return the only box under a path; raises Broken when there are none or several."""
        found = self.all(path)
        if len(found) != 1:
            raise Broken(f"{len(found)} {path} boxes in {self.kind or 'the file'}, expected 1")
        return found[0]

    @property
    def version(self) -> int:
        return self.body[0]

    @property
    def flags(self) -> int:
        return int.from_bytes(self.body[1:4], "big")

    def u32(self, at: int) -> int:
        return int(struct.unpack_from(">I", self.body, at)[0])

    def u64(self, at: int) -> int:
        return int(struct.unpack_from(">Q", self.body, at)[0])


def parse(data: bytes) -> Box:
    """Return the file as a box without a name; raises Broken when sizes do not add up."""
    if not data:
        raise Broken("empty")
    return Box("", data, 0, len(data), split(data, 0, len(data)))


def split(data: bytes, start: int, end: int) -> list[Box]:
    out, at = [], start
    while at < end:
        if end - at < 8:
            raise Broken(f"{end - at} stray bytes at {at}")
        size, head = int.from_bytes(data[at : at + 4], "big"), 8
        kind = data[at + 4 : at + 8].decode("latin-1")
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        if size < head or at + size > end:
            raise Broken(f"{kind} at {at} claims {size} bytes, {end - at} are left")
        box = Box(kind, data[at + head : at + size], at, size)
        if kind in CONTAINERS:
            box.children = split(data, at + head, at + size)
        out.append(box)
        at += size
    return out


@dataclass(frozen=True, slots=True)
class Track:
    """What an init segment says about its only track."""

    id: int
    kind: str  # vide or soun
    timescale: int
    edit: int  # media time at which presentation starts: decoder delay, or an encoder's priming
    duration: int  # defaults from trex
    flags: int


def read_init(data: bytes) -> Track:
    """Return the track of an init segment; raises Broken when it is none, or holds media."""
    root = parse(data)
    kinds = [box.kind for box in root.children]
    if kinds[:2] != ["ftyp", "moov"] or "moof" in kinds or "mdat" in kinds:
        raise Broken(f"an init segment of {' '.join(kinds)}")
    trak, trex = root.one("moov/trak"), root.one("moov/mvex/trex")
    tkhd, mdhd = trak.one("tkhd"), trak.one("mdia/mdhd")
    return Track(
        id=tkhd.u32(20 if tkhd.version else 12),
        kind=trak.one("mdia/hdlr").body[8:12].decode("latin-1"),
        timescale=mdhd.u32(20 if mdhd.version else 12),
        edit=edit_of(trak),
        duration=trex.u32(12),
        flags=trex.u32(20),
    )


def edit_of(trak: Box) -> int:
    edit = 0
    for elst in trak.all("edts/elst"):
        wide = elst.version == 1
        for i in range(elst.u32(4)):
            at = 8 + i * (20 if wide else 12) + (8 if wide else 4)
            edit = max(edit, struct.unpack_from(">q" if wide else ">i", elst.body, at)[0])
    return edit


@dataclass(frozen=True, slots=True)
class Chunk:
    """What a media segment holds, times in the track's timescale."""

    start: int  # decode time of the first sample: tfdt
    end: int
    first_shown: int  # earliest presentation time
    samples: int
    sequence: int


def read_chunk(data: bytes, track: Track) -> tuple[Chunk, list[str]]:
    """Return a media segment and what is wrong with it; raises Broken when it cannot be read at all."""
    root = parse(data)
    notes = []
    kinds = [box.kind for box in root.children]
    if kinds != ["styp", "sidx", "moof", "mdat"]:
        notes.append(f"boxes are {' '.join(kinds)}, expected styp sidx moof mdat")
    moof = root.one("moof")
    root.one("mdat")
    traf = moof.one("traf")
    tfhd, tfdt = traf.one("tfhd"), traf.one("tfdt")
    if tfhd.u32(4) != track.id:
        notes.append(f"track {tfhd.u32(4)}, the init segment has {track.id}")
    if not tfhd.flags & DEFAULT_BASE_IS_MOOF:
        notes.append("tfhd lacks default-base-is-moof")
    start = tfdt.u64(4) if tfdt.version else tfdt.u32(4)
    shown, clock, first_flags = samples_of(traf, tfhd, track, start, moof.size, notes)
    if track.kind == "vide" and first_flags & NON_SYNC:
        notes.append("does not start with a key frame")
    first_shown = min(shown) - track.edit
    notes += sidx_problems(root, track, first_shown)
    return Chunk(start, clock, first_shown, len(shown), moof.one("mfhd").u32(4)), notes


def samples_of(
    traf: Box, tfhd: Box, track: Track, start: int, moof_size: int, notes: list[str]
) -> tuple[list[int], int, int]:
    """Return presentation times, the decode time after the last sample, and the first sample's flags."""
    defaults = {"duration": track.duration, "flags": track.flags}
    at = 8
    for bit, name, width in ((1, "base", 8), (2, "index", 4), (8, "duration", 4), (16, "size", 4), (32, "flags", 4)):
        if tfhd.flags & bit:
            defaults[name] = int.from_bytes(tfhd.body[at : at + width], "big")
            at += width
    shown: list[int] = []
    clock, first_flags = start, 0
    for trun in traf.all("trun"):
        at = 8
        if trun.flags & 1:
            if trun.u32(at) != moof_size + 8 and not shown:
                notes.append(f"trun data offset {trun.u32(at)}, expected {moof_size + 8}")
            at += 4
        override = None
        if trun.flags & 4:
            override = trun.u32(at)
            at += 4
        for i in range(trun.u32(4)):
            duration, flags, shift, at = sample_of(trun, at, defaults)
            if not shown:
                first_flags = override if override is not None and i == 0 else flags
            shown.append(clock + shift)
            clock += duration
    if not shown:
        raise Broken("no samples")
    return shown, clock, first_flags


def sample_of(trun: Box, at: int, defaults: dict[str, int]) -> tuple[int, int, int, int]:
    duration, flags, shift = defaults["duration"], defaults["flags"], 0
    if trun.flags & 0x100:
        duration = trun.u32(at)
        at += 4
    if trun.flags & 0x200:
        at += 4
    if trun.flags & 0x400:
        flags = trun.u32(at)
        at += 4
    if trun.flags & 0x800:
        shift = struct.unpack_from(">i" if trun.version else ">I", trun.body, at)[0]
        at += 4
    return duration, flags, shift, at


def sidx_problems(root: Box, track: Track, first_shown: int) -> list[str]:
    notes = []
    for sidx in root.all("sidx"):
        earliest = sidx.u64(12) if sidx.version else sidx.u32(12)
        if sidx.u32(8) != track.timescale:
            notes.append(f"sidx timescale {sidx.u32(8)}, the track has {track.timescale}")
        # Muxers disagree on whether the priming of sound counts here.
        elif min(abs(earliest - due) for due in (first_shown, first_shown + track.edit)) > track.timescale // 1000 + 1:
            notes.append(f"sidx earliest time {earliest}, samples start at {first_shown}")
    return notes
