"""One child process: how ffmpeg is started, signalled and reaped.

It must not outlive the worker. The launcher (``confine``) asks the kernel to kill it when the *thread* that started it
ends (prctl(2)), so it has to be started by a thread that lives as long as it does: that is the request's own thread,
which plays the stream back until the child is gone and kills it on every way out (``playback``). A worker that dies
between fork and that request is noticed by our helper, which then ends; ``setpriv`` does not, and leaves an orphan that
the next start finds by its pid file (``leftovers``).

It leads a session and a process group of its own, so that one signal reaches everything it may have started.
"""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from scaleplex.worker.confine import Grants, Launcher

PATH = "/usr/local/bin:/usr/bin:/bin"
UMASK = 0o022  # PMS reads the files under another name at most of the same group
PIPE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: an exit code, or the signal that ended it."""

    code: int | None
    signal: int | None


class Child:
    """A running ffmpeg. All methods belong to the thread that started it.

    Attributes:
        pid: also the number of its process group.
        pidfd: readable once it has ended; poll it.
        stdout, stderr, progress: read ends of its pipes, non-blocking.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", progress: int) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self.pid = process.pid
        self.pidfd = os.pidfd_open(process.pid)
        self.progress = progress
        self.stdout = process.stdout.fileno()
        self.stderr = process.stderr.fileno()
        for fd in (self.stdout, self.stderr, self.progress):
            os.set_blocking(fd, False)

    def signal_group(self, number: int) -> None:
        """Send a signal to the child's process group; nothing happens once it was reaped."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def signal_leader(self, number: int) -> None:
        """Send a signal to ffmpeg alone (throttling)."""
        if self._process.returncode is None:
            signal.pidfd_send_signal(self.pidfd, number)

    def reap(self) -> Ended | None:
        """Return how it ended, None while it runs; never waits."""
        code = self._process.poll()
        if code is None:
            return None
        return Ended(None, -code) if code < 0 else Ended(code, None)

    def kill_and_wait(self, seconds: float) -> Ended | None:
        """Kill the group and wait; None if it is still there, which only a hung file system can cause."""
        self.signal_group(signal.SIGKILL)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return self.reap()

    def close(self) -> None:
        """Close the worker's ends of the pipes."""
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        for name in ("progress", "pidfd"):
            fd = getattr(self, name)
            if fd >= 0:
                os.close(fd)
                setattr(self, name, -1)


def progress_pipe() -> tuple[int, int]:
    """Return read and write end of a pipe for ffmpeg's progress; the number of the write end goes into its argv."""
    return os.pipe()


def spawn(
    program: Path,
    arguments: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    pipe: tuple[int, int],
    home: Path,
    launcher: Launcher,
    grants: Grants,
) -> Child:
    """Start a program that dies with the calling thread.

    Args:
        cwd: working directory, which must exist.
        env: the only variables it gets besides HOME, TMPDIR and PATH.
        pipe: from ``progress_pipe``; the write end is handed over under its own number, the read end kept.
        home: a directory it may keep caches and scratch files in (fontconfig, drivers).
        grants: what it may open, where the launcher can confine it.

    Raises:
        OSError: there is no such program, or no such directory. Both ends of the pipe are closed.
    """
    read_end, write_end = pipe
    try:
        process = subprocess.Popen(
            [*launcher.words(program, replace(grants, writes=(*grants.writes, os.fspath(home)))), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**env, "HOME": os.fspath(home), "TMPDIR": os.fspath(home), "PATH": PATH},
            pass_fds=(write_end,),
            start_new_session=True,
            umask=UMASK,
            bufsize=0,
        )
    except BaseException:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
    return Child(process, read_end)


def read_available(fd: int, limit_bytes: int = 64 * 1024) -> bytes | None:
    """Return what a non-blocking pipe holds now: empty for nothing yet, None at its end."""
    try:
        data = os.read(fd, limit_bytes)
    except BlockingIOError:
        return b""
    except OSError:
        return None
    return data or None
