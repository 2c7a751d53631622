"""Pid files: what an earlier life of the worker may have left running, and how the next one ends it.

A pid alone says nothing after a while: the number may belong to somebody else. A file therefore also holds the
process's start time (clock ticks since boot, ``/proc/PID/stat``) and the boot it belongs to. It names its owner in the
same way: what belongs to a worker that still runs is no leftover.
"""

import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scaleplex.worker.staged import remove_staged, staged_files

DIRECTORY = "running"
GONE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class PidFiles:
    """The pid files of one worker, below its state directory."""

    directory: Path

    @classmethod
    def below(cls, state_dir: Path) -> "PidFiles":
        """Return the pid files of a state directory, which is made if it is missing.

        Raises:
            OSError: it cannot be made.
        """
        directory = state_dir / DIRECTORY
        directory.mkdir(parents=True, exist_ok=True)
        return cls(directory)

    def write(self, job: str, attempt: int, pid: int, cwd: str) -> None:
        """Note a process that was just started; a full disk is no reason to end a film."""
        with suppress(OSError):
            owner = os.getpid()
            content = {
                "pid": pid,
                "start_ticks": start_ticks(pid),
                "owner": owner,
                "owner_ticks": start_ticks(owner),
                "boot": boot_id(),
                "cwd": cwd,
            }
            self._path(job, attempt).write_text(json.dumps(content), encoding="ascii")

    def remove(self, job: str, attempt: int) -> None:
        """Forget a process that has ended."""
        with suppress(OSError):
            self._path(job, attempt).unlink()

    def clear(self) -> list[str]:
        """End every process an earlier life left and remove what it had staged; return their directories."""
        ended: list[str] = []
        for path in sorted(self.directory.glob("*.json")):
            with suppress(OSError, ValueError, KeyError, TypeError):
                content = json.loads(path.read_text(encoding="ascii"))
                pid, cwd = int(content["pid"]), str(content["cwd"])
                here = content["boot"] == boot_id()
                if here and content["owner_ticks"] == start_ticks(int(content["owner"])):
                    continue
                if here and content["start_ticks"] == start_ticks(pid):
                    staged = staged_files(pid)
                    end_group(pid)
                    remove_staged(staged)
                    ended.append(cwd)
            with suppress(OSError):
                path.unlink()
        return ended

    def _path(self, job: str, attempt: int) -> Path:
        return self.directory / f"{job}.{attempt}.json"


def end_group(pid: int) -> None:
    """Kill a process group and wait until its leader is gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    deadline = time.monotonic() + GONE_SECONDS
    while start_ticks(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.01)


def start_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None if it does not run."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name in brackets may hold anything
    return None if fields[0] in "ZX" else int(fields[19])


def boot_id() -> str:
    """Return the id of this boot."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"
