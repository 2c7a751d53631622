"""This machine's root file system with whatever a test does to it kept in memory, and forgotten."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# All mounts are of a namespace that ends with this shell, and it ends when its standard input does.
_SCRIPT = """\
set -e
mount -t tmpfs -o size=1g,mode=755 throwaway "$1"
mkdir "$1/changed" "$1/work" "$1/root"
mount -t overlay throwaway -o "lowerdir=/,upperdir=$1/changed,workdir=$1/work" "$1/root"
mount --rbind /dev "$1/root/dev"
mount -t proc proc "$1/root/proc"
echo ready
exec cat
"""


class CannotMountError(Exception):
    """This machine does not let us."""


@dataclass(frozen=True, slots=True)
class ThrowAway:
    """A root of its own.

    Attributes:
        place: directory it is mounted on, in its namespace.
        pid: of a process in the namespace.
    """

    place: Path
    pid: int

    def run(self, *command: str, stdin: bytes | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a program there."""
        inside = ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", "chroot", str(self.place / "root"), *command]
        done = subprocess.run(inside, input=stdin, capture_output=True, timeout=300, check=False)
        return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())

    def put(self, file: Path, target: str) -> None:
        """Copy a file of the machine there, from wherever it is mounted."""
        done = self.run("sh", "-c", 'cat >"$1"', "put", target, stdin=file.read_bytes())
        assert done.returncode == 0, done.stderr


@contextmanager
def throw_away_root(place: Path) -> Iterator[ThrowAway]:
    """Yield one; needs root.

    Args:
        place: an empty directory.

    Raises:
        CannotMountError: the kernel or this container refuses.
    """
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _SCRIPT, "throwaway", str(place)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as shell:
        try:
            assert shell.stdout is not None
            if shell.stdout.readline() != "ready\n":
                raise CannotMountError(shell.communicate()[1].strip())
            yield ThrowAway(place, shell.pid)
        finally:
            shell.kill()
