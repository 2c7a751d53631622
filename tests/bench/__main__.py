"""Measure, and print a table: ``python -m tests.bench [--json] [--quick] [--only WORD]``."""

import argparse
import os
import sys
from collections.abc import Callable

from tests.bench import ending, memory, segment, starting, translating
from tests.bench.figures import Figure, as_json, as_table
from tests.bench.stand import Stand

ON_THE_STAND: dict[str, Callable[[Stand, bool], list[Figure]]] = {
    "start": lambda stand, quick: starting.one_at_a_time(stand, 10 if quick else 50),
    "many": lambda stand, quick: starting.many_at_once(stand, 20),
    "kill": lambda stand, quick: ending.kill(stand, 5 if quick else 20),
    "down": lambda stand, quick: ending.everything_down(stand, 5 if quick else 20),
    "memory": lambda stand, quick: memory.resident(stand),
}
ALONE: dict[str, Callable[[bool], list[Figure]]] = {
    "translate": lambda quick: translating.translator(),
    "segment": lambda quick: segment.first_segment(3 if quick else 7),
}


def main() -> int:
    """Run the measurements that were asked for; return 1 when a goal was missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--only", action="append", choices=[*ON_THE_STAND, *ALONE], help="may be given several times")
    args = parser.parse_args()
    wanted = args.only or [*ON_THE_STAND, *ALONE]
    figures: list[Figure] = []
    if any(name in ON_THE_STAND for name in wanted):
        with Stand() as stand:
            print("waiting: the first minute of a service is not like the others", file=sys.stderr)
            stand.settle()
            for name, measure in ON_THE_STAND.items():
                if name in wanted:
                    print(f"measuring: {name}", file=sys.stderr)
                    figures += measure(stand, args.quick)
    for name, measure_alone in ALONE.items():
        if name in wanted:
            print(f"measuring: {name}", file=sys.stderr)
            figures += measure_alone(args.quick)
    if args.json:
        print(as_json(figures))
    else:
        load = os.getloadavg()[0]
        print(f"{os.cpu_count()} cores, load {load:.1f}\n\n{as_table(figures)}")
    return int(any(figure.met is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
