"""Reads as much of an MPEG transport stream as shows that a segment is complete and starts where it should."""

from dataclasses import dataclass

from scaleplex.demo.pms.boxes import Broken

PACKET_BYTES = 188
SYNC = 0x47
CLOCK_HZ = 90_000
VIDEO_TYPES = {0x02, 0x1B, 0x24}


@dataclass(frozen=True, slots=True)
class Start:
    """The first presentation time of the picture, None without one, and of anything."""

    video_seconds: float | None
    first_seconds: float


def read_segment(data: bytes) -> Start:
    """Return where a segment starts.

    Raises:
        Broken: it is cut off, or has no programme tables, no sync bytes or no timestamp.
    """
    if not data:
        raise Broken("empty")
    if len(data) % PACKET_BYTES:
        raise Broken(f"{len(data)} bytes are not a whole number of {PACKET_BYTES}-byte packets")
    map_pid, video_pids, times, video_time = None, set[int](), [], None
    for at in range(0, len(data), PACKET_BYTES):
        if data[at] != SYNC:
            raise Broken(f"no sync byte at {at}")
        pid = (data[at + 1] & 0x1F) << 8 | data[at + 2]
        if not data[at + 1] & 0x40:  # only packets in which a table or a PES packet begins
            continue
        payload = payload_of(data[at : at + PACKET_BYTES])
        if pid == 0 and map_pid is None:
            map_pid = programme_map_pid(payload)
        elif map_pid is not None and pid == map_pid:
            video_pids |= video_pids_of(payload)
        elif (pts := pts_of(payload)) is not None:
            times.append(pts / CLOCK_HZ)
            if pid in video_pids and video_time is None:
                video_time = pts / CLOCK_HZ
    if map_pid is None or not times:
        raise Broken("no programme tables" if map_pid is None else "no timestamp")
    return Start(video_time, min(times))


def payload_of(packet: bytes) -> bytes:
    if packet[3] & 0x20:
        return packet[5 + packet[4] :]
    return packet[4:]


def programme_map_pid(payload: bytes) -> int:
    section = payload[1 + payload[0] :]
    if len(section) < 12 or section[0] != 0:
        raise Broken("the programme association table cannot be read")
    return (section[10] & 0x1F) << 8 | section[11]


def video_pids_of(payload: bytes) -> set[int]:
    section = payload[1 + payload[0] :]
    end = 3 + ((section[1] & 0x0F) << 8 | section[2]) - 4
    at = 12 + ((section[10] & 0x0F) << 8 | section[11])
    pids = set()
    while at + 5 <= end:
        if section[at] in VIDEO_TYPES:
            pids.add((section[at + 1] & 0x1F) << 8 | section[at + 2])
        at += 5 + ((section[at + 3] & 0x0F) << 8 | section[at + 4])
    return pids


def pts_of(payload: bytes) -> int | None:
    if payload[:3] != b"\0\0\1" or len(payload) < 14 or not payload[7] & 0x80:
        return None
    p = payload[9:14]
    return (p[0] >> 1 & 7) << 30 | p[1] << 22 | (p[2] >> 1) << 15 | p[3] << 7 | p[4] >> 1
