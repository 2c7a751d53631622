"""``scaleplex kill``: ends a job, or all jobs of a session, wherever they run."""

import argparse
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from scaleplex.cli import fleet
from scaleplex.cli.fleet import TRY_LATER, WRONG_USE, CommandError, Fleet, accepted, rows

EXAMPLES = """\
examples:
  scaleplex kill 1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11   one job, as `scaleplex status` lists it
  scaleplex kill f168tc7vl2desp78pov5ktwu --worker worker1   what runs there of a session
"""


@dataclass(frozen=True, slots=True)
class Running:
    """A job and the URL of the worker it runs on."""

    session: str
    job: str
    worker: str


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "kill",
        help="end a job, or all jobs of a session",
        description="End a job, or all jobs of a session. Plex starts the film again if the player still wants it."
        " Exit 0 done, 1 refused, 2 wrong use, 75 nobody answers.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("id", metavar="JOB|SESSION", help="as `scaleplex status` lists them")
    parser.add_argument("--worker", metavar="WORKER", help="only there: its name, host or URL")
    fleet.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """End what the id names; a job that ended meanwhile counts as done."""
    known = fleet.find(args)
    found = [job for job in _everywhere(known, args.worker) if args.id in (job.session, job.job)]
    if not found:
        where = f"the worker {args.worker}" if args.worker else "any worker"
        raise CommandError(
            f"No job or session {args.id} runs on {where}.", "`scaleplex status` lists what runs.", WRONG_USE
        )
    failed: list[CommandError] = []
    ended: list[tuple[Running, str]] = []
    for job in found:
        try:
            ended.append((job, end(known, job)))
        except CommandError as exc:  # the others shall end all the same
            failed.append(exc)
    if args.json:
        jobs = [{"session": j.session, "job": j.job, "worker": j.worker, "outcome": word} for j, word in ended]
        print(json.dumps({"jobs": jobs}))
    for job, word in [] if args.json else ended:
        print(f"{job.job} on {job.worker} {'ends' if word == 'ended' else 'had ended already'}.")
    if failed:
        raise failed[0]
    return 0


def end(known: Fleet, job: Running) -> str:
    """Tell a worker to end a job; return ``ended``, or ``gone`` when it had ended.

    Raises:
        CommandError: the worker refuses or does not answer.
    """
    reply = known.ask("POST", f"{job.worker}/task/{quote(job.job, safe='')}/kill")
    if reply.status == 404:
        return "gone"
    accepted(reply, f"The worker {job.worker}")
    return "ended"


def _everywhere(known: Fleet, worker: str | None) -> list[Running]:
    """Return the jobs of one worker, or of the whole fleet."""
    if worker is not None:
        url = known.find_worker(worker).url
        return _jobs(rows(accepted(known.ask("GET", url + "/tasks"), f"The worker {url}"), "tasks", url), url)
    try:
        return _jobs(known.listed("sessions"), "")
    except CommandError as exc:
        if exc.exit_code != TRY_LATER or not known.workers:
            raise
    replies = [(url, known.ask("GET", url + "/tasks")) for url in known.workers]
    return [job for url, reply in replies if reply.status == 200 for job in _jobs(rows(reply.body, "tasks", url), url)]


def _jobs(listed: list[dict[str, Any]], worker: str) -> list[Running]:
    found = (Running(str(j["session"]), str(j["job"]), worker or str(j["worker"])) for j in listed)
    return list(dict.fromkeys(found))
