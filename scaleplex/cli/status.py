"""``scaleplex status``: the fleet and what it runs, asked of an orchestrator."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from scaleplex.cli import fleet
from scaleplex.cli.doctor.host import PLEX_HOST, Host, Places, read
from scaleplex.relay import history

EXAMPLES = """\
examples:
  sudo scaleplex status                     as the settings of this host say
  scaleplex status --orchestrator http://10.0.0.5:32480 --json    of another fleet, for programs
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "status",
        help="show the workers and which of them runs what",
        description="Show the workers and which of them runs what. Exit 0 with a worker that is ready, 1 without one or"
        " when the orchestrator refuses, 2 wrong use, 75 nobody answers.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fleet.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the fleet; return 0, or 1 when no worker is ready."""
    known = fleet.find(args)
    workers, sessions = known.listed("workers"), known.listed("sessions")
    fallbacks = read_fallbacks(args.etc)
    if args.json:
        shown = [{"event": event, "reason": reason, "jobs": jobs} for event, reason, jobs in fallbacks]
        print(json.dumps({"workers": workers, "sessions": sessions, "fallbacks": shown}, indent=2))
    else:
        print_fleet(workers, sessions)
        print_fallbacks(fallbacks)
    return 0 if any(worker["state"] == "ready" for worker in workers) else 1


def read_fallbacks(etc: Path, now_s: float | None = None) -> list[tuple[str, str, int]]:
    """Return event, reason and number of the jobs of the last seven days that did not stay on a worker.

    The relay keeps them, so only the Plex host has them; elsewhere, and where they cannot be read, there are none.
    """
    relay = read(Host(Places(etc=etc), frozenset({PLEX_HOST}))).relay
    if relay is None:
        return []
    since_s = (time.time() if now_s is None else now_s) - history.DAYS_SECONDS
    try:
        return history.by_reason(history.read(relay.state_dir, int(since_s * 1000)))
    except OSError as exc:
        print(f"scaleplex: {exc.filename} cannot be read: {exc.strerror}; run this as root", file=sys.stderr)
        return []


def print_fallbacks(fallbacks: list[tuple[str, str, int]]) -> None:
    """Print one line for each reason for which jobs left the fleet."""
    if fallbacks:
        print(f"\n{'IN 7 DAYS':<38} {'REASON':<38} JOBS")
    for event, reason, jobs in fallbacks:
        what = "ran on the Plex host" if event == "fallback" else "lost their worker"
        print(f"{what:<38} {reason:<38} {jobs}")


def print_fleet(workers: list[dict[str, Any]], sessions: list[dict[str, Any]]) -> None:
    """Print one line for each worker and one for each session."""
    print(f"{'WORKER':<16} {'URL':<32} {'STATE':<10} {'BACKEND':<8} SESSIONS")
    for worker in workers:
        capability = worker.get("capability") or {}
        load = f"{capability.get('sessions', '-')}/{capability.get('max_sessions', '-')}"
        problem = f"  {worker['problem']}" if worker.get("problem") else ""
        name, backend = capability.get("worker_id", "-"), capability.get("backend", "-")
        print(f"{name:<16} {worker['url']:<32} {worker['state']:<10} {backend:<8} {load}{problem}")
    if not workers:
        print("(no worker is known)")
    if sessions:
        print(f"\n{'SESSION':<38} {'JOB':<38} {'KIND':<9} WORKER")
    for session in sessions:
        print(f"{session['session']:<38} {session['job']:<38} {session['kind']:<9} {session['worker']}")
