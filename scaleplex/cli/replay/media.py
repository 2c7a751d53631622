"""Clips of the kind a command line expects: codec, HDR, streams at the indexes it names, long enough for its seek.

Two seconds are encoded once per kind and repeated without encoding, so an hour costs a copy.
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scaleplex.cli.replay import av1, pgs
from scaleplex.common.errors import ScaleplexError
from scaleplex.ffmpeg import specifier
from scaleplex.translator import Facts

_SIZE, _RATE = "320x180", "24000/1001"
_CUE_SECONDS = 60  # cues are written for the end of the clip only, where the command starts
_PLAYED_SECONDS = 3
_HDR = "format=yuv420p10le,setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv"
_VIDEO = {
    "h264": ["-c:v", "libx264", "-preset", "veryfast", "-crf", "35"],
    "hevc": ["-c:v", "libx265", "-preset", "ultrafast", "-crf", "38", "-x265-params", "log-level=error"],
    "mpeg2video": ["-c:v", "mpeg2video", "-q:v", "12"],
    "vp9": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k"],
    "av1": ["-c:v", "copy"],
}
#: Bit rate of each kind of sound, None where it has none.
_AUDIO = {
    "aac": "96k",
    "ac3": "192k",
    "eac3": "192k",
    "flac": None,
    "alac": None,
    "mp3": "96k",
    "dca": "768k",
    "truehd": None,
    "opus": "96k",
}
_ENCODERS = {"mp3": "libmp3lame"}
_STEREO = ("opus", "mp3")
_TEXT = ("srt", "ass")
_SUBTITLES = (*_TEXT, "pgs")


class ClipNotMade(ScaleplexError):
    """ffmpeg could not make a clip."""

    code = "clip-not-made"


@dataclass(frozen=True, slots=True)
class Clip:
    """What a clip holds.

    Attributes:
        video: codec of stream 0.
        hdr: ten bits, PQ, BT.2020.
        streams: kind of each stream from index 1 on: an audio codec, `srt`, `ass` or `pgs`.
        suffix: `mkv`, or `mp4` where streams are named by container id.
    """

    video: str
    hdr: bool
    streams: tuple[str, ...]
    seconds: int
    suffix: str = "mkv"

    @property
    def name(self) -> str:
        """A file name that stands for exactly this clip."""
        hdr = "hdr" if self.hdr else "sdr"
        return f"{self.video}-{hdr}-{'-'.join(self.streams) or 'silent'}-{self.seconds}s.{self.suffix}"


def clip_for(facts: Facts, words: Sequence[str]) -> Clip:
    """Return the clip a command line needs: codecs from its hints, streams where it looks for them."""
    hex_ids = any("#0x" in word for word in words)
    kinds: dict[int, str] = {}
    for sound in facts.audio:
        kinds[_index(sound.pad)] = _sound(sound.decoder)
    subtitle = specifier.parse_pad(facts.subtitle.pad or "")
    if subtitle is not None and subtitle.file == 0:
        kinds.setdefault(_index(facts.subtitle.pad), _subtitle(facts))
    kinds.pop(0, None)
    streams = tuple(kinds.get(index, "aac") for index in range(1, max(kinds, default=0) + 1))
    hint = facts.video.decoder if facts.video else next((w for w in words if w in ("libdav1d", *_VIDEO)), None)
    video = {"libdav1d": "av1"}.get(hint or "", hint)
    length = int(facts.seek_seconds or 0) + _PLAYED_SECONDS
    return Clip(
        video if video in _VIDEO else "h264",
        bool(facts.hdr) or video == "av1",
        streams,
        length,
        "mp4" if hex_ids else "mkv",
    )


def _index(pad: str | None) -> int:
    parsed = specifier.parse_pad(pad or "")
    if parsed is None:
        return 1
    if parsed.specifier.stream_id is not None:
        return parsed.specifier.stream_id - 1
    return 3 if parsed.specifier.index is None else parsed.specifier.index


def _subtitle(facts: Facts) -> str:
    if facts.subtitle.mode == "burn-bitmap":
        return "pgs"
    return "ass" if facts.subtitle.codec in ("ass", "ssa") else "srt"


def _sound(decoder: str | None) -> str:
    name = (decoder or "ac3").removesuffix("_eae")
    return name if name in _AUDIO else "aac"


def make(ffmpeg: Path, clip: Clip, room: Path) -> Path:
    """Return the clip, made if it is not there yet.

    Raises:
        ClipNotMade: ffmpeg failed; its words are in the detail.
    """
    path = room / clip.name
    if path.exists():
        return path
    base = _base(ffmpeg, clip, room)
    text = subtitles(room / f"cues-{clip.seconds}.srt", clip.seconds)
    inputs: list[str | Path] = ["-stream_loop", "-1", "-t", str(clip.seconds), "-i", base, "-i", text]
    if "pgs" in clip.streams:
        inputs += ["-i", _boxes(room / f"cues-{clip.seconds}.sup", clip.seconds)]
    maps, sound, codecs = ["-map", "0:v"], 0, ["-c", "copy"]
    for place, kind in enumerate(clip.streams):
        if kind == "pgs":
            maps += ["-map", "2:s"]
        elif kind in _TEXT:
            maps += ["-map", "1:s"]
            codecs += [f"-c:{place + 1}", "mov_text" if clip.suffix == "mp4" else kind]
        else:
            maps += ["-map", f"0:a:{sound}"]
            sound += 1
    part = path.with_suffix(f".part.{clip.suffix}")
    _run(ffmpeg, *inputs, *maps, *codecs, "-strict", "-2", "-t", str(clip.seconds), part)
    part.rename(path)
    return path


def _base(ffmpeg: Path, clip: Clip, room: Path) -> Path:
    """Encode two seconds of video and audio."""
    sounds = [kind for kind in clip.streams if kind not in _SUBTITLES]
    path = room / f"base-{clip.video}-{clip.hdr}-{'-'.join(sounds)}.mkv"
    if path.exists():
        return path
    source: list[str | Path] = ["-f", "lavfi", "-i", f"testsrc=size={_SIZE}:rate={_RATE}:duration=2"]
    video = [*_VIDEO[clip.video], "-g", "24", "-vf", _HDR if clip.hdr and clip.video == "hevc" else "format=yuv420p"]
    if clip.video == "av1":
        ivf = room / "av1.ivf"
        ivf.write_bytes(av1.ivf())
        source, video = ["-i", ivf], _VIDEO["av1"]
    audio: list[str] = []
    for place, kind in enumerate(sounds):
        rate = _AUDIO[kind]
        audio += ["-map", "1:a", f"-c:a:{place}", _ENCODERS.get(kind, kind)]
        audio += [f"-ac:a:{place}", "2" if kind in _STEREO else "6", *([f"-b:a:{place}", rate] if rate else [])]
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=2.002"]
    _run(ffmpeg, *source, *tone, "-map", "0:v", *video, *audio, "-strict", "-2", path)
    return path


def subtitles(path: Path, seconds: int) -> Path:
    """Write a SubRip file with a cue in each of the last seconds."""
    if not path.exists():
        first = max(0, seconds - _CUE_SECONDS)
        cues = [
            f"{n + 1}\n{_clock(n)},100 --> {_clock(n)},900\nCue at {n} s\n"
            for n in range(first, max(seconds, first + 1))
        ]
        path.write_text("\n".join(cues), encoding="utf-8")
    return path


def _boxes(path: Path, seconds: int) -> Path:
    """Write a bitmap subtitle with a box in each of the last seconds."""
    if not path.exists():
        path.write_bytes(pgs.sup(max(0, seconds - _CUE_SECONDS), seconds))
    return path


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _run(ffmpeg: Path, *arguments: str | Path) -> None:
    words = [ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *arguments]
    done = subprocess.run(words, capture_output=True, timeout=300, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace")[-600:]
        raise ClipNotMade(
            f"{ffmpeg} cannot make {arguments[-1]}: {said}", "Look at the first error; is this our ffmpeg?"
        )
