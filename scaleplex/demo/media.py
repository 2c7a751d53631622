"""Makes the demo's clips with our ffmpeg, once, and keeps them in the cache under a key of how they are made."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from scaleplex.common.errors import ScaleplexError
from scaleplex.demo.clips import CLIPS, FILM_RATE, Clip, recipe
from scaleplex.demo.tools import cache_dir, find_ffmpeg, find_font

LIBRARY_FILE = "library.json"
SIDECAR_CUES = ((1.0, 3.5), (5.0, 8.0), (10.0, 12.0), (14.5, 18.0), (20.0, 24.0))
Say = Callable[[str], None]


class ClipNotMade(ScaleplexError):
    """ffmpeg could not make a clip."""


def library_key(clips: tuple[Clip, ...] = CLIPS) -> str:
    """Return the key of the clips: other recipes, other key; another ffmpeg or font, the same clips."""
    recipes = [recipe(clip, Path("folder"), Path("font")) for clip in clips]
    return hashlib.sha256(json.dumps([recipes, list(map(repr, clips)), SIDECAR_CUES]).encode()).hexdigest()[:16]


def ensure_library(clips: tuple[Clip, ...] = CLIPS, say: Say = lambda _: None) -> Path:
    """Return the folder of the clips, and make them when they are not there yet.

    Two processes that want them at once make them once. ``library.json`` in the folder describes what lies there.

    Raises:
        ClipNotMade: ffmpeg failed; its words are in the detail.
        ToolMissingError: there is no ffmpeg of ours, or no font.
    """
    root = cache_dir() / "media"
    root.mkdir(parents=True, exist_ok=True)
    target = root / library_key(clips)
    with (root / f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / LIBRARY_FILE).exists():
            part = root / f".{target.name}.part"
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            make_clips(clips, part, say)
            shutil.rmtree(target, ignore_errors=True)
            part.rename(target)
    return target


def make_clips(clips: tuple[Clip, ...], folder: Path, say: Say) -> None:
    """Make all clips; those that draw their own picture run side by side."""
    for copies in (False, True):
        batch = [clip for clip in clips if (clip.picture_of is not None) == copies]
        running = [(clip, start_ffmpeg(clip, folder)) for clip in batch]
        for clip, process in running:
            _, errors = process.communicate()
            if process.returncode:
                words = errors.decode(errors="replace")[-800:]
                raise ClipNotMade(
                    detail=f"{clip.name}: ffmpeg ended with {process.returncode}: {words}",
                    hint="Look at the first error; the ffmpeg used is " + str(find_ffmpeg()),
                )
            say(f"made {clip.name}")
    for clip in clips:
        if clip.sidecar_language:
            name = Path(clip.name).stem + f".{clip.sidecar_language}.srt"
            (folder / name).write_text(sidecar_text(), encoding="utf-8")
    (folder / LIBRARY_FILE).write_text(library_text([describe(clip, folder) for clip in clips]))


def start_ffmpeg(clip: Clip, folder: Path) -> "subprocess.Popen[bytes]":
    command = [str(find_ffmpeg()), "-hide_banner", "-nostdin", "-v", "error", "-y"]
    command += [*recipe(clip, folder, find_font()), str(folder / clip.name)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def library_text(items: list[dict[str, object]]) -> str:
    return json.dumps({"items": items}, indent=1, ensure_ascii=False)


def count_frames(path: Path) -> int:
    """Return how many pictures a clip has."""
    args = ["-v", "error", "-select_streams", "v:0", "-count_packets", "-show_entries", "stream=nb_read_packets"]
    done = subprocess.run(
        [str(find_ffmpeg("ffprobe")), *args, "-of", "csv=p=0", str(path)], capture_output=True, text=True, check=True
    )
    return int(done.stdout.strip().strip(","))


def describe(clip: Clip, folder: Path) -> dict[str, object]:
    """Return what a media server knows of a clip after it analysed it."""
    frames = count_frames(folder / clip.name)
    return {
        "file": clip.name,
        "title": clip.title,
        "duration_seconds": float(frames / FILM_RATE),
        "frames": frames,
        "rate": [FILM_RATE.numerator, FILM_RATE.denominator],
        "width": clip.width,
        "height": clip.height,
        "video_codec": clip.codec,
        "hdr": clip.hdr,
        "audio": [
            {"index": 1 + i, "codec": a.codec, "channels": a.channels, "language": a.language, "title": a.title}
            for i, a in enumerate(clip.audio)
        ],
        "sidecars": [Path(clip.name).stem + f".{clip.sidecar_language}.srt"] if clip.sidecar_language else [],
    }


def sidecar_text() -> str:
    """Return a SubRip file whose cues name the second they start in."""
    cues = []
    for number, (start, end) in enumerate(SIDECAR_CUES, 1):
        cues.append(f"{number}\n{srt_time(start)} --> {srt_time(end)}\ncue {number} at {start:.1f} s\n")
    return "\n".join(cues)


def srt_time(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d},{round((seconds - whole) * 1000):03d}"


def main() -> int:
    """Make the clips and print where they are."""
    try:
        folder = ensure_library(say=lambda line: print(line, file=sys.stderr))
    except ScaleplexError as error:
        print(f"{error.detail}\n{error.hint}", file=sys.stderr)
        return 1
    print(os.fspath(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
