"""The ``scaleplex`` command: ``scaleplex VERB [OBJECT] [--option]``.

Results go to stdout, everything else to stderr. Exit 0 done, 1 the check found something or the other
side refused, 2 wrong use, 75 try later.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from scaleplex.cli import demo, doctor, drain, explain, kill, replay, status
from scaleplex.cli.fleet import CommandError
from scaleplex.common.errors import ScaleplexError

EXAMPLES = """\
examples:
  scaleplex explain --target sw argv.json       what would become of a Plex command line
  sudo scaleplex status                         which worker runs what
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; each verb sets ``run``."""
    parser = argparse.ArgumentParser(
        prog="scaleplex",
        description="Lets a Plex Media Server hand every transcode to a fleet of other machines.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"scaleplex {version('scaleplex')}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in (status, drain, kill, doctor, explain, replay, demo):
        verb.add_parser(verbs)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    args = build_parser().parse_args(arguments)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
    except ScaleplexError as exc:
        print(f"scaleplex: {exc.detail}\n{exc.hint}", file=sys.stderr)
        return exc.exit_code if isinstance(exc, CommandError) else 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has left (`| head`): what is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


if __name__ == "__main__":
    sys.exit(main())
