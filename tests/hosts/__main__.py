"""Command line of the test hosts. Needs root and the Debian packages that tests/hosts/run installs.

    base                                  make or find the base tree, print it
    ffmpeg                                the same for the package of our FFmpeg
    debs   [--local FILE] --packages a,b  the same for an archive of packages
    wheels REQUIREMENT...                 the same for a folder of wheels
    image                                 the same for the disk image of uml hosts
    up     SPEC.json [--keep]             bring hosts up (- reads standard input), print where they are
    down   RUN
    exec   [--machine-network] RUN HOST -- COMMAND...
    fault  RUN HOST WHAT [--match EXPRESSION]

SPEC: {"run": "t1", "subnet": "10.99.0.0/24", "controller": "10.99.0.1",      the last two are optional
       "bind": ["/from:/to"], "bind_ro": ["/from:/to"],                       optional, all hosts
       "debs": DIR, "wheels": DIR, "nfs": {"plex:/transcode": DIR},           optional; see nspawn.NFS_STANDIN
       "image_packages": [FILE.deb], "subnet6": "fd99:1::/64",                optional; in the image of uml hosts, and
                                                                              second addresses for nspawn hosts
       "hosts": {"plex": {"address": "10.99.0.10", "cpus": 0.5, "disk": "64m", "bind": [], "bind_ro": []},
                 "storage": {"address": "10.99.0.20", "kind": "uml", "memory": "384M"}}}
"""

import argparse
import json
import os
import sys
from pathlib import Path

from tests.hosts import caches, lifecycle


def parse(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.hosts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("base")
    verbs.add_parser("ffmpeg")
    verbs.add_parser("image")
    debs = verbs.add_parser("debs")
    debs.add_argument("--packages", default="")
    debs.add_argument("--local", action="append", type=Path, default=[])
    verbs.add_parser("wheels").add_argument("requirement", nargs="+")
    up = verbs.add_parser("up")
    up.add_argument("spec")
    up.add_argument("--keep", action="store_true")
    verbs.add_parser("down").add_argument("run")
    execute = verbs.add_parser("exec")
    execute.add_argument("--machine-network", action="store_true")
    execute.add_argument("run")
    execute.add_argument("host")
    execute.add_argument("command", nargs="+")
    fault = verbs.add_parser("fault")
    fault.add_argument("run")
    fault.add_argument("host")
    fault.add_argument("what", choices=lifecycle.FAULTS)
    fault.add_argument("--match", default="")
    return parser.parse_args(words)


def main() -> None:
    """Do what the command line says."""
    args = parse(sys.argv[1:])
    if os.geteuid():
        raise SystemExit("test hosts need root")
    if args.verb == "base":
        print(caches.base())
    elif args.verb == "ffmpeg":
        print(caches.ffmpeg())
    elif args.verb == "image":
        print(caches.image())
    elif args.verb == "debs":
        print(caches.debs([name for name in args.packages.split(",") if name], args.local))
    elif args.verb == "wheels":
        print(caches.wheels(args.requirement))
    elif args.verb == "up":
        text = sys.stdin.read() if args.spec == "-" else Path(args.spec).read_text()
        print(json.dumps(lifecycle.up(json.loads(text), keep=args.keep)))
    elif args.verb == "down":
        lifecycle.down(args.run)
    elif args.verb == "exec":
        argv = lifecycle.execute(args.run, args.host, args.command, machine_network=args.machine_network)
        os.execvp(argv[0], argv)
    elif args.verb == "fault":
        said = lifecycle.fault(args.run, args.host, args.what, args.match)
        if said:
            print(said)


if __name__ == "__main__":
    main()
