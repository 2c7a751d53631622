"""``scaleplex drain`` and ``scaleplex undrain``: a worker takes no new jobs, or takes them again."""

import argparse
import json
import sys
import time
from typing import Any

from scaleplex.cli import fleet
from scaleplex.cli.fleet import REFUSED, TRY_LATER, WRONG_USE, CommandError, Fleet, Worker, accepted

LOOK_SECONDS = 1.0
DRAIN_EXAMPLES = """\
examples:
  scaleplex drain worker1 --wait            return when nothing runs there any more
  scaleplex drain http://10.0.0.6:32481 --end    its films start again on other workers, at once
"""
UNDRAIN_EXAMPLES = """\
examples:
  scaleplex undrain worker1                 by its name, as `scaleplex status` shows it
  scaleplex undrain 10.0.0.6 --json         by its host, for programs
"""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both verbs to the command line."""
    drain = _add(verbs, "drain", "let a worker take no new jobs", DRAIN_EXAMPLES)
    drain.description = (
        "Let a worker take no new jobs until it is undrained or restarted. Running ones go on to their end."
        " Exit 0 done, 1 refused, 2 wrong use, 75 nobody answers, or jobs still run when --timeout is over."
    )
    drain.add_argument("--wait", action="store_true", help="return when nothing runs there any more")
    drain.add_argument("--timeout", metavar="SECONDS", type=float, help="with --wait: the longest to wait")
    drain.add_argument("--end", action="store_true", help="end what runs; Plex starts it again on another worker")
    drain.set_defaults(run=run_drain)
    undrain = _add(verbs, "undrain", "let a drained worker take jobs again", UNDRAIN_EXAMPLES)
    undrain.description = (
        "Let a drained worker take jobs again. Exit 0 done, 1 refused, 2 wrong use, 75 nobody answers."
    )
    undrain.set_defaults(run=run_undrain)


def _add(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str, examples: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("worker", metavar="WORKER", help="its name, host or URL")
    fleet.add_arguments(parser)
    return parser


def run_drain(args: argparse.Namespace) -> int:
    """Drain a worker, and wait for it if asked to."""
    if args.timeout is not None and not args.wait:
        raise CommandError("--timeout is the longest that --wait waits.", "Give both, or neither.", WRONG_USE)
    known = fleet.find(args)
    worker = known.find_worker(args.worker)
    body = {"end_running": True} if args.end else None
    capability = accepted(known.ask("POST", worker.url + "/drain", body), f"The worker {worker.title}")
    if args.wait:
        capability = wait(known, worker, capability, args.timeout)
    _print(args, worker, capability)
    return 0


def run_undrain(args: argparse.Namespace) -> int:
    """Let a worker take jobs again."""
    known = fleet.find(args)
    worker = known.find_worker(args.worker)
    _print(args, worker, accepted(known.ask("POST", worker.url + "/undrain"), f"The worker {worker.title}"))
    return 0


def wait(known: Fleet, worker: Worker, capability: dict[str, Any], timeout_seconds: float | None) -> dict[str, Any]:
    """Return a draining worker's capability once nothing runs there.

    Raises:
        CommandError: it no longer drains, does not answer, or still runs jobs after the time-out.
    """
    end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    shown = None
    while capability.get("sessions"):
        if capability.get("state") != "draining":
            raise CommandError(
                f"The worker {worker.title} is {capability.get('state')} again: it was undrained or restarted.",
                "Drain it again if it shall still leave.",
                REFUSED,
            )
        if capability["sessions"] != shown:
            shown = capability["sessions"]
            print(f"scaleplex: {_jobs(shown)} on {worker.title}", file=sys.stderr)
        left = LOOK_SECONDS if end is None else end - time.monotonic()
        if left <= 0:
            raise CommandError(
                f"{_jobs(shown)} on {worker.title} after {timeout_seconds:g} s; it stays drained.",
                "Wait longer, or end them with --end: Plex starts them again on another worker.",
                TRY_LATER,
            )
        time.sleep(min(LOOK_SECONDS, left))
        capability = accepted(known.ask("GET", worker.url + "/capability"), f"The worker {worker.title}")
    return capability


def _print(args: argparse.Namespace, worker: Worker, capability: dict[str, Any]) -> None:
    name, state, sessions = (capability.get(key) for key in ("worker_id", "state", "sessions"))
    if args.json:
        print(json.dumps({"worker": worker.url, "name": name, "state": state, "sessions": sessions}))
    else:
        print(f"{Worker(worker.url, str(name or worker.name)).title} is {state}; {_jobs(sessions)} there.")


def _jobs(number: Any) -> str:
    return "1 job runs" if number == 1 else f"{number or 'no'} jobs run"
