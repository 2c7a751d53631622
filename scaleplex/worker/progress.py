"""ffmpeg's own progress, as text blocks, into the requests PMS expects (contract 3.3 to 3.9). Pure.

ffmpeg writes blocks of ``key=value`` lines to ``-progress``, each ended by ``progress=continue`` or ``=end``. With our
``-progress_timestamps`` its ``out_time`` is the timestamp written last: with ``-copyts`` the place in the film. Stock
takes off the timestamp it met in its first report, by which time a fast encoder is seconds into the film.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

NO_SINGLE_FILE = -22  # what the original sends as size of segmented outputs: the literal EINVAL
LOG_MESSAGE_MAX_BYTES = 2047
LEVELS = {"panic": 0, "fatal": 0, "error": 0, "warning": 1, "info": 2, "debug": 3, "verbose": 4, "trace": 4}

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """One block of ffmpeg's progress.

    Attributes:
        wall_seconds: a monotonic clock, when the block was read.
        out_seconds: timestamp of what was written last; None before anything was written.
        size_bytes: size of the output, None when it is no single file.
        frames: video frames written.
        ended: whether this is the last block.
    """

    wall_seconds: float
    out_seconds: float | None
    size_bytes: int | None
    frames: int = 0
    ended: bool = False


class BlockReader:
    """Cuts ffmpeg's progress stream into samples, whatever the pieces it arrives in."""

    LINE_MAX_BYTES = 64 * 1024

    def __init__(self) -> None:
        self._pending = b""
        self._block: dict[str, str] = {}

    def feed(self, data: bytes, wall_seconds: float) -> list[Sample]:
        """Return the samples completed by these bytes."""
        samples: list[Sample] = []
        *lines, rest = (self._pending + data).split(b"\n")
        self._pending = rest[-self.LINE_MAX_BYTES :]
        for line in lines:
            key, _, value = line.decode("utf-8", "replace").partition("=")
            self._block[key.strip()] = value.strip()
            if key == "progress":
                samples.append(_sample(self._block, wall_seconds))
                self._block = {}
        return samples


def _sample(block: dict[str, str], wall_seconds: float) -> Sample:
    micros = _integer(block.get("out_time_us"))
    size = _integer(block.get("total_size"))
    return Sample(
        wall_seconds=wall_seconds,
        out_seconds=None if micros is None else micros / 1e6,
        size_bytes=size if size is not None and size >= 0 else None,
        frames=_integer(block.get("frame")) or 0,
        ended=block["progress"] == "end",
    )


def _integer(text: str | None) -> int | None:
    try:
        return int(text) if text else None
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Track:
    """What the next report has to remember of the last one, and what is shown to operators.

    Attributes:
        seek_seconds: where the job begins on the film's time line; 0 where its timestamps begin at 0.
    """

    duration_seconds: float | None
    seek_seconds: float = 0.0
    last: Sample | None = None
    speed: float | None = None
    raw_remaining: float | None = None
    percent: float = -1.0

    @property
    def position_seconds(self) -> float:
        """Place in the film of what was written last."""
        written = self.last.out_seconds or 0.0 if self.last else 0.0
        return max(self.seek_seconds, written)  # ffmpeg says 0 until it has written something


def periodic(track: Track, sample: Sample, throttled: bool) -> tuple[Fields, Track]:
    """Return the fields of the periodic request and the track for the next one.

    ``speed`` is that of the last interval: an average since the start hides bursts and stalls. It is left out while
    throttled and where it cannot be told. ``remaining`` is averaged with the previous value before smoothing.
    """
    if sample.out_seconds is None and track.last is not None:
        sample = replace(sample, out_seconds=track.last.out_seconds)
    before, track = track, replace(track, last=sample)
    speed = _speed(before.last, sample, track.position_seconds - before.position_seconds)
    track = replace(track, speed=speed)
    duration = track.duration_seconds
    raw: float | None = None
    percent = -1.0
    if duration is not None and int(duration) > 0:
        percent = int(track.position_seconds) * 100 / int(duration)
        if speed is not None and speed > 0.001:
            raw = (duration - track.position_seconds) / speed
        else:
            raw = track.raw_remaining
    smoothed = raw if raw is None or track.raw_remaining is None else (raw + track.raw_remaining) / 2
    remaining = -1 if smoothed is None or smoothed < 0 or not math.isfinite(smoothed) else int(smoothed)
    fields = [
        ("progress", f"{percent:.1f}"),
        ("size", str(NO_SINGLE_FILE if sample.size_bytes is None else sample.size_bytes)),
        ("remaining", str(remaining)),
    ]
    if speed is not None and not throttled:
        fields.append(("speed", f"{speed:.1f}"))
    return tuple(fields), replace(track, raw_remaining=raw, percent=percent)


def _speed(before: Sample | None, now: Sample, media_seconds: float) -> float | None:
    if before is None or now.out_seconds is None:
        return None
    wall = now.wall_seconds - before.wall_seconds
    if wall <= 0.01 or media_seconds < 0:
        return None
    return media_seconds / wall


@dataclass(frozen=True, slots=True)
class StreamDetail:
    """A source stream as PMS wants to hear of it; every value from ffprobe, None where it is not known."""

    index: int
    codec: str
    media: str
    container_id: int = 0
    bitrate: int | None = None
    profile: str | None = None
    language: str | None = None
    width: int | None = None
    height: int | None = None
    interlaced: bool = False
    separate_fields: bool = False
    sar: str | None = None
    level: int | None = None
    frame_rate: float | None = None
    closed_captions: bool = False
    channels: int | None = None
    layout: str | None = None
    sample_rate: int | None = None
    bit_depth: int | None = None
    dispositions: tuple[str, ...] = ()
    attached_picture: bool = False


# In this order; contract 3.5.
DISPOSITIONS = (
    "default", "dub", "original", "comment", "lyrics", "karaoke", "forced", "hearing_impaired", "visual_impaired",
    "clean_effects", "timed_thumbnails",
)  # fmt: skip


def stream_fields(stream: StreamDetail) -> Fields:
    """Return the fields of ``progress/stream`` (contract 3.4)."""
    return (
        ("index", str(stream.index)),
        ("id", str(stream.container_id)),
        ("codec", stream.codec),
        ("type", stream.media),
    )


def stream_detail_fields(stream: StreamDetail) -> Fields:
    """Return the fields of ``progress/streamDetail``, in the contract's order, each only where it is known."""
    optional: list[tuple[str, object]] = [
        ("bitrate", stream.bitrate or None),
        ("profile", stream.profile),
        ("language", stream.language),
    ]
    if stream.media == "video":
        optional += [
            ("width", stream.width),
            ("height", stream.height),
            ("interlaced", int(stream.interlaced)),
            ("separateFields", 1 if stream.separate_fields else None),
            ("sar", stream.sar),
            ("level", stream.level),
            ("frameRate", None if stream.frame_rate is None else f"{stream.frame_rate:.3f}"),
            ("closedCaptions", 1 if stream.closed_captions else None),
        ]
    if stream.media == "audio":
        optional += [
            ("channels", stream.channels),
            ("layout", stream.layout),
            ("sampleRate", stream.sample_rate),
            ("bitDepth", stream.bit_depth),
        ]
    known = tuple((key, str(value)) for key, value in optional if value is not None)
    return (*stream_fields(stream), *known, *((f"disp_{name}", "1") for name in stream.dispositions))


def duration_fields(duration_seconds: float | None) -> Fields:
    """Return the request that releases the client's start request (contract 3.6); -1 when it is not known."""
    known = duration_seconds is not None and math.isfinite(duration_seconds) and duration_seconds > 0
    return (("duration", f"{duration_seconds if known else -1.0:f}"),)


def size_fields(width_px: int, height_px: int, sample_aspect: str | None = None) -> Fields:
    """Return encoder output size with the width corrected for the sample aspect ratio (contract 3.7)."""
    numerator, _, denominator = (sample_aspect or "1:1").partition(":")
    if numerator.isdigit() and denominator.isdigit() and int(numerator) > 0 and int(denominator) > 0:
        width_px = width_px * int(numerator) // int(denominator)
    return (("width", str(width_px)), ("height", str(height_px)))


def log_fields(level: int, message: str) -> Fields:
    """Return the fields of a log line; the message is cut before escaping, at a character's border."""
    cut = message.encode("utf-8", "replace")[:LOG_MESSAGE_MAX_BYTES].decode("utf-8", "ignore")
    return (("level", str(level)), ("message", cut))


def log_line(line: str) -> tuple[int, str]:
    """Return PMS's level of a line ffmpeg wrote with ``-loglevel level+...``, and the line without that mark."""
    for name, level in LEVELS.items():
        mark = f"[{name}] "
        if mark in line[:200]:
            return level, line.replace(mark, "", 1)
    return LEVELS["error"], line


def query(fields: Sequence[tuple[str, str]]) -> str:
    """Return fields as a query string; ``:`` stays as the original writes it (``sar=1:1``)."""
    return "&".join(f"{key}={quote(value, safe=':')}" for key, value in fields)
