"""Mutants of the core: `python -m tests.mutation --core [--sample N --seed S] [--changed [BASE]] [--budget N] [PART…]`.

Each mutant runs against the tests that reach it, the quickest files first, then against all of those files. What was
tried is kept in a file of JSON lines, so that a run that was ended goes on where it stopped. Nearly all the time goes
into those that survive: a run with a small ``--budget`` finds the few about which a second one asks all tests.
"""

import argparse
import json
import math
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.mutation.base import base, changed_lines
from tests.mutation.edits import Edit, edits
from tests.mutation.reach import Reach, Test, kept
from tests.mutation.slot import Slot, Verdict, leave_nothing_when_ended

#: Share of mutants that must be noticed: of all, and of the few that chance chooses where little changed.
WANTED, WANTED_OF_FEW = 0.92, 0.7
FEW = 20
#: A mutant's tests may take so many times what they took when they were measured, and so much more.
_PATIENCE, _PATIENCE_SECONDS = 3.0, 20.0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a mutant.

    Attributes:
        verdict: `killed`, `survived`, `unreached` by any test, or `invalid`.
        by: the test that noticed, as far as pytest says.
    """

    edit: Edit
    verdict: str
    by: str
    seconds: float

    def line(self) -> str:
        """Return it as JSON."""
        edit = self.edit
        fields = {"key": edit.key, "path": edit.path, "line": edit.line, "what": edit.what, "verdict": self.verdict}
        return json.dumps(fields | {"by": self.by, "seconds": round(self.seconds, 1), "diff": edit.diff})


class Judge:
    """Tries mutants in slots; safe for threads."""

    def __init__(self, reach: Reach, slots: "SimpleQueue[Slot]", budget: float = math.inf) -> None:
        """Make it.

        Args:
            budget: seconds that the tests of a mutant may take together; the quickest are asked.
        """
        self._reach = reach
        self._budget = budget
        self._slots = slots
        self._sound: dict[str, bool] = {}
        self._lock = threading.Lock()

    def __call__(self, edit: Edit) -> Result:
        """Try one mutant."""
        began = time.monotonic()
        slot = self._slots.get()
        try:
            verdict, by = self._judge(slot, edit)
        finally:
            self._slots.put(slot)
        return Result(edit, verdict, by, time.monotonic() - began)

    def _judge(self, slot: Slot, edit: Edit) -> tuple[str, str]:
        if not edit.valid:
            return "invalid", ""
        tests = [test for test in self._reach.tests_of(edit.path, edit.line) if self._is_sound(slot, test)]
        if not tests:
            return "unreached", ""
        quick = list(within(tests, self._budget))
        slot.write(edit.path, edit.text)
        try:
            # What runs in the background may be noted with the test after the one that caused it: then all of its file.
            files = dict.fromkeys(test.file for test in tests)
            fellows = [test for file in files for test in self._reach.tests[file] if not test.failed]
            rest = [test for test in fellows if test not in tests] if len(quick) == len(tests) else []
            for chosen in (quick, list(within(rest, self._budget))):
                limit = _PATIENCE_SECONDS + _PATIENCE * sum(test.seconds for test in chosen)
                verdict, output = slot.run([test.name for test in chosen], limit) if chosen else (Verdict.PASSED, "")
                if verdict is not Verdict.PASSED:
                    return "killed", _who(output) if verdict is Verdict.FAILED else verdict.value
        finally:
            slot.restore(edit.path)
        return "survived", ""

    def _is_sound(self, slot: Slot, test: Test) -> bool:
        """Return whether a test passes with nothing changed; asked of those that failed while they were measured."""
        if not test.failed:
            return True
        with self._lock:
            if test.name not in self._sound:
                verdict, _ = slot.run([test.name], _PATIENCE_SECONDS + _PATIENCE * test.seconds)
                self._sound[test.name] = verdict is Verdict.PASSED
            return self._sound[test.name]


def within(tests: Iterable[Test], budget: float) -> Iterator[Test]:
    """Yield the first tests that take no longer than a budget, in seconds, together."""
    for test in tests:
        budget -= test.seconds
        if budget < 0:
            return
        yield test


def _who(output: str) -> str:
    named = [
        line.split(" ", 1)[1].split(" - ")[0] for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))
    ]
    return named[0] if named else ""


def main(words: list[str]) -> int:
    """Return 0 when enough mutants are noticed."""
    arguments = _parse(words)
    leave_nothing_when_ended()
    began = time.monotonic()

    def left() -> float:
        return math.inf if arguments.seconds is None else began + arguments.seconds - time.monotonic()

    reach = Reach(exact=arguments.changed is None)
    chosen = _changed(reach, arguments) if arguments.changed is not None else _all(reach, arguments)
    if not chosen:
        print("no mutants: nothing of the core changed")
        return 0
    files = {edit.path for edit in chosen}
    if lacking := reach.missing(files):
        print(f"measuring which tests reach what: {len(lacking)} test files", flush=True)
        reach.measure(lacking, left, arguments.jobs)
    if lacking := reach.missing(files):
        print(
            f"the time is over with {len(lacking)} test files still to measure; the next run goes on there: no verdict"
        )
        return 0 if arguments.changed is not None else 2
    results = list(_tried(chosen, reach, arguments, left))
    return _report(results, len(chosen), few=arguments.changed is not None, seconds=time.monotonic() - began)


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev mutants", description=__doc__)
    parser.add_argument("part", nargs="*", help="part of a path below scaleplex; all of the core by default")
    parser.add_argument("--sample", type=int, metavar="N", help="N of them by chance")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the chance; 1 by default")
    parser.add_argument("--changed", nargs="?", const="", metavar="BASE", help="of files changed since a commit")
    parser.add_argument("--seconds", type=float, metavar="N", help="begin no more after so long; 150 with --changed")
    parser.add_argument("--budget", type=float, default=math.inf, metavar="N", help="seconds of tests for each at most")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="tried at a time; 2 by default")
    parser.add_argument("--results", type=Path, metavar="FILE", help="where the lines are; results.jsonl in the cache")
    parser.add_argument("--again", action="store_true", help="try what was tried before")
    arguments = parser.parse_args(words)
    if arguments.changed is not None and arguments.seconds is None:
        arguments.seconds = 150.0
    arguments.results = arguments.results or kept() / "results.jsonl"
    return arguments


def _all(reach: Reach, arguments: argparse.Namespace) -> list[Edit]:
    paths = [path for path in reach.sources if not arguments.part or any(part in path for part in arguments.part)]
    found = [edit for path in paths for edit in edits(path, reach.sources[path])]
    if arguments.sample is None:
        return found
    return random.Random(arguments.seed).sample(found, min(arguments.sample, len(found)))


def _changed(reach: Reach, arguments: argparse.Namespace) -> list[Edit]:
    """Return mutants of the changed files: those of changed lines first, each part in random order."""
    commit = base(arguments.changed)
    lines = {path: changed for path, changed in changed_lines(commit).items() if path in reach.sources}
    found = [edit for path in sorted(lines) for edit in edits(path, reach.sources[path])]
    random.Random(f"{commit}{arguments.seed}").shuffle(found)
    found.sort(key=lambda edit: edit.line not in lines[edit.path])
    print(f"{len(found)} mutants of {len(lines)} files of the core that changed since {commit[:12]}", flush=True)
    return found


def _tried(
    chosen: list[Edit], reach: Reach, arguments: argparse.Namespace, left: Callable[[], float]
) -> Iterator[Result]:
    """Yield the results of mutants, those of an earlier run too."""
    known = {} if arguments.again else _known(arguments.results)
    slots: SimpleQueue[Slot] = SimpleQueue()
    made = [Slot() for _ in range(max(1, arguments.jobs))]
    try:
        for slot in made:
            slots.put(slot)
        judge = Judge(reach, slots, arguments.budget)

        def tried(edit: Edit) -> Result | None:
            if (before := known.get(edit.key)) is not None:
                return Result(edit, before["verdict"], before["by"], 0.0)
            return judge(edit) if left() > 0 else None

        with ThreadPoolExecutor(len(made)) as pool, arguments.results.open("a") as file:
            for result in pool.map(tried, chosen):
                if result is None:
                    continue
                if result.edit.key not in known:
                    file.write(result.line() + "\n")
                    file.flush()
                    print(f"{result.verdict:9} {result.edit.path}:{result.edit.line} {result.edit.what}", flush=True)
                yield result
    finally:
        for slot in made:
            slot.close()


def _known(file: Path) -> dict[str, dict[str, str]]:
    """Return what was killed before; a survivor is tried again, since tests may have been added."""
    lines = file.read_text().splitlines() if file.exists() else []
    return {found["key"]: found for found in map(json.loads, lines) if found["verdict"] in ("killed", "invalid")}


def _report(results: Iterable[Result], chosen: int, *, few: bool, seconds: float) -> int:
    judged = [result for result in results if result.verdict != "invalid"]
    lived = [result for result in judged if result.verdict != "killed"]
    for result in sorted(lived, key=lambda found: (found.edit.path, found.edit.line)):
        print(f"\n{result.verdict}: {result.edit.path}:{result.edit.line} {result.edit.what}")
        print("\n".join(f"    {line}" for line in result.edit.diff))
    total, dead = Counter[str](), Counter[str]()
    for result in judged:
        package = result.edit.path.split("/")[1]
        total[package] += 1
        dead[package] += result.verdict == "killed"
    print()
    for package in sorted(total):
        print(f"{dead[package]:5} of {total[package]:5}  {package}")
    share = dead.total() / max(1, total.total())
    print(f"{dead.total()} of {total.total()} mutants noticed ({share:.1%}), {chosen} chosen, in {seconds:.0f} s")
    if few:
        if total.total() < FEW:
            print(f"fewer than {FEW}: no verdict")
            return 0
        return 0 if share >= WANTED_OF_FEW else 1
    return 0 if share >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
