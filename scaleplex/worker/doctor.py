"""What `scaleplex doctor` on another host asks of a worker: the view from inside the service and its sandbox.

All of it is signed. Markers have names of one fixed form and a directory of their own (``common.marker``); the relay is
asked for a job nobody runs (``protocol.relay_probe``), which is less than any task may make this worker do.

A mount that hangs is answered with ``storage-hung``. The questions that hang are counted apart from the tasks': asking
again and again must not use up what tasks have.
"""

import itertools
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import falcon

from scaleplex.common import marker
from scaleplex.common.config import url as parse_url
from scaleplex.common.errors import BadField, CwdNotWritable, NotFound
from scaleplex.common.log import Secret
from scaleplex.common.service import json_body
from scaleplex.protocol import relay_probe
from scaleplex.protocol.signing import wall_clock_ms
from scaleplex.worker.config import WorkerConfig
from scaleplex.worker.confine import Launcher
from scaleplex.worker.storage import Storage

T = TypeVar("T")
HINT = "See docs/reference/protocol."
FILES_MOST = 1000
FILMS_MOST = 64
PATH_MAX_BYTES = 4096
LOOK_SECONDS = 5.0


def add_routes(
    app: falcon.App[falcon.Request, falcon.Response], config: WorkerConfig, secret: Secret | None, launcher: Launcher
) -> None:
    """Add the doctor's questions to a worker."""
    storage = Storage(config.transcode_root)
    app.add_route("/doctor/storage", Directories(config, launcher, storage))
    app.add_route("/doctor/marker", Markers(config.transcode_root, storage))
    app.add_route("/doctor/films", Films(config.media_roots, storage))
    app.add_route("/doctor/relay", RelayView(secret))


class Directories:
    """``GET /doctor/storage``: the shared directories as this worker has them, its account and its clock."""

    def __init__(self, config: WorkerConfig, launcher: Launcher, storage: Storage) -> None:
        self._config = config
        self._launcher = launcher
        self._storage = storage

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        directories = self._storage.run(self._look, LOOK_SECONDS, "A shared directory")
        resp.media = {
            "time_ms": wall_clock_ms(),
            "uid": os.geteuid(),
            "gid": os.getegid(),
            "unconfined": self._launcher.missing,
            **directories,
        }

    def _look(self) -> dict[str, object]:
        return {
            "transcode_root": _directory(self._config.transcode_root),
            "media_roots": [{**_directory(path), "unreadable": unreadable(path)} for path in self._config.media_roots],
        }


class Markers:
    """``/doctor/marker``: ``GET ?name=&wait_ms=`` looks for a marker, ``DELETE ?name=`` removes, ``POST`` writes it."""

    def __init__(self, root: Path, storage: Storage) -> None:
        self._root = str(root)
        self._storage = storage

    def _run(self, operation: Callable[[], T], wait_ms: int = 0) -> T:
        return self._storage.run(operation, LOOK_SECONDS + wait_ms / 1000, self._root)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        name = _name(req.get_param("name"))
        wait_ms = min(max(req.get_param_as_int("wait_ms", default=0) or 0, 0), marker.WAIT_MS_MAX)
        resp.media = self._run(lambda: marker.look(self._root, name, wait_ms), wait_ms)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        name = _name(json_body(req).get("name"))
        try:
            resp.media = self._run(lambda: marker.write(self._root, name))
        except OSError as exc:
            raise CwdNotWritable(
                f"uid {os.geteuid()}, gid {os.getegid()} cannot write into {self._root}: {exc.strerror}.",
                "Run the worker with Plex's uid and gid, and mount the transcode directory read-write.",
            ) from exc

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        name = _name(req.get_param("name"))
        try:
            self._run(lambda: marker.remove(self._root, name))
        except OSError as exc:
            raise NotFound(f"The marker cannot be removed: {exc.strerror}.", HINT) from exc
        resp.status = falcon.HTTP_204


class Films:
    """``POST /doctor/films`` with ``films``, a list of paths: whether this worker sees each, its size, if it opens.

    Only files below the media directories are looked at, wherever links lead: for every other path the answer is that
    of one that is absent. A task may read the same files, so this tells nobody more.
    """

    def __init__(self, roots: Sequence[Path], storage: Storage) -> None:
        self._roots = roots
        self._storage = storage

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        films = json_body(req).get("films")
        if not isinstance(films, list) or len(films) > FILMS_MOST or not all(map(_is_path, films)):
            raise BadField(f"The field 'films' must be a list of up to {FILMS_MOST} absolute paths.", HINT)
        seen = self._storage.run(lambda: self._look(films), LOOK_SECONDS, "A film or its directory")
        resp.media = {"films": seen}

    def _look(self, films: Sequence[str]) -> list[dict[str, object]]:
        roots = [os.path.realpath(root) for root in self._roots]
        return [film(path, roots) for path in films]


class RelayView:
    """``POST /doctor/relay`` with ``url``: what the relay answers this worker."""

    def __init__(self, secret: Secret | None) -> None:
        self._secret = secret

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        given = json_body(req).get("url")
        try:
            url = parse_url(given if isinstance(given, str) else "")
        except ValueError as exc:
            raise BadField(f"The field 'url' must be {exc}.", HINT) from exc
        resp.media = {"answers": [answer.to_json() for answer in relay_probe.ask(url, self._secret)]}


def _directory(path: Path) -> dict[str, object]:
    try:
        inode: int | None = path.stat().st_ino if path.is_dir() else None
    except OSError:
        inode = None
    return {"path": str(path), "inode": inode}


def unreadable(root: Path) -> str | None:
    """Return what keeps this worker from the films below a directory, None when it can open one of the first."""
    failed: list[OSError] = []
    paths = (os.path.join(where, name) for where, _, names in os.walk(root, onerror=failed.append) for name in names)
    for path in itertools.islice(paths, FILES_MOST):
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        except OSError as exc:
            failed.append(exc)
        else:
            return None
    return next((f"{exc.filename}: {exc.strerror}" for exc in failed if isinstance(exc, PermissionError)), None)


def film(path: str, roots: Sequence[str]) -> dict[str, object]:
    """Return what this worker sees of a file.

    Args:
        roots: resolved media directories; a path that resolves to a place outside them counts as absent.
    """
    real = os.path.realpath(path)
    absent: dict[str, object] = {"seen": False, "size": None, "readable": False}
    if not any(real.startswith(root.rstrip("/") + "/") for root in roots):
        return absent
    try:
        # Opened without following: what was resolved must not be exchanged for a link meanwhile.
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except PermissionError:
        return _closed_film(real) or absent
    except OSError:
        return absent
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return {"seen": True, "size": status.st_size, "readable": True} if stat.S_ISREG(status.st_mode) else absent


def _closed_film(real: str) -> dict[str, object] | None:
    """Return what is known of a file that may not be opened; its directory may hide even that it is there."""
    try:
        status = os.lstat(real)
    except PermissionError:
        return {"seen": True, "size": None, "readable": False}
    except OSError:
        return None
    return {"seen": True, "size": status.st_size, "readable": False} if stat.S_ISREG(status.st_mode) else None


def _is_path(given: object) -> bool:
    if not isinstance(given, str) or not given.startswith("/") or "\0" in given:
        return False
    return len(given.encode("utf-8", "surrogatepass")) <= PATH_MAX_BYTES


def _name(given: object) -> str:
    try:
        name = given if isinstance(given, str) else ""
        marker.check_name(name)
    except ValueError as exc:
        raise BadField(f"The field 'name' is wrong: {exc}.", HINT) from exc
    return name
