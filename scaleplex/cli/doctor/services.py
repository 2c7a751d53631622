"""The services of this host: settings that parse, the secret, ports that answer, readiness."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

from scaleplex.cli.doctor import accounts
from scaleplex.cli.doctor.accounts import Account, name_of_group, name_of_user
from scaleplex.cli.doctor.findings import Finding, ok, problem, warning
from scaleplex.cli.doctor.host import ROLES, Host, dial
from scaleplex.cli.doctor.survey import ask
from scaleplex.common.config import check_bind
from scaleplex.common.errors import ConfigError

CONNECT_SECONDS = 1.0


def files(host: Host) -> list[Finding]:
    """Return what is wrong with the env files of the roles on this host."""
    found = []
    for role in sorted(host.roles):
        for name in ROLES[role]:
            path = host.places.etc / name
            wrong = host.problems.get(name, [])
            found += [problem(f"{path}: {sentence}", f"Correct {path}; see reference/settings.") for sentence in wrong]
            if not wrong:
                found.append(ok(f"{path} is in order"))
    return found


def secret(host: Host, path: Path) -> list[Finding]:
    """Return whether the fleet secret is there, long enough and hidden."""
    if host.secret_problem:
        return [
            problem(
                host.secret_problem,
                f"Run the doctor as root, and write the fleet's secret into {path}: 16 bytes or more.",
            )
        ]
    if host.secret is None:
        return [
            warning(
                f"there is no fleet secret ({path}): services listen on loopback only",
                f"Write one into {path} on every host, mode 0600, and restart the services.",
            )
        ]
    status = path.stat()
    if status.st_mode & 0o007:
        return [
            problem(
                f"{path} has mode {status.st_mode & 0o7777:o}: everybody on this host can read the fleet secret",
                f"chmod o= {path}, and make a new secret if strangers have accounts here.",
            )
        ]
    owner = f"{name_of_user(status.st_uid)}:{name_of_group(status.st_gid)}"
    return [ok(f"the fleet secret is in {path}, owner {owner}, mode {status.st_mode & 0o7777:o}")]


def shim_secret(named: str, host: Host, account: Account) -> list[Finding]:
    """Return whether Plex's user can read the shim's secret, others cannot, and it is the services' own."""
    if not named:
        if host.secret is None:
            return [ok("neither shim nor services have a secret; right on loopback only")]
        return [problem("the shim has no secret, the services have one", "Set SCALEPLEX_SHIM_SECRET_FILE in shim.env.")]
    path = Path(named)
    if not path.exists():
        return [problem(f"the shim's secret {path} does not exist", f"Copy the fleet secret to {path}.")]
    mode = path.stat().st_mode & 0o7777
    if mode & 0o007:
        return [problem(f"{path} has mode {mode:o}: everybody on this host can read it", f"chmod o= {path}")]
    if not accounts.can(account, "r", named):
        return [
            problem(
                f"{account.name} cannot read {path} (group {name_of_group(path.stat().st_gid)}, mode {mode:o}):"
                " every job runs on the Plex host",
                f"chgrp {name_of_group(account.gid)} {path} && chmod 0640 {path}",
            )
        ]
    if host.secret is None:
        return [problem(f"the shim has a secret ({path}), the services have none", "Give the services the same one.")]
    if path.read_bytes().strip() != host.secret.reveal():
        return [problem(f"{path} holds another secret than the services use", "Copy the fleet secret there.")]
    return [ok(f"{account.name} can read the fleet secret in {path}, others cannot")]


def port(name: str, bind: str, host: Host) -> list[Finding]:
    """Return whether a service listens where its settings say, beyond loopback only with a secret."""
    unit = f"scaleplex-{name}"
    try:
        check_bind(bind, host.secret)
    except ConfigError as exc:
        return [problem(exc.detail.rstrip("."), f"Put the fleet's secret into {host.places.etc}/fleet-secret.")]
    address, _, number = dial(bind).rpartition(":")
    try:
        socket.create_connection((address.strip("[]"), int(number)), CONNECT_SECONDS).close()
    except OSError as exc:
        return [
            problem(
                f"nothing listens on {bind}: {exc.strerror or exc}",
                f"Start it with systemctl start {unit}; journalctl -u {unit} says why it does not.",
            )
        ]
    return [ok(f"{unit} listens on {bind}")]


def ready(name: str, bind: str) -> list[Finding]:
    """Return what a service says of its readiness."""
    reply = ask("GET", f"http://{dial(bind)}/readyz", None)
    if reply.status == 200:
        return [ok(f"scaleplex-{name} is ready")]
    if reply.status == 503:
        draining = "draining" in reply.detail
        say: Callable[[str, str], Finding] = warning if draining else problem
        fix = (
            f"When the work on this host is done: scaleplex undrain http://{dial(bind)}"
            if draining
            else f"Do what it says, then systemctl restart scaleplex-{name}."
        )
        return [say(f"scaleplex-{name} is not ready: {reply.detail}", fix)]
    return [
        problem(
            f"scaleplex-{name} does not answer on {bind}: {reply.detail}",
            f"systemctl restart scaleplex-{name}; journalctl -u scaleplex-{name} says what happens.",
        )
    ]


def pms(url: str) -> list[Finding]:
    """Return whether Plex Media Server answers the relay's host."""
    reply = ask("GET", url + "/identity", None)
    if reply.status is None:
        return [
            problem(
                f"Plex Media Server does not answer on {url}: {reply.error}",
                "Start it (systemctl start plexmediaserver), or correct SCALEPLEX_RELAY_PLEX_URL.",
            )
        ]
    return [ok(f"Plex Media Server answers on {url}")]


def runtime_directory(directory: Path, plex: Account, relay: Account) -> list[Finding]:
    """Return whether shim and relay can both use the runtime directory, and nobody else can."""
    fix = "Run systemd-tmpfiles --create scaleplex-relay.conf; see systemd/tmpfiles.d."
    found = []
    for path in (directory, directory / "jobs"):
        if not path.is_dir():
            return [problem(f"{path} does not exist: every job runs on the Plex host", fix)]
        mode = path.stat().st_mode & 0o7777
        if mode & 0o007:
            found.append(problem(f"{path} has mode {mode:o}: others could read Plex tokens in it", fix))
        if not mode & 0o2000:
            found.append(problem(f"{path} lacks the set-group-ID bit: the relay cannot read job files", fix))
        found += [
            problem(f"{account.name} cannot use {path} (mode {mode:o})", fix)
            for account in (plex, relay)
            if not accounts.can(account, "rwx", str(path))
        ]
    return found or [ok(f"{directory}: {plex.name} and {relay.name} may use it, others may not")]


def readable_settings(path: Path, account: Account) -> list[Finding]:
    """Return whether Plex's user can read the shim's settings."""
    if not os.path.exists(path):
        return [problem(f"{path} does not exist: every job runs on the Plex host", "Run the scaleplex role again.")]
    if not accounts.can(account, "r", str(path)):
        return [
            problem(
                f"{account.name} cannot read {path}: every job runs on the Plex host",
                f"chgrp {name_of_group(account.gid)} {path} && chmod 0640 {path}",
            )
        ]
    return [ok(f"{account.name} can read {path}")]
