"""Mutants made by hand: promises of the code, each broken in one way, and the tests that must notice.

One list for each package. `python -m tests.mutation.hand_made [PACKAGE…]` puts each mutant into a copy of the tree and
runs its tests there.
"""

import importlib
from collections.abc import Iterable
from dataclasses import dataclass

PACKAGES = ("common", "orchestrator", "protocol", "relay", "shim", "worker")


@dataclass(frozen=True, slots=True)
class HandMade:
    """One mutant.

    Attributes:
        name: the promise as it is broken, in a few words.
        path: file below the repository.
        old: exact text of the source; occurs there once.
        new: text in its place.
        tests: files or tests; at least one fails with the mutant.
    """

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]

    def changed(self, text: str) -> str | None:
        """Return the source with the mutant in it; None when the old text does not occur exactly once."""
        return text.replace(self.old, self.new) if text.count(self.old) == 1 else None


def listed(packages: Iterable[str] = PACKAGES) -> list[HandMade]:
    """Return the mutants of some packages."""
    made: list[HandMade] = []
    for package in packages:
        made += importlib.import_module(f"tests.mutation.hand_made.{package}").MUTANTS
    return made
