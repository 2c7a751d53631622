"""The worker a command line is translated for, as options of `scaleplex explain` and `scaleplex replay`."""

import argparse

from scaleplex.translator import Hardware, Site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the target and what it depends on."""
    group = parser.add_argument_group("the worker")
    group.add_argument("--target", default="sw", metavar="BACKEND", help="sw (default), vaapi or nvenc")
    group.add_argument("--driver", default="", metavar="NAME", help="VA driver with --target vaapi: iHD or radeonsi")
    group.add_argument(
        "--plex-pass",
        action="store_true",
        help="the Plex host has a Plex Pass: what asks for software may run in hardware",
    )
    group.add_argument("--follow", action="store_true", help="hardware only where the command uses it")
    group.add_argument("--burn", action="store_true", help="its ffmpeg has inlineass and draws subtitles")


def site(args: argparse.Namespace, callback_base: str | None = None) -> Site:
    """Return the place the options describe."""
    return Site(
        callback_base=callback_base,
        burn=args.burn,
        policy="follow" if args.follow else "force",
        plex_pass=args.plex_pass,
        hardware=Hardware(driver=args.driver),
    )
