"""``scaleplex explain``: what would become of a Plex command line, and why. Runs nothing."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from scaleplex.cli import place, recorded
from scaleplex.cli.explain import report
from scaleplex.common.errors import ScaleplexError
from scaleplex.translator import translate

EXAMPLES = """\
examples:
  scaleplex explain argv.json                          facts, changes, filtergraphs and the resulting command
  scaleplex explain --target sw --svg graph.svg job.log    a line of Plex's log; the filtergraphs as a picture too
  grep 'Job running' 'Plex Media Server.log' | tail -1 | scaleplex explain --json -
"""


class UnwritablePicture(ScaleplexError):
    """The picture cannot be written."""

    code = "unwritable-picture"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "explain",
        help="what would become of a Plex command line",
        description="Translate a command line of Plex's transcoder and say what changed. Nothing is run.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help=f"{recorded.SHAPE}; - for standard input")
    parser.add_argument("--callback-base", metavar="URL", help="what stands in for http://127.0.0.1:PORT in callbacks")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write both filtergraphs there as a picture")
    parser.add_argument("--json", action="store_true", help="for programs")
    place.add_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Explain one command line.

    Returns:
        0 done; 2 the file cannot be read or holds something else, there is no such target, or no place for the picture.
    """
    try:
        _explain(args)
    except ScaleplexError as exc:
        print(f"scaleplex: {exc.detail}\n{exc.hint}", file=sys.stderr)
        return 2
    return 0


def _explain(args: argparse.Namespace) -> None:
    read = recorded.read(args.file)
    site = place.site(args, args.callback_base)
    site = replace(site, plex_pass=site.plex_pass or read.plex_pass)
    done = translate(read.argv, read.env, read.source, args.target, site)
    found = report.Explanation(read, args.target, done, args.callback_base is not None)
    if args.svg is not None:
        write_picture(args.svg, report.as_svg(found))
    print(report.as_json(found) if args.json else report.as_text(found))


def write_picture(file: Path, text: str) -> None:
    """Write the picture.

    Raises:
        UnwritablePicture: it cannot be written there.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise UnwritablePicture(
            f"{file} cannot be written: {exc.strerror}.", "Name a file in a directory that exists."
        ) from exc
