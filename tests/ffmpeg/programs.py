"""Where the ffmpeg under test and its unpatched twin are, and how a test runs them."""

import os
import resource
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE_DIR = REPOSITORY / "scaleplex-ffmpeg"
PATCHES = PACKAGE_DIR / "patches"
QUIET = ("-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning", "-y")


def build_dir() -> Path:
    """Return the directory of the last build: ``root/``, ``stock/`` and the .deb."""
    cache = os.environ.get("SCALEPLEX_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (Path(cache) if cache else base / "scaleplex") / "ffmpeg" / "current"


def ffmpeg_under_test() -> Path:
    """Return the ffmpeg that ``SCALEPLEX_FFMPEG`` names, or that of the last build."""
    chosen = os.environ.get("SCALEPLEX_FFMPEG")
    return existing(Path(chosen) if chosen else build_dir() / "root/usr/lib/scaleplex-ffmpeg/ffmpeg")


def stock_ffmpeg() -> Path:
    """Return the ffmpeg of the same configure line without our patches."""
    return existing(build_dir() / "stock/ffmpeg")


def existing(program: Path) -> Path:
    if not os.access(program, os.X_OK):
        raise FileNotFoundError(f"{program} is not there; build it with ./dev deb")
    return program


def run(
    ffmpeg: Path, arguments: Sequence[str], cwd: Path, *, max_file_bytes: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ffmpeg to its end in ``cwd`` and return what it said.

    Args:
        max_file_bytes: writes beyond it fail, as they do on a full disk.
    """
    return subprocess.run(
        [str(ffmpeg), *QUIET, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=file_limit(max_file_bytes) if max_file_bytes else None,
    )


def file_limit(max_file_bytes: int) -> Callable[[], None]:
    """Return what a child does before exec so that a write beyond the limit is an error, not the end."""

    def apply() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))

    return apply


def start(ffmpeg: Path, arguments: Sequence[str], cwd: Path) -> subprocess.Popen[str]:
    """Start ffmpeg in ``cwd``; whoever started it ends it (see the fixture ``running``)."""
    return subprocess.Popen(
        [str(ffmpeg), *QUIET, *arguments], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def sizes(folder: Path) -> dict[str, int]:
    """Return the size of each file in ``folder``; one that vanishes while we look is left out."""
    found = {}
    for entry in os.scandir(folder):
        try:
            found[entry.name] = entry.stat().st_size
        except FileNotFoundError:
            continue
    return found
