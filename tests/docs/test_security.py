"""Every claim of the security page names a test that exists."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "security.md"
NAMED = re.compile(r"`(?P<file>(?:tests|molecule)/[\w/.-]+)(?:::(?P<test>\w+))?`")


@cache
def functions(file: str) -> frozenset[str]:
    """Return the names of the functions a test module defines."""
    tree = ast.parse((ROOT / file).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def problems(page: str) -> list[str]:
    """Return the rows of the page's table that name no test, or one that is not there."""
    found: list[str] = []
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| claim")]
    assert rows
    for row in rows:
        named = list(NAMED.finditer(row.split("|")[2]))
        if not named:
            found.append(f"names no test: {row}")
        for test in named:
            if not (ROOT / test["file"]).exists():
                found.append(f"there is no {test['file']}")
            elif test["test"] and test["test"] not in functions(test["file"]):
                found.append(f"{test['file']} has no {test['test']}")
    return found


def test_every_claim_of_the_security_page_names_a_test_that_exists() -> None:
    assert problems(PAGE.read_text()) == []


def test_a_claim_without_a_test_is_noticed() -> None:
    page = (
        "| claim | test |\n|---|---|\n"
        "| a | `tests/docs/test_security.py::test_that_is_not` |\n| b | none |\n| c | `tests/no.py` |\n"
    )
    assert problems(page) == [
        "tests/docs/test_security.py has no test_that_is_not",
        "names no test: | b | none |",
        "there is no tests/no.py",
    ]
