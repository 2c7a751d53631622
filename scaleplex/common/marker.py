"""Markers: small files that one host of the fleet writes into the transcode directory and another looks for.

`scaleplex doctor` proves with them that two hosts share one directory, that each sees within a second what the other
writes, and that both agree on its owner. They lie in a directory of their own below the transcode root and have names
of one fixed form, so whoever may ask for a marker can neither name nor change any other file.

Standard library only and no import of this project: the doctor also runs this file as Plex's or a worker's account,
which is the only way to learn what that account may do: ``python3 -IS marker.py write|look|remove ROOT NAME [MS]``.
"""

import contextlib
import json
import os
import re
import stat
import sys
import time
from collections.abc import Iterator

DIRECTORY = ".scaleplex-doctor"
NAME = re.compile(r"marker-[0-9a-f]{32}", re.ASCII)
CONTENT_MAX_BYTES = 256
WAIT_MS_MAX = 3000
PAUSE_SECONDS = 0.02
STALE_SECONDS = 60.0  # what a doctor that was killed has left


def write(root: str, name: str) -> dict[str, object]:
    """Make a marker that is not there yet, and return what ``look`` returns.

    Raises:
        ValueError: the name is no marker's.
        OSError: it cannot be made.
    """
    check_name(name)
    for tries_left in (2, 1, 0):
        try:
            _write(root, name)
            break
        except FileNotFoundError:  # another one has removed the empty directory in this moment
            if not tries_left:
                raise
    return look(root, name, 0)


def _write(root: str, name: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(os.path.join(root, DIRECTORY), 0o775)
    with opened(root) as directory:
        remove_stale(directory)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0o644, dir_fd=directory)
        try:
            os.write(descriptor, f"{name} {os.urandom(16).hex()}\n".encode())
        finally:
            os.close(descriptor)


def look(root: str, name: str, wait_ms: int) -> dict[str, object]:
    """Look for a marker by its name, as Plex Media Server looks for a segment, and wait for it.

    The directory is not listed meanwhile: that would help an NFS client to forget that a file was not there before.

    Returns:
        ``seen`` and ``after_ms``; once it is seen also ``inode``, ``bytes``, ``uid``, ``gid`` and ``content``.

    Raises:
        ValueError: the name is no marker's.
    """
    check_name(name)
    began = time.monotonic()
    end = began + min(max(wait_ms, 0), WAIT_MS_MAX) / 1000
    while True:
        found = look_once(root, name)
        now = time.monotonic()
        if found is not None or now >= end:
            return {"seen": found is not None, "after_ms": round((now - began) * 1000), **(found or {})}
        time.sleep(PAUSE_SECONDS)


def look_once(root: str, name: str) -> dict[str, object] | None:
    """Return a marker as it is now, None when it is not there or still empty."""
    try:
        descriptor = os.open(
            os.path.join(root, DIRECTORY, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        )
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        content = os.read(descriptor, CONTENT_MAX_BYTES) if stat.S_ISREG(status.st_mode) else b""
    finally:
        os.close(descriptor)
    if not content.startswith(name.encode()) or not content.endswith(b"\n"):
        return None
    return {
        "inode": status.st_ino,
        "bytes": status.st_size,
        "uid": status.st_uid,
        "gid": status.st_gid,
        "content": content.decode("ascii", "replace").strip(),
    }


def remove(root: str, name: str) -> dict[str, object]:
    """Remove a marker, and the directory when it was the last one.

    Raises:
        ValueError: the name is no marker's.
        OSError: it cannot be removed.
    """
    check_name(name)
    with opened(root) as directory:
        os.unlink(name, dir_fd=directory)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.join(root, DIRECTORY))
    return {"removed": True}


def check_name(name: str) -> None:
    """Refuse every name but a marker's.

    Raises:
        ValueError: it is another.
    """
    if not NAME.fullmatch(name):
        raise ValueError("a marker's name is marker- and 32 hex digits")


@contextlib.contextmanager
def opened(root: str) -> Iterator[int]:
    """Open the markers' directory, which must be a real one and no link to another."""
    descriptor = os.open(os.path.join(root, DIRECTORY), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def remove_stale(directory: int) -> None:
    """Remove markers nobody looks for any more; ``directory`` is an open one."""
    oldest = time.time() - STALE_SECONDS
    for name in os.listdir(directory):
        with contextlib.suppress(OSError):
            if NAME.fullmatch(name) and os.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime < oldest:
                os.unlink(name, dir_fd=directory)


def main(words: list[str]) -> int:
    """Do one thing and print its outcome as JSON: what ``write`` and ``look`` return, or ``error``."""
    verb, root, name, *more = words
    try:
        if verb == "look":
            outcome = look(root, name, int(more[0]))
        else:
            outcome = {"write": write, "remove": remove}[verb](root, name)
    except OSError as exc:
        outcome = {"error": exc.strerror or str(exc)}
    sys.stdout.write(json.dumps(outcome) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
