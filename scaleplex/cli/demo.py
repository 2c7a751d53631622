"""``scaleplex demo``: a whole fleet on this machine plays a clip and seeks in it, without Plex."""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

EPILOG = """examples:
  scaleplex demo             play with DASH and HLS, print what was seen, stay up until Ctrl-C
  scaleplex demo --once      the same, then exit: 0 when everything was right, 1 with the reason otherwise
"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser(
        "demo",
        help="run a fleet on this machine and play a clip through it",
        description="Start a stand-in for Plex, a relay, an orchestrator and two workers on loopback, and play a clip"
        " through them in a headless browser, with a far seek.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--once", action="store_true", help="exit after the table, also on a terminal")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep logs, settings and sessions of the fleet there")
    parser.add_argument("--output", type=Path, metavar="DIR", help="put screenshots and the report there")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show the demo; 0 when everything was right, 1 otherwise, 130 after Ctrl-C."""
    from scaleplex.common.errors import ScaleplexError
    from scaleplex.demo import show

    signal.signal(signal.SIGTERM, leave)
    try:
        return show.run(once=args.once, keep=args.keep, output=args.output)
    except ScaleplexError as error:
        return show.explain(error, lambda line: print(line, file=sys.stderr))
    except KeyboardInterrupt:
        return 130


def leave(number: int, frame: FrameType | None) -> None:
    """End through the ordinary way out, so that nothing is left behind."""
    raise SystemExit(128 + number)
