"""Figures a test bounds and a benchmark prints: how fast a transcode ends, and how fast it goes."""

import os
import signal
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from scaleplex.demo.fleet import Fleet

POLL_SECONDS = 0.005
START = "/video/:/transcode/universal/start.mpd"
STOP = "/video/:/transcode/universal/stop"


def session_job(fleet: Fleet, session: str) -> dict[str, Any]:
    """Return the newest job of a session from the stand-in's report."""
    jobs: Any = fleet.report()["jobs"]
    return next(dict(job) for job in reversed(jobs) if job["session"] == session)


def time_until(condition: Callable[[], bool], limit_seconds: float) -> float:
    """Return after how many seconds a condition held; the limit when it did not."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > limit_seconds:
            return limit_seconds
        time.sleep(POLL_SECONDS)
    return time.monotonic() - started


def kill_times(fleet: Fleet, kills: int, limit_seconds: float = 5.0) -> list[float]:
    """Kill the shim of a running transcode again and again; return how long ffmpeg lived on each time, in seconds.

    SIGKILL, as PMS does: the shim can tell nobody, its closed connection has to.
    """
    out = []
    for _ in range(kills):
        session = str(uuid.uuid4())
        query = {"session": session, "path": "/library/metadata/1", "videoQualityName": "240p"}
        before = set(fleet.ffmpeg_pids())
        requests.get(fleet.pms.url + START, params=query, timeout=30).raise_for_status()
        time_until(lambda before=before: bool(set(fleet.ffmpeg_pids()) - before), limit_seconds)  # type: ignore[misc]
        running = set(fleet.ffmpeg_pids()) - before
        os.kill(session_job(fleet, session)["pid"], signal.SIGKILL)
        gone = time_until(lambda pids=running: not any(map(is_running, pids)), limit_seconds)  # type: ignore[misc]
        out.append(gone if running else limit_seconds)
        requests.get(fleet.pms.url + STOP, params={"session": session}, timeout=30)
    return out


def is_running(pid: int) -> bool:
    """Return whether a process still runs; one that ended and was not yet waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")
