"""What ffprobe knows of a source, learned once per file and remembered by inode, mtime and size.

A probe of a large film reads megabytes from the network. The reporter needs its answer (streams, duration), the
translator can use it; neither may delay ffmpeg. So the probe runs in the reporter's thread beside ffmpeg, and the
translator gets what an earlier playback of the same file has left here.
"""

import json
import os
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from scaleplex.translator import Source, SourceStream
from scaleplex.worker.process import PATH, SETPRIV
from scaleplex.worker.progress import DISPOSITIONS, StreamDetail
from scaleplex.worker.reporter import Probed

REMEMBERED_FILES = 4096
PROBE_SECONDS = 30.0

Key = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What one file holds, as ffprobe's JSON objects."""

    streams: tuple[Mapping[str, object], ...]
    duration_seconds: float | None
    start_seconds: float | None


class Prober:
    """Probes files and remembers; may be used from any thread."""

    def __init__(self, ffprobe: Path) -> None:
        self._ffprobe = ffprobe
        self._known: OrderedDict[Key, FileFacts] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, path: str) -> FileFacts | None:
        """Return what is remembered of a file in its present state, None if nothing is."""
        key = _key(path)
        with self._lock:
            found = self._known.get(key) if key else None
            if found is not None and key is not None:
                self._known.move_to_end(key)
            return found

    def probe(self, path: str, options: Sequence[str] = ()) -> FileFacts | None:
        """Return what a file holds, asking ffprobe if nothing is remembered; None if it cannot be read.

        Args:
            options: ``-probesize`` and ``-analyzeduration`` as Plex gave them for this input.
        """
        found = self.known(path)
        if found is not None:
            return found
        key = _key(path)
        answer = self._ask(path, options)
        if answer is not None and key is not None and key == _key(path):
            with self._lock:
                self._known[key] = answer
                while len(self._known) > REMEMBERED_FILES:
                    self._known.popitem(last=False)
        return answer

    def _ask(self, path: str, options: Sequence[str]) -> FileFacts | None:
        words = ["-v", "error", "-of", "json", "-show_streams", "-show_format", *options]
        words += ["-protocol_whitelist", "file,crypto,data", "-i", path]
        try:
            done = subprocess.run(
                [SETPRIV, "--pdeathsig", "KILL", "--", os.fspath(self._ffprobe), *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env={"PATH": PATH},
                timeout=PROBE_SECONDS,
                check=False,
            )
            return read_probe(done.stdout) if done.returncode == 0 else None
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return None


def _key(path: str) -> Key | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def read_probe(text: bytes) -> FileFacts:
    """Read ffprobe's JSON.

    Raises:
        ValueError: it is not what ffprobe writes.
    """
    data = json.loads(text)
    if not isinstance(data, dict) or not isinstance(data.get("streams"), list):
        raise ValueError("no streams")
    form = cast("dict[str, object]", data.get("format") or {})
    streams = tuple(cast("dict[str, object]", item) for item in data["streams"])
    return FileFacts(streams, _number(form.get("duration")), _number(form.get("start_time")))


def probed(files: Sequence[FileFacts | None]) -> Probed:
    """Return what the reporter tells PMS; the duration is that of input 0."""
    inputs = tuple(tuple(stream_detail(s) for s in file.streams) for file in files if file is not None)
    first = files[0] if files else None
    return Probed(inputs, first.duration_seconds if first else None)


def source(files: Sequence[FileFacts | None]) -> Source | None:
    """Return what the translator may know; None when nothing is known of input 0."""
    if not files or files[0] is None:
        return None
    streams = tuple(
        _source_stream(number, stream)
        for number, file in enumerate(files)
        if file is not None
        for stream in file.streams
    )
    return Source(streams, files[0].duration_seconds, files[0].start_seconds)


def _source_stream(number: int, stream: Mapping[str, object]) -> SourceStream:
    detail = stream_detail(stream)
    return SourceStream(
        index=detail.index,
        media=detail.media,
        codec=detail.codec,
        stream_id=detail.container_id or None,
        width_px=detail.width,
        height_px=detail.height,
        sample_aspect=detail.sar,
        frame_rate=detail.frame_rate,
        bit_depth=_video_depth(stream) if detail.media == "video" else detail.bit_depth,
        transfer=_tag(stream, "color_transfer"),
        primaries=_tag(stream, "color_primaries"),
        matrix=_tag(stream, "color_space"),
        channels=detail.channels,
        language=detail.language,
        input_index=number,
        pixel_format=_tag(stream, "pix_fmt"),
    )


def stream_detail(stream: Mapping[str, object]) -> StreamDetail:
    """Return one of ffprobe's streams as PMS wants to hear of it (contract 3.5)."""
    tags = cast("Mapping[str, object]", stream.get("tags") or {})
    flags = cast("Mapping[str, object]", stream.get("disposition") or {})
    level = _whole(stream.get("level"))
    return StreamDetail(
        index=_whole(stream.get("index")) or 0,
        codec=str(stream.get("codec_name", "unknown")),
        media=str(stream.get("codec_type", "data")),
        container_id=int(str(stream.get("id") or "0"), 0),
        bitrate=_whole(stream.get("bit_rate")),
        profile=_tag(stream, "profile"),
        language=_tag(tags, "language"),
        width=_whole(stream.get("width")),
        height=_whole(stream.get("height")),
        interlaced=_tag(stream, "field_order") not in (None, "progressive"),
        sar=None if stream.get("sample_aspect_ratio") in (None, "0:1", "N/A") else str(stream["sample_aspect_ratio"]),
        level=level if level is not None and level >= 0 else None,
        frame_rate=_ratio(stream.get("avg_frame_rate")),
        closed_captions=stream.get("closed_captions") == 1,
        channels=_whole(stream.get("channels")),
        layout=_tag(stream, "channel_layout"),
        sample_rate=_whole(stream.get("sample_rate")),
        bit_depth=_whole(stream.get("bits_per_raw_sample")) or _whole(stream.get("bits_per_sample")) or None,
        dispositions=tuple(name for name in DISPOSITIONS if flags.get(name) == 1),
        attached_picture=flags.get("attached_pic") == 1,
    )


def _tag(values: Mapping[str, object], name: str) -> str | None:
    value = values.get(name)
    return None if value in (None, "", "unknown", "N/A") else str(value)


def _whole(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None


def _ratio(value: object) -> float | None:
    above, _, below = str(value).partition("/")
    numerator, denominator = _number(above), _number(below or "1")
    return numerator / denominator if numerator and denominator else None


def _video_depth(stream: Mapping[str, object]) -> int | None:
    depth = _whole(stream.get("bits_per_raw_sample"))
    if depth:
        return depth
    pixels = _tag(stream, "pix_fmt")
    if pixels is None:
        return None
    return next((bits for bits in (10, 12, 16) if f"p{bits}" in pixels or f"p0{bits}" in pixels), 8)
