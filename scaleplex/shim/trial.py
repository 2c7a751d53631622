"""What the executable watches after a successful trial of the interpreter; loaded in a trial only."""

import posix
import sys


def watched(library_dir: str, python: str) -> bytes:
    """Return the interpreter and the directories it loaded from as one line, separated by colons.

    Installing, upgrading and removing a file changes its directory's time of modification; so does a symbolic link
    that leads elsewhere now. Every path is absolute, and one with a colon is left out.

    Args:
        library_dir: as the executable names it; the current release may be a link.
        python: as the executable names it.
    """
    files = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
    try:
        with open("/proc/self/maps", "rb", buffering=0) as maps:
            lines = maps.readall().decode("utf-8", "surrogateescape").splitlines()
    except OSError:
        lines = []
    files += [line[line.index("/") :] for line in lines if ".so" in line and "/" in line]
    directories = [_parent(path) for path in (*files, python, library_dir)]
    paths = [
        path
        for path in (python, library_dir, *directories)
        if path.startswith("/") and ":" not in path and _exists(path)
    ]
    return (":".join(dict.fromkeys(paths)) + "\n").encode(sys.getfilesystemencoding(), "surrogateescape")


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _exists(path: str) -> bool:
    try:
        posix.stat(path)
    except OSError:
        return False
    return True
