"""Builds the few boxes of fragmented MP4, and transport packets, that the verifier looks at."""

import struct
from collections.abc import Sequence

TIMESCALE = 24000
FRAME = 1001
KEY, NOT_KEY = 0x02000000, 0x01010000


def box(kind: str, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind.encode()) + body


def full(kind: str, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def u32(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def init(track: int = 1, handler: bytes = b"vide", timescale: int = TIMESCALE, extra: bytes = b"") -> bytes:
    tkhd = full("tkhd", u32(0, 0, track, 0, 0))
    mdia = box("mdia", full("mdhd", u32(0, 0, timescale, 0, 0)), full("hdlr", u32(0), handler, bytes(12)))
    trex = full("trex", u32(track, 1, FRAME, 0, 0))
    return box("ftyp", b"iso6") + box("moov", box("trak", tkhd, mdia), box("mvex", trex)) + extra


def fragment(
    start: int,
    samples: int = 72,
    *,
    track: int = 1,
    sequence: int = 1,
    first_flags: int = KEY,
    offset: int | None = None,
) -> bytes:
    def moof(data_offset: int) -> bytes:
        run = b"".join(u32(FRAME, 1, first_flags if i == 0 else NOT_KEY) for i in range(samples))
        trun = full("trun", u32(samples, data_offset), run, flags=0x701)
        tfhd = full("tfhd", u32(track), flags=0x020000)
        tfdt = full("tfdt", struct.pack(">Q", start), version=1)
        return box("moof", full("mfhd", u32(sequence)), box("traf", tfhd, tfdt, trun))

    size = len(moof(0))
    return moof(size + 8 if offset is None else offset) + box("mdat", bytes(samples))


def chunk(start: int, *, timescale: int = TIMESCALE, fragments: Sequence[bytes] | None = None, **kwargs: int) -> bytes:
    sidx = full("sidx", u32(1, timescale), struct.pack(">QQ", start, 0), u32(0), version=1)
    body = b"".join(fragments) if fragments is not None else fragment(start, **kwargs)
    return box("styp", b"msdh", u32(0), b"msdhmsix") + sidx + body


def packet(pid: int, payload: bytes) -> bytes:
    """Return one transport packet in which something begins; an adaptation field fills it up."""
    stuffing = 184 - len(payload)
    head = bytes([0x47, 0x40 | pid >> 8, pid & 0xFF])
    if stuffing == 0:
        return head + b"\x10" + payload
    field = bytes([stuffing - 1]) + (b"\x00" + b"\xff" * (stuffing - 2) if stuffing > 1 else b"")
    return head + b"\x30" + field + payload


def section(table: int, body: bytes) -> bytes:
    return b"\x00" + bytes([table, 0xB0, len(body) + 4]) + body + bytes(4)


def pes(seconds: float) -> bytes:
    pts = round(seconds * 90000)
    stamp = bytes(
        [0x21 | pts >> 29 & 0x0E, pts >> 22 & 0xFF, pts >> 14 & 0xFE | 1, pts >> 7 & 0xFF, pts << 1 & 0xFE | 1]
    )
    return b"\0\0\1\xe0\0\0\x80\x80\x05" + stamp


def transport_stream(seconds: float, *, tables: bool = True, video_type: int = 0x1B) -> bytes:
    programmes = packet(0, section(0, b"\0\1\xc1\0\0" + b"\0\1" + bytes([0xE0 | 0x10, 0x00])))
    streams = packet(0x1000, section(2, b"\0\1\xc1\0\0" + b"\xe1\0\xf0\0" + bytes([video_type, 0xE1, 0, 0xF0, 0])))
    return (programmes + streams if tables else b"") + packet(0x100, pes(seconds))
