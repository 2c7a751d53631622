"""Staged files: what an ffmpeg writes under ``*.tmp`` until it is complete, and how an attempt removes its own.

Attempts of a job share a session directory and the names in it, also across workers. A name therefore says nothing
about whose file it is. A process's own files are those it has open; the inode tells whether a name still means that
file.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SUFFIX = ".tmp"


@dataclass(frozen=True, slots=True)
class Staged:
    """One staged file: its path, and the inode that was open under it."""

    path: str
    inode: int


def staged_files(pid: int) -> set[Staged]:
    """Return the staged files a process has open; asks the kernel of this host, never a file server.

    Source: proc_pid_fdinfo(5); kernels before 5.14 do not tell the inode, and then nothing is returned.
    """
    found: set[Staged] = set()
    proc = Path(f"/proc/{pid}")
    with suppress(OSError):
        for entry in os.listdir(proc / "fd"):
            with suppress(OSError):
                path = os.readlink(proc / "fd" / entry)
                if path.endswith(SUFFIX):
                    info = (proc / "fdinfo" / entry).read_text(encoding="ascii", errors="replace").splitlines()
                    found.update(Staged(path, int(line[4:])) for line in info if line.startswith("ino:"))
    return found


def remove_staged(files: set[Staged]) -> int:
    """Remove staged files of a process that has ended; return how many. What has taken over a name is left alone."""
    removed = 0
    for file in files:
        with suppress(OSError):
            if os.lstat(file.path).st_ino == file.inode:
                os.unlink(file.path)
                removed += 1
    return removed
