"""``scaleplex doctor``: what goes wrong in practice on this host and in its fleet, each with the fix in one sentence.

A check is a function that takes what it needs and returns findings; it prints nothing. ``checks`` is the table of all.
"""

import argparse
import sys
from pathlib import Path

from scaleplex.cli.doctor import accounts, output
from scaleplex.cli.doctor.checks import CHECKS, Check
from scaleplex.cli.doctor.findings import worst
from scaleplex.cli.doctor.host import ROLES, Host, Places, installed_roles, read
from scaleplex.cli.doctor.output import reference
from scaleplex.cli.doctor.running import run_all
from scaleplex.common.config import url as parse_url
from scaleplex.common.errors import ScaleplexError

__all__ = ["add_parser", "reference", "run"]

EXAMPLES = """\
examples:
  scaleplex doctor                          everything that is installed on this host
  scaleplex doctor --only storage --json    one subject, for programs
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "doctor",
        help="find what is wrong on this host and in its fleet",
        description="Check this host and its fleet and print each fix. Nothing is changed. Exit 1 with a problem.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--role", action="append", choices=sorted(ROLES), help="default: what has an env file in the directory of --etc"
    )
    add("--etc", metavar="DIR", type=Path, default=Places().etc, help="default: %(default)s")
    add("--only", metavar="CHECK", action="append", help="a check or a subject, such as storage.space or storage")
    add("--transcode-root", metavar="DIR", type=Path, help="default: the worker's setting, or Plex's")
    add("--relay", metavar="URL", help="the relay as workers reach it; default: as shim.env says")
    add("--may-be-off", metavar="URL", action="append", default=[], help="a worker that is switched off at times")
    add("--plex-user", metavar="NAME", default="plex", help="default: %(default)s")
    add("--plex-dir", metavar="DIR", type=Path, default=Places().plex_directory, help="default: %(default)s")
    add("--plex-preferences", metavar="FILE", type=Path, default=Places().preferences, help="Plex's Preferences.xml")
    add("--worker-user", metavar="NAME", help="default: the user of the unit scaleplex-worker")
    add("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check, print the findings, and return 0, or 1 when there is a problem.

    Raises:
        ScaleplexError: wrong use, or nothing is installed here.
    """
    roles = frozenset(args.role or ()) or installed_roles(args.etc)
    if not roles:
        raise ScaleplexError(
            f"There is no {' or '.join(file for files in ROLES.values() for file in files)} in {args.etc}.",
            "Run this as root on a host with a part of scaleplex, or name one with --role.",
        )
    chosen = choose(args.only, roles)
    places = Places(etc=args.etc, plex_directory=args.plex_dir, preferences=args.plex_preferences)
    host = Host(
        places=places,
        roles=roles,
        plex_user=args.plex_user,
        worker_login=accounts.of_unit("scaleplex-worker", "scaleplex-worker"),
        relay_login=accounts.of_unit("scaleplex-relay", "scaleplex"),
        relay_url=checked_url("--relay", args.relay) if args.relay else "",
        transcode=args.transcode_root,
        may_be_off=frozenset(checked_url("--may-be-off", given) for given in args.may_be_off),
    )
    if args.worker_user:
        host.worker_login = accounts.Login(args.worker_user)
    findings = run_all(chosen, read(host))
    if args.json:
        sys.stdout.write(output.as_json(findings, roles))
    else:
        sys.stdout.write(output.table(findings, roles, colour=sys.stdout.isatty()))
    return 1 if worst(findings) == "problem" else 0


def choose(only: list[str] | None, roles: frozenset[str]) -> list[Check]:
    """Return the checks of the roles, all or those named.

    Raises:
        ScaleplexError: a name is no check's and no subject's.
    """
    for name in only or ():
        if name not in output.SUBJECTS and name not in [check.name for check in CHECKS]:
            raise ScaleplexError(
                f"There is no check {name!r}.",
                f"Subjects are {', '.join(output.SUBJECTS)}; checks are listed in docs/reference/doctor.",
            )
    return [
        check
        for check in CHECKS
        if roles.intersection(check.roles) and (not only or check.name in only or check.name.partition(".")[0] in only)
    ]


def checked_url(option: str, given: str) -> str:
    """Return the URL that an option was given.

    Raises:
        ScaleplexError: it is none.
    """
    try:
        return parse_url(given)
    except ValueError as exc:
        raise ScaleplexError(f"{option} {given} must be {exc}.", "Name the service as other hosts reach it.") from exc
