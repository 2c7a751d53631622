"""Runs a command and then ends every process that came from it, those that left its process group too.

The command's parent is a process that adopts orphans below it (PR_SET_CHILD_SUBREAPER of prctl(2)), so nothing can get
out of reach by starting a session of its own. Where we are root, it and all below it have process ids and mounts of
their own: a mutant of what ends processes cannot hit one of this machine's, and no mount stays.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
#: What the warden itself exits with when the command took too long; pytest and signals have other codes.
_TOO_LONG = 99
_CHILD = (signal.SIGCHLD,)


def run(command: Sequence[str], cwd: Path, environ: Mapping[str, str], output: int, seconds: float) -> int | None:
    """Run a command and end what it leaves.

    Args:
        output: descriptor of the file for what it prints.
        seconds: it may take.

    Returns:
        Its exit code, negative after a signal; None when it took too long.
    """
    done = subprocess.run(
        [*_apart(), sys.executable, __file__, str(seconds), *command],
        cwd=cwd,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        check=False,
    )
    if done.returncode == _TOO_LONG:
        return None
    return done.returncode - 256 if done.returncode > 128 else done.returncode


@cache
def _apart() -> tuple[str, ...]:
    """Return what starts a program in namespaces of its own, as far as this machine lets us."""
    words = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    try:
        done = subprocess.run([*words, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return ()
    return words if done.returncode == 0 else ()


def _children() -> list[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(word) for word in text.split()]


def _end_children() -> None:
    """Kill until no process is left; a killed one leaves its children to us."""
    while children := _children():
        for child in children:
            os.kill(child, signal.SIGKILL)
        for _ in children:
            os.waitpid(-1, 0)


def _keep(seconds: float, command: list[str]) -> int:
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(_TOO_LONG))
    signal.pthread_sigmask(signal.SIG_BLOCK, _CHILD)
    try:
        process = subprocess.Popen(command, start_new_session=True, preexec_fn=_heed_children)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for pid, status in _ended():
                if pid == process.pid:
                    return os.waitstatus_to_exitcode(status) % 256
            signal.sigtimedwait(_CHILD, left)
        return _TOO_LONG
    finally:
        _end_children()


def _heed_children() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _CHILD)


def _ended() -> Iterator[tuple[int, int]]:
    """Yield the processes that have ended, adopted ones too, which would stay as zombies."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status


if __name__ == "__main__":
    sys.exit(_keep(float(sys.argv[1]), sys.argv[2:]))
