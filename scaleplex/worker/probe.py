"""What ffprobe knows of a source, learned once per file and remembered by inode, mtime and size.

A probe of a large film reads megabytes from the network. The reporter needs its answer (streams, duration), a
translation for software can use it; neither may delay ffmpeg. So the probe runs in the reporter's thread beside ffmpeg,
and the translator gets what an earlier playback of the same file has left here. Only where a job fails when what Plex
wrote of the film is wrong the worker looks first (`worker.prepare`).
"""

import json
import os
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from scaleplex.translator import Source, SourceStream
from scaleplex.worker.command import INPUT_LIMITS
from scaleplex.worker.confine import Grants, Launcher
from scaleplex.worker.process import PATH
from scaleplex.worker.progress import DISPOSITIONS, StreamDetail
from scaleplex.worker.reporter import Probed

REMEMBERED_FILES = 4096
PROBE_SECONDS = 30.0
MASTERING = b'"Mastering display metadata"'

Key = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What one file holds.

    Attributes:
        streams: ffprobe's JSON objects.
        mastering: whether the first video frame carries mastering display metadata; None when nobody looked.
    """

    streams: tuple[Mapping[str, object], ...]
    duration_seconds: float | None
    start_seconds: float | None
    mastering: bool | None = None


class Prober:
    """Probes files and remembers; may be used from any thread."""

    def __init__(self, ffprobe: Path, launcher: Launcher) -> None:
        self._ffprobe = ffprobe
        self._launcher = launcher
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

    def probe(
        self, path: str, options: Sequence[str] = (), seconds: float = PROBE_SECONDS, frames: bool = False
    ) -> FileFacts | None:
        """Return what a file holds, asking ffprobe for what is not remembered; None if it cannot be read in time.

        Args:
            options: ``-probesize`` and ``-analyzeduration`` as Plex gave them for this input.
            seconds: how long ffprobe may take.
            frames: whether to look at the first frame too.
        """
        found = self.known(path)
        if found is not None and (found.mastering is not None or not frames):
            return found
        key = _key(path)
        answer = found or self._ask(path, options, seconds)
        if answer is not None and frames:
            answer = replace(answer, mastering=self._mastering(path, seconds))
        if answer is not None and key is not None and key == _key(path):
            with self._lock:
                self._known[key] = answer
                while len(self._known) > REMEMBERED_FILES:
                    self._known.popitem(last=False)
        return answer

    def _ask(self, path: str, options: Sequence[str], seconds: float) -> FileFacts | None:
        said = self._run(["-show_streams", "-show_format", *options], path, seconds)
        try:
            return None if said is None else read_probe(said)
        except ValueError:
            return None

    def _mastering(self, path: str, seconds: float) -> bool | None:
        shown = ["-select_streams", "v:0", "-read_intervals", "%+#1", "-show_entries", "frame_side_data=side_data_type"]
        said = self._run(shown, path, seconds)
        return None if said is None else MASTERING in said

    def _run(self, words: Sequence[str], path: str, seconds: float) -> bytes | None:
        # The directory and not the file: the index of a VobSub subtitle has its pictures beside it.
        grants = Grants(reads=(os.path.dirname(os.path.realpath(path)),))
        limits = [word for name, value in INPUT_LIMITS for word in ("-" + name, value)]
        command = [*self._launcher.words(self._ffprobe, grants), "-v", "error", "-of", "json", *words, *limits]
        try:
            done = subprocess.run(
                [*command, "-i", path],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env={"PATH": PATH},
                timeout=seconds,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None


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
        _source_stream(number, stream, file.mastering)
        for number, file in enumerate(files)
        if file is not None
        for stream in file.streams
    )
    return Source(streams, files[0].duration_seconds, files[0].start_seconds)


def _source_stream(number: int, stream: Mapping[str, object], mastering: bool | None) -> SourceStream:
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
        mastering=mastering if detail.media == "video" else None,
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
