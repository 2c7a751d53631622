"""Whether each worker sees the films this host sees: a few real files of each media directory, asked for by name.

That a directory is there, and is the same one, says nothing of what is mounted on it or below it: an empty mount point
passes, and so does an NFS export without ``crossmnt``, whose nested file systems are empty directories on the client.
The sample therefore takes files of nested file systems first, then files found by chance, one below each of some
directories at the top.
"""

import os
import random
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scaleplex.cli.doctor.findings import Finding, Skip, ok, problem, skipped, warning
from scaleplex.cli.doctor.mounts import Mount
from scaleplex.cli.doctor.survey import Reply, ask, side_by_side
from scaleplex.common.log import Secret

NESTED_MOST = 12  # file systems below a root, two files each
BRANCHES_MOST = 16  # directories at the top of a root, one file each
PER_NESTED = 2
ENTRIES_MOST = 2000  # read of one directory
DEPTH_MOST = 8
TRIES = 6
# Plex or a download may still write it, and its size differs from one moment and one cache to the next.
SETTLED_SECONDS = 3600.0
SAMPLE_SECONDS = 4.0
READ_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Film:
    """A file of the sample; ``nested`` is the file system below the root that holds it, empty for the root's own."""

    path: str
    size_bytes: int
    nested: str = ""


class Sampler:
    """Finds files below one media directory, within a time."""

    def __init__(
        self,
        root: Path,
        present: Sequence[Mount],
        chance: random.Random,
        seconds: float = SAMPLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin.

        Args:
            present: the mounts of this host.
        """
        # Paths keep the name every host has for the directory, also where it is a link here.
        self._root = str(root)
        self._chance = chance
        self._clock = clock
        self._end = clock() + seconds
        self._device = os.stat(self._root).st_dev
        real = os.path.realpath(root).rstrip("/") + "/"
        below = [mount.point.removeprefix(real) for mount in present if mount.point.startswith(real)]
        self._nested = [os.path.join(self._root, point) for point in below]

    def sample(self) -> list[Film]:
        """Return the files found, each once, those of nested file systems first."""
        found: dict[str, Film] = {}
        for point in self._shuffled(self._nested)[:NESTED_MOST]:
            for _ in range(PER_NESTED):
                self._add(found, self._descend(point))
        names = self._shuffled([entry.path for entry in self._entries(self._root)])
        for path in names[:BRANCHES_MOST]:
            self._add(found, self._descend(path))
        return sorted(found.values(), key=lambda film: (not film.nested, film.path))

    def _add(self, found: dict[str, Film], film: Film | None) -> None:
        if film is not None:
            found.setdefault(film.path, film)

    def _descend(self, path: str) -> Film | None:
        """Return a file at or below a path, found by chance; None when a few tries meet none."""
        for _ in range(TRIES):
            here = path
            for _ in range(DEPTH_MOST):
                if self._clock() > self._end:
                    return None
                film = self._film(here)
                if film is not None:
                    return film
                entries = self._entries(here)
                if not entries:
                    break
                here = self._chance.choice(entries).path
        return None

    def _film(self, path: str) -> Film | None:
        try:
            status = os.lstat(path)
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode) or status.st_mtime > time.time() - SETTLED_SECONDS:
            return None
        return Film(path, status.st_size, self._file_system(path))

    def _file_system(self, path: str) -> str:
        """Return the directory at which another mount than the root's begins on the way to a path, empty if none.

        The list of mounts knows bind mounts of one file system; the device number knows what is not mounted, such as
        the subvolumes of btrfs.
        """
        here = self._root
        for part in os.path.relpath(path, self._root).split("/"):
            here = f"{here.rstrip('/')}/{part}"
            if here in self._nested or os.lstat(here).st_dev != self._device:
                return here
        return ""

    def _entries(self, directory: str) -> list[os.DirEntry[str]]:
        """Return directories and files in a directory, but no links: a worker follows none out of its roots."""
        found: list[os.DirEntry[str]] = []
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if len(found) >= ENTRIES_MOST or self._clock() > self._end:
                        break
                    if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
                        found.append(entry)
        except OSError:
            return []
        return sorted(found, key=lambda entry: entry.name)

    def _shuffled(self, paths: list[str]) -> list[str]:
        paths = sorted(paths)
        self._chance.shuffle(paths)
        return paths


def compared(
    storages: dict[str, Reply], present: Sequence[Mount], secret: Secret | None, chance: random.Random | None = None
) -> list[Finding]:
    """Return for each worker and media directory whether the worker sees the films of this host.

    Args:
        storages: answers to ``/doctor/storage``, by worker.

    Raises:
        Skip: no worker answers.
    """
    chance = chance or random.SystemRandom()
    roots: dict[str, list[str]] = {}
    for url, reply in storages.items():
        for item in reply.body.get("media_roots", []) if reply.status == 200 else []:
            roots.setdefault(str(item["path"]), []).append(url)
    if not roots:
        raise Skip("no worker answers")
    found: list[Finding] = []
    for root, workers in roots.items():
        try:
            films = Sampler(Path(root), present, chance).sample()
        except OSError as exc:
            found.append(problem(f"{root} cannot be looked at on this host: {exc.strerror}", _mount_here(root)))
            continue
        if not films:
            found.append(warning(f"{root} holds no film on this host", _mount_here(root)))
            continue
        body = {"films": [film.path for film in films]}
        calls = [partial(_ask, url, secret, body) for url in workers]
        for url, reply in zip(workers, side_by_side(calls), strict=True):
            found += judge(url, root, films, reply)
    return found


def judge(url: str, root: str, films: Sequence[Film], reply: Reply) -> list[Finding]:
    """Return what a worker's answer says of one media directory."""
    if reply.status != 200:
        old = reply.status == 404
        return [skipped(f"worker {url} cannot be asked: {'it is older than this doctor' if old else reply.detail}")]
    seen = list(zip(films, reply.body["films"], strict=True))
    missing = [film for film, there in seen if not there["seen"]]
    if len(missing) == len(films) and not all(film.nested for film in films):
        return [
            problem(
                f"worker {url} sees none of {len(films)} films below {root}, such as {films[0].path}",
                f"Mount the export at {root} there (findmnt {root}); if it is mounted, restart scaleplex-worker: it may"
                " have started before the mount.",
            )
        ]
    found = _nested(url, missing) + _others(url, root, [film for film in missing if not film.nested])
    found += [_other_size(url, root, film, there) for film, there in seen if there["seen"] and _differs(film, there)][
        :1
    ]
    closed = [film for film, there in seen if there["seen"] and not there["readable"]]
    if closed:
        found.append(
            problem(
                f"worker {url} may not read {len(closed)} of {len(films)} films below {root}, such as {closed[0].path}",
                "Put the group that may (ls -ln there) into scaleplex_worker_groups and run site.yml.",
            )
        )
    return found or [ok(f"worker {url} sees {len(films)} of {len(films)} films below {root}")]


def _nested(url: str, missing: Sequence[Film]) -> list[Finding]:
    systems = sorted({film.nested for film in missing if film.nested})
    return [
        problem(
            f"worker {url} does not see the films of {system}, a file system of its own",
            "Export it: crossmnt on the export above it, or nohide on an export of its own (exports(5)), then"
            f" exportfs -ra; or mount {system} on that worker as well.",
        )
        for system in systems
    ]


def _others(url: str, root: str, missing: Sequence[Film]) -> list[Finding]:
    if not missing:
        return []
    return [
        problem(
            f"worker {url} does not see {len(missing)} films below {root}, such as {missing[0].path}",
            f"Mount the same export at {root} on both hosts (compare findmnt -T on that file), and mount what lies"
            " below it there as well.",
        )
    ]


def _other_size(url: str, root: str, film: Film, there: dict[str, Any]) -> Finding:
    return problem(
        f"{film.path} is another file on worker {url} ({there['size']} bytes, here {film.size_bytes})",
        f"Mount the same export at {root} on both hosts.",
    )


def _differs(film: Film, there: dict[str, Any]) -> bool:
    return there["size"] is not None and there["size"] != film.size_bytes


def _mount_here(root: str) -> str:
    return (
        f"Mount the films at {root} on this host (findmnt {root}), or take {root} out of scaleplex_worker_media_roots."
    )


def _ask(url: str, secret: Secret | None, body: object) -> Reply:
    return ask("POST", url + "/doctor/films", secret, json=body, read_seconds=READ_SECONDS)
