"""Opens an announced file at once, as PMS would, and says what is wrong with it (contract 12.13)."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from scaleplex.demo.pms import boxes, matroska, transport
from scaleplex.demo.pms.boxes import Broken, Track
from scaleplex.demo.pms.decision import Decision
from scaleplex.demo.pms.manifests import Segment

TS_OFFSET_SECONDS = 10.0  # mpegts: twice -max_delay; Matroska: output_ts_offset
AAC_FRAME_SECONDS = 1024 / 48000
DECODER_DELAY_FRAMES = 3
CLOCK_SLACK_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Print:
    """What must not change about a file once it was announced."""

    size: int
    modified_ns: int
    inode: int
    digest: str


def read_announced(path: Path) -> tuple[bytes, Print]:
    """Return an announced file and its print; raises OSError when it cannot be opened."""
    with path.open("rb") as stream:
        data = stream.read()
    status = path.stat()
    return data, Print(len(data), status.st_mtime_ns, status.st_ino, hashlib.sha256(data).hexdigest())


def changed_since(path: Path, known: Print) -> bool:
    """Return whether a file is no longer what it was when it was announced; a removed one is not changed."""
    try:
        status = path.stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns, status.st_ino) != (known.size, known.modified_ns, known.inode)


def dash_problems(
    data: bytes, track: Track, segment: Segment, decision: Decision, previous_end: int | None
) -> tuple[int, list[str]]:
    """Return where a DASH chunk ends, in its timescale, and what is wrong with it.

    Args:
        data: the file.
        track: from the init segment of its stream.
        segment: as announced.
        decision: gives the segment length and the frame rate.
        previous_end: where the chunk before it ended; None for the first of a job.

    Raises:
        Broken: it cannot be read at all.
    """
    chunk, notes = boxes.read_chunk(data, track)
    starts = chunk.first_shown / track.timescale
    due = (segment.number - 1) * decision.segment_seconds
    slack = 1 / float(decision.item.rate) + CLOCK_SLACK_SECONDS
    if track.kind == "soun":  # cut when the picture is, in order of decoding: earlier by the picture's decoder delay
        slack += AAC_FRAME_SECONDS + DECODER_DELAY_FRAMES / float(decision.item.rate)
    if not -slack <= starts - due <= slack:
        notes.append(f"starts at {starts:.3f} s, due at {due:.3f} s")
    if abs(starts - segment.start_seconds) > slack:
        notes.append(f"starts at {starts:.3f} s, announced for {segment.start_seconds:.3f} s")
    if previous_end is not None and abs(chunk.start - previous_end) > track.timescale // 1000 + 1:
        notes.append(f"tfdt {chunk.start}, the chunk before it ended at {previous_end}")
    return chunk.end, notes


def transport_problems(data: bytes, segment: Segment, decision: Decision) -> list[str]:
    """Return what is wrong with an MPEG-TS segment; raises Broken when it cannot be read at all."""
    start = transport.read_segment(data)
    if start.video_seconds is None:
        return ["no picture"]
    return place_problems(start.video_seconds - TS_OFFSET_SECONDS, segment, decision)


def matroska_problems(data: bytes, segment: Segment, decision: Decision) -> list[str]:
    """Return what is wrong with a Matroska segment; raises Broken when it cannot be read at all."""
    return place_problems(matroska.read_clusters(data)[0] - TS_OFFSET_SECONDS, segment, decision)


def place_problems(starts: float, segment: Segment, decision: Decision) -> list[str]:
    due = segment.number * decision.segment_seconds
    slack = 1 / float(decision.item.rate) + CLOCK_SLACK_SECONDS
    if decision.protocol == "hls-mkv":  # a cluster's time is that of its first packet, which may be sound
        slack += 2 * AAC_FRAME_SECONDS
    if abs(starts - due) <= slack:
        return []
    return [f"starts at {starts:.3f} s, due at {due:.3f} s"]


__all__ = [
    "Broken",
    "Print",
    "changed_since",
    "dash_problems",
    "matroska_problems",
    "read_announced",
    "transport_problems",
]
