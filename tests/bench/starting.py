"""How long until a worker has started ffmpeg: one at a time, and twenty at once."""

import subprocess
import time

from tests.bench.figures import Figure, median, p99
from tests.bench.stand import PYTHON, Stand, running, wait_gone

GOAL_MS = 25.0
GOAL_RATIO = 3.0


def bare_ms() -> float:
    """Return the milliseconds of an interpreter that does nothing."""
    begun = time.monotonic_ns()
    subprocess.run([PYTHON, "-IS", "-c", "pass"], env={}, check=True)
    return (time.monotonic_ns() - begun) / 1e6


def one_at_a_time(stand: Stand, rounds: int) -> list[Figure]:
    """Start shims and bare interpreters by turns."""
    bare, shims = [], []
    for _ in range(rounds):
        bare.append(bare_ms())
        with running(stand) as started:
            shims.append(started.milliseconds)
    name = "shim spawned -> ffmpeg spawned"
    return [
        Figure(f"{name}, median", median(shims), "ms", GOAL_MS, f"of {rounds}; placement and task included"),
        Figure(f"{name}, p99", p99(shims), "ms"),
        Figure(f"{name}, least", min(shims), "ms", note="what the load of this host left undisturbed"),
        Figure(f"{name}, / bare python3 -IS", median(shims) / median(bare), "x", GOAL_RATIO),
        Figure("bare python3 -IS -c pass, median", median(bare), "ms", note="interleaved with the above"),
        Figure("bare python3 -IS -c pass, least", min(bare), "ms"),
    ]


def many_at_once(stand: Stand, count: int) -> list[Figure]:
    """Start many shims at the same moment."""
    shims = [stand.start() for _ in range(count)]
    stand.wait_for(*shims)
    last = max(started.spawned_ns for started in shims) - min(started.begun_ns for started in shims)
    for started in shims:
        started.end()
        wait_gone(started.pid)
    name = f"{count} at once"
    return [
        Figure(f"{name}: last ffmpeg spawned after", last / 1e6, "ms"),
        Figure(f"{name}: median of each", median([started.milliseconds for started in shims]), "ms"),
    ]
