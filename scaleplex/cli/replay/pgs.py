"""A bitmap subtitle as Blu-rays have it: a white box in each second, since ffmpeg makes no bitmaps of text.

The form is what ffmpeg's demuxer `sup` and its decoder `pgssub` read: segments of a composition, its windows, palette
and picture, each with a time of its own.
"""

import struct

CANVAS = (320, 180)
#: Left, top, width and height of the box on the canvas, in pixels.
BOX = (96, 140, 128, 24)
#: A box is there from 0.2 to 0.7 s of each second.
SHOWN = (0.2, 0.7)
_CLOCK_HZ = 90_000
_PALETTE, _OBJECT, _COMPOSITION, _WINDOW, _END = 0x14, 0x15, 0x16, 0x17, 0x80
_EPOCH_START = 0x80


def sup(first: int, last: int) -> bytes:
    """Return the stream with a box in each second from `first` up to, not including, `last`."""
    shown = (part for second in range(first, last) for part in (_show(second + SHOWN[0]), _hide(second + SHOWN[1])))
    # Something at 0, since ffmpeg lets each input begin there.
    return _hide(0) + b"".join(shown)


def _show(at: float) -> bytes:
    left, top, width, height = BOX
    # White, opaque: palette entry, luma, Cr, Cb, alpha.
    palette = bytes((0, 0, 1, 235, 128, 128, 255))
    lines = b"".join(_line(width) for _ in range(height))
    picture = struct.pack(">HH", width, height) + lines
    drawn = struct.pack(">HBB", 0, 0, 0xC0) + len(picture).to_bytes(3, "big") + picture
    shown = struct.pack(">BHBBHH", 1, 0, 0, 0, left, top)
    composition = _composition(_EPOCH_START) + shown
    return _set(at, [(_COMPOSITION, composition), _window(), (_PALETTE, palette), (_OBJECT, drawn)])


def _hide(at: float) -> bytes:
    return _set(at, [(_COMPOSITION, _composition(0) + b"\0"), _window()])


def _composition(state: int) -> bytes:
    """Return a composition up to its number of objects: canvas, frame rate, number, state, no palette update."""
    return struct.pack(">HHBHBBB", *CANVAS, 0x10, 0, state, 0, 0)


def _window() -> tuple[int, bytes]:
    return _WINDOW, struct.pack(">BBHHHH", 1, 0, *BOX)


def _line(width: int) -> bytes:
    """Return a run of the palette's entry 1 over a whole line, and the end of the line."""
    return bytes((0, 0xC0 | width >> 8, width & 0xFF, 1, 0, 0))


def _set(at: float, segments: list[tuple[int, bytes]]) -> bytes:
    time = round(at * _CLOCK_HZ)
    return b"".join(
        b"PG" + struct.pack(">IIBH", time, 0, kind, len(body)) + body for kind, body in [*segments, (_END, b"")]
    )
