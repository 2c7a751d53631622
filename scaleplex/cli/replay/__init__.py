"""``scaleplex replay``: recorded command lines through the translator, and through ffmpeg on generated media."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from scaleplex.cli import place
from scaleplex.cli.recorded import Recorded
from scaleplex.cli.replay import corpus, report, results
from scaleplex.cli.replay.results import CLEANED, CRASHED, PLANNED, UNREADABLE, Result, Results
from scaleplex.cli.replay.running import FAILED, Run, Runner
from scaleplex.common.errors import ScaleplexError
from scaleplex.translator import BackendError, Facts, Site, translate

EXAMPLES = """\
examples:
  scaleplex replay captures/                          which of them are understood, by class
  scaleplex replay captures/ --record before.json     ... and keep what became of them
  scaleplex replay captures/ --run --against before.json    after an update: what changed, what got worse
"""


ANYWHERE = Site()


class Unwritable(ScaleplexError):
    """The results cannot be written."""

    code = "unwritable-results"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "replay",
        help="recorded command lines through the translator, and through ffmpeg",
        description="Translate every command line of a directory, run them on generated media if asked to, and compare"
        " with an earlier run. Exit 1 when something got worse; without an earlier run, when something failed.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help=".json files of one command, .log and .txt of Plex")
    parser.add_argument("--run", action="store_true", dest="execute", help="run those that are planned; takes minutes")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write what became of them there")
    parser.add_argument("--against", type=Path, metavar="FILE", help="compare with what --record wrote earlier")
    parser.add_argument("--json", action="store_true", help="for programs")
    place.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay a directory.

    Returns:
        0 done; 1 something got worse, or without an earlier run something failed; 2 wrong use.
    """
    try:
        return _replay(args)
    except ScaleplexError as exc:
        print(f"scaleplex: {exc.detail}\n{exc.hint}", file=sys.stderr)
        return 2


def _replay(args: argparse.Namespace) -> int:
    old = results.load(args.against) if args.against is not None else None
    runner = _runner() if args.execute else None
    entries: dict[str, Result] = {}
    for name, command in corpus.commands(args.directory):
        if runner is not None and sys.stderr.isatty():
            print(f"\r\x1b[K{len(entries) + 1} {report.visible_block(name)}", end="", file=sys.stderr, flush=True)
        entries[name] = one(command, args.target, runner, place.site(args))
    if runner is not None and sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    found = Results(args.target, entries)
    differences = results.compare(old, found) if old is not None else None
    if args.record is not None:
        _write(args.record, found.to_json())
    print(report.as_json(found, differences) if args.json else report.as_text(found, differences))
    if differences is not None:
        return int(any(difference.worse for difference in differences))
    return int(any(r.ran == FAILED or r.outcome in (UNREADABLE, CRASHED) for r in entries.values()))


def one(command: Recorded | str, target: str, runner: Runner | None, site: Site = ANYWHERE) -> Result:
    """Return what becomes of one command line.

    Raises:
        BackendError: there is no such target.
    """
    if isinstance(command, str):
        return Result("unreadable", UNREADABLE, command)
    site = replace(site, plex_pass=site.plex_pass or command.plex_pass)
    try:
        done = translate(command.argv, command.env, command.source, target, site)
    except BackendError:
        raise
    except Exception as exc:  # the promise is that none comes; one command must not hide the others
        return Result("crashed", CRASHED, f"{type(exc).__name__}: {exc}")
    ran = Run("")
    if runner is not None and done.bail is None:
        ran = runner.run(command.argv, command.env, done.facts, target, site)
    outcome = PLANNED if done.bail is None else CLEANED
    return Result(shape(done.facts), outcome, done.bail or "", done.labels, done.argv, ran.outcome, ran.detail)


def shape(facts: Facts) -> str:
    """Return the class of a job."""
    return f"{facts.kind}/{facts.source_backend}/{facts.subtitle.mode}"


def _runner() -> Runner:
    from scaleplex.demo.tools import cache_dir, find_ffmpeg

    return Runner(find_ffmpeg(), cache_dir() / "replay")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise Unwritable(
            f"{file} cannot be written: {exc.strerror}.", "Name a file in a directory that exists."
        ) from exc
