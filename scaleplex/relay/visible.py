"""Announce only what can be opened: waits, bounded, until files written elsewhere can be opened on this host.

PMS believes a manifest and opens what it names at once; NFS on this host may still believe that the file is absent or
empty. Looking for a name would make the kernel remember its absence, so the directory is listed, which makes it ask the
server, and only names found there are opened (docs/explanation/relay.md).
"""

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from scaleplex.protocol import manifests

FIRST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.1
# Of many new names only the newest are looked at: after a restart everything is new, and what is old is visible.
FILES_MAX = 64


def missing(cwd: Path, names: Iterable[str], *, may_be_empty: bool = False) -> dict[str, str]:
    """Return the files that cannot be opened here now, each with the reason.

    Args:
        cwd: the job's session directory.
        names: base names.
        may_be_empty: a file without bytes counts as complete: a text subtitle segment without a cue.
    """
    wanted = list(names)
    try:
        with os.scandir(cwd) as entries:
            present = {entry.name for entry in entries}
    except PermissionError:
        return {}  # PMS has another user; waiting would show this one no more
    except OSError as exc:
        return dict.fromkeys(wanted, f"{cwd} cannot be listed: {exc.strerror}")
    reasons = {}
    for name in wanted:
        reason = "not in the directory" if name not in present else _why_not(cwd / name, may_be_empty)
        if reason is not None:
            reasons[name] = reason
    return reasons


def wait(
    cwd: Path,
    names: Iterable[str],
    limit_seconds: float,
    *,
    may_be_empty: bool = False,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> dict[str, str]:
    """Wait until the newest of the files can be opened; return those that still cannot, with the reason.

    Args:
        limit_seconds: the longest wait.
        clock: monotonic seconds.
        sleep: waits that many seconds.
    """
    end = clock() + limit_seconds
    pause = FIRST_PAUSE_SECONDS
    newest = sorted(names, key=manifests.number)[-FILES_MAX:]
    left = missing(cwd, newest, may_be_empty=may_be_empty)
    while left and clock() < end:
        sleep(min(pause, max(0.0, end - clock())))
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        left = missing(cwd, left, may_be_empty=may_be_empty)
    return left


def _why_not(path: Path, may_be_empty: bool) -> str | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as exc:
        # The relay's user may not read what PMS's user may; the listing has shown that the file is there.
        return None if exc.errno in (errno.EACCES, errno.EPERM) else f"cannot be opened: {exc.strerror}"
    try:
        size_bytes = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    return None if size_bytes > 0 or may_be_empty else "has no bytes yet"
