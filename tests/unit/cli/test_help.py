"""What every verb's help and every hint promise."""

import argparse
import ast
import re
from functools import cache
from pathlib import Path

import pytest

from scaleplex.cli.main import build_parser
from scaleplex.common import errors

PACKAGE = Path(errors.__file__).parents[1]
RAW_CALL = re.compile(r"\b(GET|POST|PUT|DELETE) /")


def verbs() -> dict[str, argparse.ArgumentParser]:
    actions = build_parser()._actions
    return dict(next(action for action in actions if isinstance(action, argparse._SubParsersAction)).choices)


@pytest.mark.parametrize("verb", sorted(verbs()))
def test_the_help_of_a_verb_shows_two_examples_of_itself(verb: str) -> None:
    text = verbs()[verb].format_help()
    examples = [line for line in text.partition("\nexamples:\n")[2].splitlines() if f"scaleplex {verb}" in line]
    assert len(examples) >= 2


@cache
def hints() -> list[tuple[str, int, str]]:
    """Return every text that says what to do: second argument of errors and findings, file and line."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or len(node.args) < 2:
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in ("problem", "warning", "CommandError") or hasattr(errors, name):
                text = "".join(n.value for n in ast.walk(node.args[1]) if isinstance(n, ast.Constant) and n.value
                               and isinstance(n.value, str))  # fmt: skip
                found.append((str(path.relative_to(PACKAGE)), node.lineno, text))
    return found


def test_no_hint_names_a_raw_request_where_a_command_would_do() -> None:
    assert len(hints()) > 100
    assert [hint for hint in hints() if RAW_CALL.search(hint[2])] == []


def test_a_command_a_hint_names_exists() -> None:
    named = {verb for _, _, text in hints() for verb in re.findall(r"`(?:sudo )?scaleplex ([a-z]+)", text)}
    assert named
    assert named <= set(verbs())
