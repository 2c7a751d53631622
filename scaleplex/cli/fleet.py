"""What ``status``, ``drain``, ``undrain`` and ``kill`` share: who is in the fleet, the secret, a signed question."""

import argparse
import grp
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scaleplex.cli.doctor.host import Host, Places, installed_roles, read, secret_file
from scaleplex.cli.doctor.survey import Reply, ask
from scaleplex.common.config import load_secret
from scaleplex.common.config import url as parse_url
from scaleplex.common.errors import ScaleplexError
from scaleplex.common.log import Secret

DEFAULT_ORCHESTRATOR = "http://127.0.0.1:32480"
REFUSED, WRONG_USE, TRY_LATER = 1, 2, 75
FIELDS = {
    "workers": {"url", "state"},
    "sessions": {"session", "job", "kind", "worker"},
    "tasks": {"session", "job"},
}


class CommandError(ScaleplexError):
    """A verb that could not be carried out; ``exit_code`` says whether it may be tried again."""

    code = "command"

    def __init__(self, detail: str, hint: str, exit_code: int) -> None:
        super().__init__(detail, hint)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as an orchestrator lists it or as it describes itself; ``name`` is empty when it is unknown."""

    url: str
    name: str

    @property
    def title(self) -> str:
        """How it is named to people."""
        return f"{self.name} ({self.url})" if self.name else self.url

    def is_called(self, text: str) -> bool:
        """Return whether a text names this worker: its name, URL, host, or host and port."""
        parts = urlsplit(self.url)
        return text in (self.name, self.url, parts.netloc, parts.hostname)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Where the fleet is, as this host knows it.

    Attributes:
        orchestrators: URLs, asked in this order.
        workers: URLs from the static lists, for when no orchestrator answers.
    """

    orchestrators: tuple[str, ...]
    workers: tuple[str, ...]
    secret: Secret | None

    def ask(self, method: str, url: str, json: object = None) -> Reply:
        """Send one signed request; the reply may be an error."""
        return ask(method, url, self.secret, json=json)

    def listed(self, what: str) -> list[dict[str, Any]]:
        """Return the ``workers`` or ``sessions`` of the first orchestrator that answers.

        Raises:
            CommandError: none answers, or the first one refuses or is no orchestrator.
        """
        silent = []
        for url in self.orchestrators:
            reply = self.ask("GET", f"{url}/{what}")
            if reply.status is not None:
                return rows(accepted(reply, f"The orchestrator {url}"), what, url)
            silent.append(f"{url}: {reply.error}")
        raise CommandError(
            f"No orchestrator answers. {'; '.join(silent)}.",
            "Start it (systemctl start scaleplex-orchestrator), or name another with --orchestrator.",
            TRY_LATER,
        )

    def known_workers(self) -> list[Worker]:
        """Return the workers an orchestrator lists; when none answers, those of the static lists that answer.

        Raises:
            CommandError: nobody answers, or the orchestrator refuses.
        """
        try:
            views = self.listed("workers")
        except CommandError as exc:
            listed = list(self._listed_workers()) if exc.exit_code == TRY_LATER else []
            if not listed:
                raise
            return listed
        return [Worker(str(view["url"]), str((view.get("capability") or {}).get("worker_id", ""))) for view in views]

    def find_worker(self, text: str) -> Worker:
        """Return the worker a text names: a URL, a host, a host and port, or a name.

        Raises:
            CommandError: it names none or several, or nobody can be asked.
        """
        if "://" in text:
            return Worker(_url(text), "")
        known = sorted(self.known_workers(), key=lambda worker: worker.title)
        found = [worker for worker in known if worker.is_called(text)]
        if len(found) == 1:
            return found[0]
        if found:
            raise CommandError(
                f"{text} names {len(found)} workers: {', '.join(worker.title for worker in found)}.",
                "Give the URL of the one you mean.",
                WRONG_USE,
            )
        names = ", ".join(worker.title for worker in known) or "none"
        raise CommandError(f"No worker is called {text}.", f"Known workers: {names}. A URL works as well.", WRONG_USE)

    def _listed_workers(self) -> Iterator[Worker]:
        for url in self.workers:
            reply = self.ask("GET", url + "/capability")
            if reply.status is not None:
                yield Worker(url, str(reply.body.get("worker_id", "")))


def rows(answer: dict[str, Any], what: str, url: str) -> list[dict[str, Any]]:
    """Return a list of an answer whose entries have what this command reads of them.

    Args:
        what: name of the list: ``workers``, ``sessions`` or ``tasks``.

    Raises:
        CommandError: whoever listens there is another service.
    """
    found = answer.get(what)
    if isinstance(found, list) and all(isinstance(row, dict) and FIELDS[what] <= row.keys() for row in found):
        return found
    raise CommandError(
        f"{url} answers, but not with a list of {what}.",
        "Check the URL: orchestrators listen on port 32480, workers on 32481.",
        REFUSED,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every verb that talks to the fleet takes."""
    add = parser.add_argument
    add(
        "--orchestrator",
        metavar="URL",
        action="append",
        help=f"default: as /etc/scaleplex says, or {DEFAULT_ORCHESTRATOR}",
    )
    add("--secret-file", metavar="FILE", type=Path, help="the fleet secret; default: as /etc/scaleplex says")
    add("--etc", metavar="DIR", type=Path, default=Places().etc, help="default: %(default)s")
    add("--json", action="store_true", help="for programs")


def find(args: argparse.Namespace) -> Fleet:
    """Return the fleet that the options and this host's settings name.

    Raises:
        ScaleplexError: a URL is none, or the secret cannot be read.
    """
    host = read(Host(Places(etc=args.etc), installed_roles(args.etc)))
    workers, orchestrators = host.urls()
    if args.orchestrator:
        orchestrators = tuple(_url(text) for text in args.orchestrator)
    files = [args.secret_file] if args.secret_file else [secret_file(host)]
    if not args.secret_file and host.shim is not None and host.shim.secret_file:
        files.append(Path(host.shim.secret_file))
    return Fleet(
        orchestrators or (DEFAULT_ORCHESTRATOR,), workers, read_secret(files, asked_for=bool(args.secret_file))
    )


def read_secret(files: list[Path], *, asked_for: bool) -> Secret | None:
    """Return the secret from the first file that can be read, None when there is none of them.

    Args:
        asked_for: whether the operator named the file, which then has to be there.

    Raises:
        CommandError: a file is there, or should be, and cannot be read; the text says which and how to.
        ConfigError: what it holds is no secret.
    """
    closed: list[Path] = []
    for path in files:
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except FileNotFoundError:
            if asked_for:
                raise CommandError(f"{path} does not exist.", "Name the file of the fleet secret.", WRONG_USE) from None
        except OSError:
            closed.append(path)
        else:
            return load_secret({"SECRET_FILE": str(path)}, "")
    if closed:
        raise CommandError(
            f"The fleet secret cannot be read: you have no right to {' or '.join(map(str, closed))}.",
            f"Run the command as root (sudo scaleplex ...){_or_as_member(closed)}.",
            WRONG_USE,
        )
    return None


def accepted(reply: Reply, who: str) -> dict[str, Any]:
    """Return the body of a good answer.

    Args:
        who: the other side, as a sentence begins.

    Raises:
        CommandError: it refused, did not answer, or asks to come back later.
    """
    if reply.status is None:
        raise CommandError(
            f"{who} does not answer: {reply.error}.",
            "Start its service there, or open its port in the firewall; `scaleplex doctor --only fleet` looks closer.",
            TRY_LATER,
        )
    if 200 <= reply.status < 300:
        return reply.body
    if reply.status == 401:
        raise CommandError(
            f"{who} refuses this host's signature: {reply.detail}",
            "Compare the fleet secret (sha256sum /etc/scaleplex/fleet-secret) and the clocks of both hosts.",
            REFUSED,
        )
    hint = str(reply.body.get("hint") or "Look at its journal.")
    raise CommandError(
        f"{who} answers {reply.status}: {reply.detail}", hint, TRY_LATER if reply.status == 503 else REFUSED
    )


def _url(text: str) -> str:
    try:
        return parse_url(text)
    except ValueError as exc:
        raise CommandError(f"{text} must be {exc}.", "Give it as http://HOST:PORT.", WRONG_USE) from exc


def _or_as_member(files: list[Path]) -> str:
    """Return the groups that may read the files, as the end of a sentence."""
    groups = []
    for path in files:
        try:
            status = path.stat()
            if status.st_mode & 0o040:
                groups.append(f"{grp.getgrgid(status.st_gid).gr_name} ({path})")
        except (OSError, KeyError):
            continue
    return f", or as a member of the group {' or '.join(groups)}" if groups else ""
