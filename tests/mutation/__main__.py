"""Run mutants against the translator's fast tests, or with --core those of the core against theirs.

`python -m tests.mutation [--every N] [MODULE]`; `python -m tests.mutation --core --help`.
"""

import argparse
import importlib
import os
import sys
import time
from collections import Counter
from pathlib import Path

from tests.mutation import core, judge
from tests.mutation.mutants import Mutant, mutants, unchanged

TRANSLATOR = Path(__file__).resolve().parents[2] / "scaleplex" / "translator"
ROOMS = ("plan.py", "backends", "passes")
WANTED = 0.9


def main() -> int:
    """Return 0 when at least nine in ten mutants are noticed."""
    if sys.argv[1:2] == ["--core"]:
        return core.main(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="try every Nth mutant")
    parser.add_argument("module", nargs="*", help="part of a path below scaleplex/translator; all by default")
    arguments = parser.parse_args()
    files = [file for room in ROOMS for file in sorted([TRANSLATOR / room, *(TRANSLATOR / room).glob("*.py")])]
    files = [file for file in files if file.is_file() and file.name != "__init__.py"]
    files = [f for f in files if not arguments.module or any(part in str(f) for part in arguments.module)]
    chosen = [mutant for file in files for mutant in mutants(file)][:: arguments.every]
    judge.prepare()
    for file in files[:1]:
        if not survives(unchanged(file)):
            print("the tests fail with nothing changed; a verdict on mutants would mean nothing", file=sys.stderr)
            return 2
    started, made, killed = time.monotonic(), Counter[str](), Counter[str]()
    for mutant in chosen:
        made[mutant.path.name] += 1
        if survives(mutant):
            print(f"survives: {mutant.name}", flush=True)
        else:
            killed[mutant.path.name] += 1
    for name in made:
        print(f"{killed[name]:5} of {made[name]:5}  {name}")
    share = killed.total() / max(1, made.total())
    seconds = time.monotonic() - started
    print(f"{killed.total()} of {made.total()} mutants noticed ({share:.1%}) in {seconds:.0f} s")
    return 0 if share >= WANTED else 1


def survives(mutant: Mutant) -> bool:
    """Return whether all tests pass with the mutant in place of its module, in a process of its own."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            module = importlib.import_module(judge.module_of(mutant.path))
            judge.exchange(module, compile(mutant.tree, str(mutant.path), "exec"))
            code = 0 if judge.passes(mutant.path.stem) else 1
        except BaseException:
            code = 1
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


if __name__ == "__main__":
    sys.exit(main())
