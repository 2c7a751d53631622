"""Clips of the kind a command line expects: codec, HDR, streams at the indexes it names, long enough for its seek.

Two seconds are encoded once per kind and repeated without encoding, so an hour costs a copy. AV1 comes from a small
file beside this module, since our ffmpeg has no AV1 encoder in software.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

SIZE = "320x180"
RATE = "24000/1001"
_AV1 = Path(__file__).with_name("av1-10bit-pq.ivf")
_HDR = "format=yuv420p10le,setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv"
_CHANNELS = {"opus": "2", "mp3": "2"}
_AUDIO = {
    "aac": ["-b:a", "96k"],
    "ac3": ["-b:a", "192k"],
    "eac3": ["-b:a", "192k"],
    "dca": ["-strict", "-2", "-b:a", "768k"],
    "opus": ["-strict", "-2", "-b:a", "96k"],
    "truehd": ["-strict", "-2"],
    "flac": [],
    "alac": [],
    "mp3": ["-b:a", "128k"],
}


@dataclass(frozen=True)
class Clip:
    """What a clip holds.

    Attributes:
        video: h264, hevc, av1, mpeg2video.
        hdr: ten bits, PQ, BT.2020.
        streams: kind of each stream from index 1 on: an audio codec, `srt` or `ass`.
        seconds: length.
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


def ffmpeg() -> Path | None:
    """Return our ffmpeg, None when it has not been built."""
    cache = os.environ.get("SCALEPLEX_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "scaleplex"
    built = Path(cache) / "ffmpeg" / "current" / "root" / "usr" / "lib" / "scaleplex-ffmpeg" / "ffmpeg"
    path = Path(os.environ.get("SCALEPLEX_FFMPEG") or built).expanduser()
    return path if path.is_file() else None


def _run(*arguments: str | Path) -> None:
    tool = ffmpeg()
    assert tool is not None
    done = subprocess.run(
        [tool, "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *arguments],
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stderr.decode(errors='replace')}"


def subtitles(path: Path, seconds: int) -> Path:
    """Write an .srt with a cue each second."""
    if not path.exists():
        cues = [
            f"{n + 1}\n{_clock(n)},100 --> {_clock(n)},900\nCue at {n} s\n"
            for n in range(max(0, seconds - 60), seconds)
        ]
        path.write_text("\n".join(cues), encoding="utf-8")
    return path


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _base(clip: Clip, room: Path) -> Path:
    """Encode two seconds of video and audio."""
    sounds = [kind for kind in clip.streams if kind in _AUDIO]
    path = room / f"base-{clip.video}-{clip.hdr}-{'-'.join(sounds)}.mkv"
    if path.exists():
        return path
    video = {
        "h264": ["-c:v", "libx264", "-preset", "veryfast", "-crf", "35", "-pix_fmt", "yuv420p"],
        "hevc": ["-c:v", "libx265", "-preset", "ultrafast", "-crf", "38", "-x265-params", "log-level=error"],
        "mpeg2video": ["-c:v", "mpeg2video", "-q:v", "12"],
        "av1": ["-c:v", "copy"],
    }[clip.video]
    if clip.video == "av1":
        source: list[str | Path] = ["-i", _AV1]
    else:
        source = ["-f", "lavfi", "-i", f"testsrc=size={SIZE}:rate={RATE}:duration=2"]
        video += ["-g", "24", "-vf", _HDR if clip.hdr else "format=yuv420p"]
    audio: list[str] = []
    for place, kind in enumerate(sounds):
        mapped = ["-map", "1:a", f"-c:a:{place}", kind, f"-ac:a:{place}", _CHANNELS.get(kind, "6")]
        audio += [*mapped, *_AUDIO[kind]]
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=2.002"]
    _run(*source, *tone, "-map", "0:v", *video, *audio, path)
    return path


def make(clip: Clip, room: Path) -> Path:
    """Return the clip, made if it is not there yet."""
    path = room / clip.name
    if path.exists():
        return path
    base = _base(clip, room)
    text = subtitles(room / f"cues-{clip.seconds}.srt", clip.seconds)
    maps, sound, codecs = ["-map", "0:v"], 0, ["-c", "copy"]
    for place, kind in enumerate(clip.streams):
        if kind in _AUDIO:
            maps += ["-map", f"0:a:{sound}"]
            sound += 1
        else:
            maps += ["-map", "1:s"]
            codecs += [f"-c:{place + 1}", "mov_text" if clip.suffix == "mp4" else kind]
    part = path.with_suffix(f".part.{clip.suffix}")
    loop = ["-stream_loop", "-1", "-t", str(clip.seconds)]
    _run(*loop, "-i", base, "-i", text, *maps, *codecs, "-strict", "-2", "-t", str(clip.seconds), part)
    part.rename(path)
    return path
