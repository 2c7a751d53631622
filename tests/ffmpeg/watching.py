"""What a reader who looks into the session directory all the time gets to see."""

import subprocess
import time
from pathlib import Path

from tests.ffmpeg.programs import sizes

# keeps 20 frames back, so that with a source in real time there is a second without a packet
SLOW_START = (
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-x264-params",
    "rc-lookahead=20:sync-lookahead=0:sliced-threads=1",
)


def real_time_source(seconds: float) -> tuple[str, ...]:
    return ("-re", "-f", "lavfi", "-i", f"testsrc2=size=160x90:rate=25:duration={seconds}")


def watch(process: subprocess.Popen[str], folder: Path) -> dict[str, set[int]]:
    """Look until the process has ended; return every size each name was seen with."""
    seen: dict[str, set[int]] = {}
    while True:
        ended = process.poll() is not None
        for name, size in sizes(folder).items():
            seen.setdefault(name, set()).add(size)
        if ended:
            return seen
        time.sleep(0.01)


def seen_short(seen: dict[str, set[int]], folder: Path) -> dict[str, set[int]]:
    """Return those names that were seen with another size than the one they ended with."""
    final = sizes(folder)
    return {name: found for name, found in seen.items() if not name.endswith(".tmp") and found != {final.get(name)}}
