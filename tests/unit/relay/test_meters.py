"""What the relay counts of its shims is there from the start, under the shim's own words."""

import ast
from pathlib import Path

from scaleplex.relay.meters import FALLBACK_REASONS, LOST_REASONS
from scaleplex.shim import main, playback, stub


def hyphenated_words(function: str) -> set[str]:
    """Return the words with a hyphen among the texts of a function of the shim's main module: its reasons."""
    (found,) = [
        node
        for node in ast.walk(ast.parse(Path(main.__file__).read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    words = {node.value for node in ast.walk(found) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {word for word in words if "-" in word and " " not in word}


def test_every_reason_to_fall_back_starts_at_0() -> None:
    reasons = {*hyphenated_words("obstacle_to_handing_over"), *hyphenated_words("hand_over"), *hyphenated_words("main")}
    assert '"reason":"cannot-start"' in stub.SHELL
    assert sorted({*reasons, *main.STAY_LOCAL, "cannot-start"}) == sorted(FALLBACK_REASONS)


def test_every_way_to_lose_a_worker_starts_at_0() -> None:
    calls = [
        node
        for node in ast.walk(ast.parse(Path(playback.__file__).read_text()))
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Name) and node.args[0].id == "LOST"
    ]
    reasons = {playback.UNVERIFIED if isinstance(n.args[1], ast.Name) else ast.literal_eval(n.args[1]) for n in calls}
    assert sorted({*reasons, "shim-fault"}) == sorted(LOST_REASONS)
