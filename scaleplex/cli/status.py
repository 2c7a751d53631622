"""``scaleplex status``: the fleet and what it runs, asked of an orchestrator."""

import argparse
import json
import os
import sys
from typing import Any

import requests

from scaleplex.common.config import load_secret
from scaleplex.protocol.client import SignedSession

DEFAULT_ORCHESTRATOR = "http://127.0.0.1:32480"
TRY_LATER = 75


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser("status", help="show the workers and which of them runs what")
    parser.add_argument("--orchestrator", metavar="URL", default=DEFAULT_ORCHESTRATOR, help="default: %(default)s")
    parser.add_argument(
        "--secret-file", metavar="FILE", default="/etc/scaleplex/fleet-secret", help="default: %(default)s"
    )
    parser.add_argument("--json", action="store_true", help="print the orchestrator's own answers")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the fleet; return 0, 1 when no worker is ready, 75 when the orchestrator does not answer."""
    environ = {"SCALEPLEX_CLI_SECRET_FILE": args.secret_file} if os.path.exists(args.secret_file) else {}
    session = SignedSession(load_secret(environ, "SCALEPLEX_CLI_"))
    try:
        answers = {name: _get(session, f"{args.orchestrator.rstrip('/')}/{name}") for name in ("workers", "sessions")}
    except requests.RequestException as exc:
        print(f"scaleplex: {args.orchestrator} does not answer: {exc}", file=sys.stderr)
        print("Start it (systemctl start scaleplex-orchestrator) or name another with --orchestrator.", file=sys.stderr)
        return TRY_LATER
    finally:
        session.close()
    workers, sessions = answers["workers"]["workers"], answers["sessions"]["sessions"]
    if args.json:
        print(json.dumps({"workers": workers, "sessions": sessions}, indent=2))
    else:
        print_fleet(workers, sessions)
    return 0 if any(worker["state"] == "ready" for worker in workers) else 1


def print_fleet(workers: list[dict[str, Any]], sessions: list[dict[str, Any]]) -> None:
    """Print one line for each worker and one for each session."""
    print(f"{'WORKER':<36} {'STATE':<10} {'BACKEND':<8} SESSIONS")
    for worker in workers:
        capability = worker.get("capability") or {}
        load = f"{capability.get('sessions', '-')}/{capability.get('max_sessions', '-')}"
        problem = f"  {worker['problem']}" if worker.get("problem") else ""
        print(f"{worker['url']:<36} {worker['state']:<10} {capability.get('backend', '-'):<8} {load}{problem}")
    if sessions:
        print(f"\n{'SESSION':<38} {'JOB':<38} {'KIND':<9} WORKER")
    for session in sessions:
        print(f"{session['session']:<38} {session['job']:<38} {session['kind']:<9} {session['worker']}")


def _get(session: SignedSession, url: str) -> Any:
    answer = session.request("GET", url)
    if answer.status_code != 200:
        raise requests.RequestException(f"{answer.status_code} {answer.text.strip()}")
    return answer.json()
