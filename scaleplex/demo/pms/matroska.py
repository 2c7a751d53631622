"""Reads the clusters of a Matroska segment that has no header of its own."""

from scaleplex.demo.pms.boxes import Broken

CLUSTER, TIMESTAMP, HEADER, CUES, VOID, TAGS = 0x1F43B675, 0xE7, 0x1A45DFA3, 0x1C53BB6B, 0xEC, 0x1254C367
CHECKSUM = 0xBF  # may stand first in any element
TICK_SECONDS = 0.001


def read_clusters(data: bytes) -> list[float]:
    """Return the timestamps of a segment's clusters in seconds.

    Raises:
        Broken: it is cut off, holds a header, or begins with something else.
    """
    if not data:
        raise Broken("empty")
    at, out = 0, []
    while at < len(data):
        kind, size, body = element(data, at)
        if kind == HEADER:
            raise Broken("a header inside a media segment")
        if body + size > len(data):
            raise Broken(f"element {kind:x} at {at} claims {size} bytes, {len(data) - body} are left")
        if kind == CLUSTER:
            out.append(timestamp(data, body))
        elif kind not in (CUES, VOID, TAGS):
            raise Broken(f"element {kind:x} at {at} is no cluster")
        at = body + size
    if not out:
        raise Broken("no cluster")
    return out


def element(data: bytes, at: int) -> tuple[int, int, int]:
    """Return id, size and where the body starts."""
    width = 9 - data[at].bit_length() if data[at] else 9
    if width > 4 or at + width >= len(data):
        raise Broken(f"no element at {at}")
    kind = int.from_bytes(data[at : at + width], "big")
    at += width
    length = 9 - data[at].bit_length() if data[at] else 9
    if length > 8 or at + length > len(data):
        raise Broken(f"no size at {at}")
    size = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
    if size == (1 << 7 * length) - 1:  # unknown size: to the end of the file
        size = len(data) - at - length
    return kind, size, at + length


def timestamp(data: bytes, at: int) -> float:
    kind, size, body = element(data, at)
    if kind == CHECKSUM:
        kind, size, body = element(data, body + size)
    if kind != TIMESTAMP:
        raise Broken(f"a cluster begins with element {kind:x}")
    return int.from_bytes(data[body : body + size], "big") * TICK_SECONDS
