"""Run the mutants made by hand: `python -m tests.mutation.hand_made [PACKAGE…] [--name TEXT] [--jobs N]`."""

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from tests.mutation.hand_made import PACKAGES, HandMade, listed
from tests.mutation.slot import ROOT, Slot, Verdict, leave_nothing_when_ended

#: The tests of one mutant may take this long.
TRIED_SECONDS = 300.0


def main() -> int:
    """Return 0 when every mutant is killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.hand_made", description=__doc__)
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=f"of {', '.join(PACKAGES)}; all by default")
    parser.add_argument("--name", default="", metavar="TEXT", help="only mutants whose name or path has this in it")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="mutants tried at a time; 1 by default")
    parser.add_argument("--verbose", action="store_true", help="print what the tests printed")
    arguments = parser.parse_args()
    leave_nothing_when_ended()
    unknown = sorted(set(arguments.packages) - set(PACKAGES))
    if unknown:
        parser.error(f"there is no package {', '.join(unknown)}; there are {', '.join(PACKAGES)}")
    chosen = [m for m in listed(arguments.packages or PACKAGES) if arguments.name in f"{m.path} {m.name}"]
    slots: SimpleQueue[Slot] = SimpleQueue()
    started, said = time.monotonic(), Counter[str]()
    made = [Slot() for _ in range(max(1, arguments.jobs))]
    try:
        for slot in made:
            slots.put(slot)
        with ThreadPoolExecutor(len(made)) as pool:
            fine = dict(zip(names(chosen), pool.map(lambda test: passes(slots, test), names(chosen)), strict=True))
            for mutant, (verdict, output) in zip(
                chosen, pool.map(lambda m: judge(slots, m, fine), chosen), strict=True
            ):
                said[verdict.split(":")[0]] += 1
                print(f"{verdict:9} {mutant.path}: {mutant.name}", flush=True)
                if arguments.verbose:
                    print(output)
    finally:
        for slot in made:
            slot.close()
    print(", ".join(f"{said[key]} {key}" for key in ("killed", "survived", "broken")), end=" ")
    print(f"of {len(chosen)} in {time.monotonic() - started:.0f} s")
    return 0 if said["killed"] == len(chosen) else 1


def names(chosen: list[HandMade]) -> list[str]:
    """Return the tests that some mutants name, each once."""
    return sorted({test for mutant in chosen for test in mutant.tests})


def passes(slots: "SimpleQueue[Slot]", test: str) -> bool:
    """Return whether a test passes with nothing changed."""
    slot = slots.get()
    try:
        verdict, output = slot.run([test], TRIED_SECONDS)
    finally:
        slots.put(slot)
    if verdict is not Verdict.PASSED:
        print(f"{verdict.value} with nothing changed: {test}\n{output}", file=sys.stderr, flush=True)
    return verdict is Verdict.PASSED


def judge(slots: "SimpleQueue[Slot]", mutant: HandMade, fine: dict[str, bool]) -> tuple[str, str]:
    """Return `killed`, `survived` or `broken: why`, and what pytest printed."""
    bad = [test for test in mutant.tests if not fine[test]]
    if bad or not mutant.tests:
        return f"broken: without it, no pass of {', '.join(bad) or 'any test, it names none'}:", ""
    text = mutant.changed((ROOT / mutant.path).read_text(encoding="utf-8"))
    if text is None:
        return "broken: its old text does not occur exactly once:", ""
    slot = slots.get()
    try:
        slot.write(mutant.path, text)
        verdict, output = slot.run(mutant.tests, TRIED_SECONDS)
        slot.restore(mutant.path)
    finally:
        slots.put(slot)
    if verdict is Verdict.NO_TESTS:
        return "broken: pytest could not run its tests:", output
    return "survived" if verdict is Verdict.PASSED else "killed", output


if __name__ == "__main__":
    sys.exit(main())
