"""Our ffmpeg, and the clips made with it: those of `scaleplex replay`."""

import os
from pathlib import Path

from scaleplex.cli.replay import media
from scaleplex.cli.replay.media import Clip, subtitles

__all__ = ["Clip", "ffmpeg", "make", "subtitles", "tool"]


def ffmpeg() -> Path | None:
    """Return our ffmpeg, None when it has not been built."""
    cache = os.environ.get("SCALEPLEX_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "scaleplex"
    built = Path(cache) / "ffmpeg" / "current" / "root" / "usr" / "lib" / "scaleplex-ffmpeg" / "ffmpeg"
    path = Path(os.environ.get("SCALEPLEX_FFMPEG") or built).expanduser()
    return path if path.is_file() else None


def tool() -> Path:
    """Return our ffmpeg, which the caller has made sure of."""
    found = ffmpeg()
    assert found is not None
    return found


def make(clip: Clip, clips: Path) -> Path:
    """Return the clip, made if it is not there yet."""
    return media.make(tool(), clip, clips)
