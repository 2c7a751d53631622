"""Opens an announced file at once, as PMS would, and says what is wrong with it (contract 12.13)."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from scaleplex.demo.pms import boxes, matroska, transport
from scaleplex.demo.pms.boxes import Track
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


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a stream of a job began: each job cuts at whole lengths from its own first frame (contract 4.1)."""

    number: int  # of the file
    starts: float  # seconds

    def due(self, number: int, segment_seconds: int) -> float:
        return self.starts + (number - self.number) * segment_seconds


def dash_problems(
    data: bytes, track: Track, segment: Segment, decision: Decision, anchor: Anchor | None, previous_end: int | None
) -> tuple[float, int, list[str]]:
    """Return where a DASH chunk starts in seconds, where it ends in its timescale, and what is wrong with it.

    Args:
        data: the file.
        track: from the init segment of its stream.
        segment: as announced.
        decision: gives the segment length and the frame rate.
        anchor: where the stream began; None for the first chunk of a job.
        previous_end: where the chunk before it ended; None for the first of a job.

    Raises:
        Broken: it cannot be read at all.
    """
    chunk, notes = boxes.read_chunk(data, track)
    starts = chunk.first_shown / track.timescale
    slack = 1 / float(decision.item.rate) + CLOCK_SLACK_SECONDS
    if track.kind == "soun":  # cut when the picture is, in order of decoding: earlier by the picture's decoder delay
        slack += AAC_FRAME_SECONDS + DECODER_DELAY_FRAMES / float(decision.item.rate)
    notes += place_problems(starts, segment, segment.number - 1, decision, anchor, slack)
    if abs(starts - segment.start_seconds) > slack:
        notes.append(f"starts at {starts:.3f} s, announced for {segment.start_seconds:.3f} s")
    if previous_end is not None and abs(chunk.start - previous_end) > track.timescale // 1000 + 1:
        notes.append(f"tfdt {chunk.start}, the chunk before it ended at {previous_end}")
    return starts, chunk.end, notes


def list_problems(
    data: bytes, segment: Segment, decision: Decision, anchor: Anchor | None
) -> tuple[float | None, list[str]]:
    """Return where an MPEG-TS or Matroska segment starts, and what is wrong with it.

    Raises:
        Broken: it cannot be read at all.
    """
    slack = 1 / float(decision.item.rate) + CLOCK_SLACK_SECONDS
    if decision.protocol == "hls-mkv":
        found: float | None = matroska.read_clusters(data)[0]
        slack += 2 * AAC_FRAME_SECONDS  # a cluster's time is that of its first packet, which may be sound
    else:
        found = transport.read_segment(data).video_seconds
    if found is None:
        return None, ["no picture"]
    starts = found - TS_OFFSET_SECONDS
    return starts, place_problems(starts, segment, segment.number, decision, anchor, slack)


def place_problems(
    starts: float, segment: Segment, number: int, decision: Decision, anchor: Anchor | None, slack: float
) -> list[str]:
    """Return a complaint when a segment starts neither on the film's grid nor on its job's own.

    Args:
        starts: seconds in the film.
        segment: the one looked at.
        number: its number counted from 0.
        decision: gives the segment length.
        anchor: where the job's stream began; None for its first segment.
        slack: seconds of tolerance.
    """
    due = number * decision.segment_seconds
    grids = [due] if anchor is None else [due, anchor.due(segment.number, decision.segment_seconds)]
    if min(abs(starts - grid) for grid in grids) <= slack:
        return []
    return [f"starts at {starts:.3f} s, due at {due:.3f} s"]
