"""Where the demo finds what it runs: our ffmpeg, a browser, a font, and the cache that holds what it made before."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from scaleplex.common.errors import ScaleplexError

PACKAGED_FFMPEG_DIR = Path("/usr/lib/scaleplex-ffmpeg")
CHROMIUM = Path("/usr/bin/chromium")
FONTS = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
)


class ToolMissingError(ScaleplexError):
    """Something the demo needs is not installed; the hint says how to get it."""


def cache_dir() -> Path:
    """Return the directory that builds, clips and player libraries are kept in between runs."""
    own = os.environ.get("SCALEPLEX_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scaleplex"


def ffmpeg_dirs() -> Iterable[Path]:
    """Yield the directories our ffmpeg and ffprobe may lie in, the one asked for by hand first."""
    chosen = os.environ.get("SCALEPLEX_FFMPEG_DIR")
    if chosen:
        yield Path(chosen)
    yield cache_dir() / "ffmpeg/current/root" / PACKAGED_FFMPEG_DIR.relative_to("/")
    yield PACKAGED_FFMPEG_DIR


def find_ffmpeg(program: str = "ffmpeg") -> Path:
    """Return the path of our ``ffmpeg`` or ``ffprobe``.

    Raises:
        ToolMissingError: there is no build of ours on this machine.
    """
    for folder in ffmpeg_dirs():
        if os.access(folder / program, os.X_OK):
            return folder / program
    raise ToolMissingError(
        detail=f"no {program} of ours in {', '.join(map(str, ffmpeg_dirs()))}",
        hint="Build it with ./dev deb, install the package scaleplex-ffmpeg, or set SCALEPLEX_FFMPEG_DIR.",
    )


def find_chromium() -> Path:
    """Return the browser that plays the demo: ``SCALEPLEX_BROWSER``, or the distribution's Chromium.

    Raises:
        ToolMissingError: there is none.
    """
    chosen = os.environ.get("SCALEPLEX_BROWSER")
    candidates = [chosen] if chosen else [str(CHROMIUM), shutil.which("chromium") or ""]
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return Path(candidate)
    raise ToolMissingError(
        detail=f"{chosen} cannot be run." if chosen else "There is no chromium on this machine.",
        hint="apt-get install chromium, or set SCALEPLEX_BROWSER to the path of a Chromium.",
    )


def find_font() -> Path:
    """Return a TrueType font for the clips' time code."""
    for candidate in FONTS:
        if os.path.exists(candidate):
            return Path(candidate)
    raise ToolMissingError(detail="no font to draw the time code with", hint="apt-get install fonts-dejavu-core")
