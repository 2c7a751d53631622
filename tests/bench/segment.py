"""How much later the first segment comes through the fleet than from the same ffmpeg started by hand."""

import subprocess
import time
import uuid
from pathlib import Path

from scaleplex.demo.tools import ToolMissingError, find_ffmpeg
from tests.bench.figures import Figure, median
from tests.bench.stand import Stand

GOAL_RATIO = 1.1
FIRST = ("init-stream0.m4s", "chunk-stream0-00001.m4s", "chunk-stream1-00001.m4s")
CLIP = ["-f", "lavfi", "-i", "testsrc2=s=1920x1080:r=25:d=20", "-f", "lavfi", "-i", "sine=d=20", "-codec:v", "libx264"]
CLIP += ["-preset", "ultrafast", "-g", "50", "-codec:a", "aac", "-ac", "2"]
LIMIT_SECONDS = 60


def first_segment(rounds: int) -> list[Figure]:
    """Run both by turns on a stand with our real ffmpeg; without one there is nothing to measure."""
    try:
        ffmpeg, ffprobe = find_ffmpeg(), find_ffmpeg("ffprobe")
    except ToolMissingError as exc:
        print(f"first segment: left out, {exc.detail}")
        return []
    fleet, direct = [], []
    with Stand(ffmpeg, ffprobe) as stand:
        subprocess.run([ffmpeg, "-y", "-loglevel", "error", *CLIP, stand.film], check=True)
        through_fleet(stand)  # the worker learns the film, the disk cache fills
        _, command = through_fleet(stand)
        for _ in range(rounds):
            direct.append(by_hand(stand, command))
            fleet.append(through_fleet(stand)[0])
    ratios = [ours / theirs for ours, theirs in zip(fleet, direct, strict=True)]
    return [
        Figure("first segment through the fleet, median", median(fleet), "ms", note=f"of {rounds}"),
        Figure("first segment, same ffmpeg by hand, median", median(direct), "ms"),
        Figure("first segment, fleet / by hand", median(ratios), "x", GOAL_RATIO, "median of pairs run by turns"),
    ]


def through_fleet(stand: Stand) -> tuple[float, list[str]]:
    """Return the milliseconds from the shim's spawn to the first segment, and the command the worker ran for it."""
    started = stand.start()
    directory = next((stand.root / "transcode/Transcode/Sessions").glob(f"*{started.job}"))
    try:
        wait_for_first(directory, started.process)
        took = (time.monotonic_ns() - started.begun_ns) / 1e6
        stand.wait_for(started)
        return took, Path(f"/proc/{started.pid}/cmdline").read_text().split("\0")[:-1]
    finally:
        started.end()
        wait_until_idle(directory)


def by_hand(stand: Stand, command: list[str]) -> float:
    """Return the milliseconds from ffmpeg's spawn to the first segment, callbacks going straight to PMS."""
    directory = stand.session_dir(uuid.uuid4().hex[:24], str(uuid.uuid4()))
    words = [without_the_worker(word, stand.plex.url) for word in command]
    begun = time.monotonic_ns()
    process = subprocess.Popen(words, cwd=directory, stdin=subprocess.DEVNULL, env={})
    try:
        wait_for_first(directory, process)
        return (time.monotonic_ns() - begun) / 1e6
    finally:
        process.kill()
        process.wait()


def without_the_worker(word: str, plex_url: str) -> str:
    """Return an argument as it is where neither relay nor worker listens."""
    if word.startswith("pipe:"):
        return "/dev/null"
    _, found, rest = word.partition("/cb/1/")
    return f"{plex_url}/{rest.partition('/')[2]}" if found else word


def wait_for_first(directory: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the first segment of each stream stands under its final name."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not all((directory / name).exists() for name in FIRST):
        if process.poll() is not None and not all((directory / name).exists() for name in FIRST):
            raise RuntimeError(f"it ended with {process.returncode} before the first segment")
        if time.monotonic() > deadline:
            raise RuntimeError(f"no first segment after {LIMIT_SECONDS} s")
        time.sleep(0.001)


def wait_until_idle(directory: Path) -> None:
    """Wait until a killed job's ffmpeg writes no more, so that it does not slow the next run."""
    while True:
        before = sum(path.stat().st_size for path in directory.iterdir() if path.exists())
        time.sleep(0.2)
        if before == sum(path.stat().st_size for path in directory.iterdir() if path.exists()):
            return
