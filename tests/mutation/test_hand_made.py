"""The lists of mutants made by hand cannot rot: each still applies to the source, and names tests that exist."""

import ast
from pathlib import Path

import pytest

from tests.mutation.hand_made import PACKAGES, HandMade, listed
from tests.mutation.slot import ROOT


@pytest.mark.parametrize("package", PACKAGES)
def test_every_mutant_applies_to_the_source_and_names_tests(package: str) -> None:
    made = listed([package])
    assert [fault for mutant in made for fault in faults(mutant)] == []
    assert len({(mutant.path, mutant.name) for mutant in made}) == len(made)


def faults(mutant: HandMade) -> list[str]:
    """Return what is wrong with an entry."""
    where = f"{mutant.path}: {mutant.name}"
    text = (ROOT / mutant.path).read_text(encoding="utf-8")
    changed = mutant.changed(text)
    if changed is None:
        return [f"{where}: its old text occurs {text.count(mutant.old)} times"]
    found = [] if ast.dump(ast.parse(changed)) != ast.dump(ast.parse(text)) else [f"{where}: it changes nothing"]
    files = [Path(test.partition("::")[0]) for test in mutant.tests]
    return found + [f"{where}: there is no {file}" for file in files if not (ROOT / file).exists()]


def test_a_mutant_whose_text_is_gone_or_doubled_is_a_fault() -> None:
    path = "tests/mutation/hand_made/__init__.py"
    here = ("tests/mutation/test_hand_made.py",)
    assert "occurs 0 times" in faults(HandMade("gone", path, "no such" + " text", "", here))[0]
    assert "changes nothing" in faults(HandMade("a comment", path, "class HandMade:", "class HandMade:  # x", here))[0]
    assert "there is no" in faults(HandMade("no tests", path, "class HandMade:", "class Other:", ("tests/none.py",)))[0]
