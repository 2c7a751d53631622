"""What is installed on this host, read from /etc/scaleplex the way the units and the shim read it."""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from scaleplex.cli.doctor import accounts, mounts, plex_preferences
from scaleplex.cli.doctor.accounts import Account, Login
from scaleplex.cli.doctor.findings import Skip
from scaleplex.cli.doctor.survey import Survey, take
from scaleplex.common.config import load, load_secret
from scaleplex.common.errors import ConfigError
from scaleplex.common.log import Secret
from scaleplex.orchestrator.config import PREFIX as ORCHESTRATOR
from scaleplex.orchestrator.config import OrchestratorConfig
from scaleplex.relay.config import PREFIX as RELAY
from scaleplex.relay.config import RelayConfig
from scaleplex.shim import config as shim_config
from scaleplex.worker.config import PREFIX as WORKER
from scaleplex.worker.config import WorkerConfig

T = TypeVar("T")

PLEX_HOST = "plex-host"
WORKER_ROLE = "worker"
ORCHESTRATOR_ROLE = "orchestrator"
ROLES: Mapping[str, tuple[str, ...]] = {
    PLEX_HOST: ("shim.env", "relay.env"),
    WORKER_ROLE: ("worker.env",),
    ORCHESTRATOR_ROLE: ("orchestrator.env",),
}
PLEX_DIRECTORY = Path("/usr/lib/plexmediaserver")
PLEX_PREFERENCES = Path("/var/lib/plexmediaserver/Library/Application Support/Plex Media Server/Preferences.xml")


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie on a host; tests bring their own, with a root of their own for dpkg."""

    etc: Path = Path("/etc/scaleplex")
    plex_directory: Path = PLEX_DIRECTORY
    preferences: Path = PLEX_PREFERENCES
    root: Path = Path("/")
    devices: Path = Path("/dev")
    mountinfo: str = mounts.MOUNTINFO


@dataclass(slots=True)
class Host:
    """One host: its files, the settings found in them, and what is wrong with these.

    Attributes:
        roles: what is installed here.
        given: the variables of each env file that exists, by its name.
        problems: sentences about an env file, by its name.
        plex_user: name of Plex's account.
        worker_login, relay_login: what the units run under.
        relay_url: the relay as workers reach it; empty when this host does not know.
        transcode: named on the command line; None to find it out.
        may_be_off: URLs of workers that the operator switches off.
    """

    places: Places
    roles: frozenset[str]
    plex_user: str = "plex"
    worker_login: Login = Login("scaleplex-worker")
    relay_login: Login = Login("scaleplex")
    relay_url: str = ""
    transcode: Path | None = None
    may_be_off: frozenset[str] = frozenset()
    given: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)
    worker: WorkerConfig | None = None
    relay: RelayConfig | None = None
    orchestrator: OrchestratorConfig | None = None
    shim: shim_config.Config | None = None
    secret: Secret | None = None
    secret_problem: str = ""
    _survey: Survey | None = None
    _survey_lock: threading.Lock = field(default_factory=threading.Lock)

    def worker_config(self) -> WorkerConfig:
        """Return the worker's settings.

        Raises:
            Skip: they cannot be read.
        """
        return _present(self.worker, "worker.env")

    def relay_config(self) -> RelayConfig:
        """Return the relay's settings; raises as ``worker_config``."""
        return _present(self.relay, "relay.env")

    def orchestrator_config(self) -> OrchestratorConfig:
        """Return the orchestrator's settings; raises as ``worker_config``."""
        return _present(self.orchestrator, "orchestrator.env")

    def shim_settings(self) -> shim_config.Config:
        """Return the shim's settings; raises as ``worker_config``."""
        return _present(self.shim, "shim.env")

    def writer(self) -> Account:
        """Return the account that writes into the transcode directory on this host.

        Raises:
            Skip: there is no such account.
        """
        return accounts.find(self.plex_user) if PLEX_HOST in self.roles else self.worker_login.account()

    def transcode_root(self) -> Path:
        """Return the transcode directory: from the command line, the worker's settings, Plex's preferences, or workers.

        Raises:
            Skip: nothing names it, or workers name several.
        """
        if self.transcode is not None:
            return self.transcode
        if WORKER_ROLE in self.roles and self.worker is not None:
            return self.worker.transcode_root
        try:
            named = plex_preferences.transcode_directory(self.places.preferences)
        except Skip:
            named = ""
        if named:
            return Path(named)
        answers = [reply.body for reply in self.survey().storages.values() if reply.status == 200]
        roots = {str(body["transcode_root"]["path"]) for body in answers}
        if len(roots) != 1:
            raise Skip("neither Plex's preferences nor the workers name one transcode directory; use --transcode-root")
        return Path(roots.pop())

    def survey(self) -> Survey:
        """Return what the rest of the fleet answers; it is asked once, whoever comes first."""
        with self._survey_lock:
            if self._survey is None:
                workers, orchestrators = self.urls()
                self._survey = take(workers, orchestrators, self.known_relay(), self.secret)
            return self._survey

    def known_relay(self) -> str:
        """Return the relay's URL as workers reach it, empty when this host does not know it."""
        return self.relay_url or (self.shim.relay_url if self.shim is not None else "")

    def urls(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the URLs of the workers and of the orchestrators that this host's settings name."""
        workers: list[str] = []
        orchestrators: list[str] = []
        if self.shim is not None:
            workers += self.shim.workers
            orchestrators += self.shim.orchestrators
        if self.orchestrator is not None:
            workers += self.orchestrator.workers_list
            orchestrators.append(f"http://{dial(self.orchestrator.bind)}")
        if self.worker is not None:
            orchestrators += self.worker.orchestrators
            workers.append(self.worker.advertise_url or f"http://{dial(self.worker.bind)}")
        return tuple(dict.fromkeys(workers)), tuple(dict.fromkeys(orchestrators))


def installed_roles(etc: Path) -> frozenset[str]:
    """Return the roles whose env files exist."""
    return frozenset(role for role, files in ROLES.items() if any(os.path.isfile(etc / file) for file in files))


def read(host: Host) -> Host:
    """Fill a host's settings in from its files and return it."""
    etc = host.places.etc
    for role in host.roles:
        for name in ROLES[role]:
            _read_file(host, etc / name)
    host.worker = _load(host, "worker.env", WORKER, WorkerConfig)
    host.relay = _load(host, "relay.env", RELAY, RelayConfig)
    host.orchestrator = _load(host, "orchestrator.env", ORCHESTRATOR, OrchestratorConfig)
    if host.worker is not None:
        _note(host, "worker.env", host.worker.check)
    if "shim.env" in host.given:
        host.shim = shim_config.Config(host.given["shim.env"])
        host.problems["shim.env"] += host.shim.problems
    path = secret_file(host)
    try:
        path.stat()
        host.secret = load_secret({"SECRET_FILE": str(path)}, "")
    except FileNotFoundError:
        pass  # a fleet on loopback may have none
    except OSError as exc:
        host.secret_problem = f"{path} cannot be read: {exc.strerror}"
    except ConfigError as exc:
        host.secret_problem = exc.detail.rstrip(".")
    return host


def secret_file(host: Host) -> Path:
    """Return the file of the fleet secret: the one the units load, or the one an env file names."""
    for name, prefix in (("worker.env", WORKER), ("relay.env", RELAY), ("orchestrator.env", ORCHESTRATOR)):
        named = host.given.get(name, {}).get(prefix + "SECRET_FILE")
        if named:
            return Path(named)
    return host.places.etc / "fleet-secret"


def dial(bind: str) -> str:
    """Return the address under which this host reaches a service bound to one."""
    address, _, number = bind.rpartition(":")
    return f"{ {'0.0.0.0': '127.0.0.1', '[::]': '[::1]'}.get(address, address) }:{number}"  # noqa: S104


def _read_file(host: Host, path: Path) -> None:
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as exc:
        host.problems[path.name] = [f"it cannot be read: {exc.strerror}"]
        return
    host.given[path.name], host.problems[path.name] = shim_config.parse(text)


def _load(host: Host, name: str, prefix: str, cls: type[T]) -> T | None:
    if name not in host.given:
        return None
    loaded: list[T] = []
    _note(host, name, lambda: loaded.append(load(cls, prefix, host.given[name])))
    return loaded[0] if loaded else None


def _note(host: Host, name: str, action: Callable[[], Any]) -> None:
    try:
        action()
    except ConfigError as exc:
        host.problems[name] += exc.problems


def _present(config: T | None, file: str) -> T:
    if config is None:
        raise Skip(f"{file} is missing or wrong; see settings.files")
    return config
