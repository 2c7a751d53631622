"""The mounts of this host, as the kernel lists them in ``/proc/self/mountinfo`` (proc(5))."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

MOUNTINFO = "/proc/self/mountinfo"
NETWORK_KINDS = ("nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "glusterfs", "fuse.glusterfs", "fuse.sshfs")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line: where, what kind of file system, from where, and all options as a dict (value empty if none)."""

    point: str
    kind: str
    source: str
    options: dict[str, str]

    @property
    def nfs(self) -> bool:
        """Whether it is an NFS mount."""
        return self.kind in ("nfs", "nfs4")

    @property
    def network(self) -> bool:
        """Whether its files lie on another host."""
        return self.kind in NETWORK_KINDS

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written through it."""
        return "ro" in self.options


def parse(text: str) -> list[Mount]:
    """Return the mounts in the order they were made."""
    found = []
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields, tail = left.split(), right.split()
        if len(fields) < 6 or len(tail) < 2:
            continue
        # Options of the mount point come first; those of the file system may say rw where this mount is ro.
        own = _options(fields[5])
        shared = _options(tail[2]) if len(tail) > 2 else {}
        options = {**shared, **own}
        if "ro" in options:
            options.pop("rw", None)
        found.append(Mount(_unescaped(fields[4]), tail[0], _unescaped(tail[1]), options))
    return found


def read(path: str = MOUNTINFO) -> list[Mount]:
    """Return the mounts this process sees."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return parse(file.read())


def covering(mounts: Sequence[Mount], path: str) -> Mount | None:
    """Return the mount a path lies on; the last one made wins where several cover each other."""
    real = os.path.realpath(path)
    best: Mount | None = None
    for mount in mounts:
        inside = real == mount.point or real.startswith(mount.point.rstrip("/") + "/")
        if inside and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def is_mount_point(mounts: Sequence[Mount], path: str) -> bool:
    """Tell whether something is mounted exactly there."""
    real = os.path.realpath(path)
    return any(mount.point == real for mount in mounts)


def _options(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (part.partition("=") for part in text.split(","))}


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), text)
