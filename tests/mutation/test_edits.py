"""Mutants of the core are what they say, and the blocks they are in are told apart."""

import ast
import subprocess
import sys
from pathlib import Path

from tests.mutation.base import changed_lines, git
from tests.mutation.blocks import around, blocks, noting
from tests.mutation.edits import edits
from tests.mutation.reach import core_files
from tests.mutation.slot import ROOT

SOURCE = '''\
"""A docstring with 3 in it."""

from __future__ import annotations

LIMIT = 3


class Thing:
    """Another."""

    size: int = 4

    def grow(self, by: int = 1) -> str:
        """And another."""
        if by > LIMIT and not self.size == 9:
            self.size += by
            raise ValueError(f"{by} is more than anybody may ask for, the limit is {LIMIT}")
        else:
            text = f"ö{self.size:>5}/x"
        return text
'''


def test_every_kind_of_change_is_made_once_and_prose_is_left_alone() -> None:
    made = {edit.what: edit for edit in edits("x.py", SOURCE)}
    assert all(edit.valid for edit in made.values())
    assert set(made) == {
        "3 is 4", "4 is 5", "1 is 2", "9 is 10",
        "`by > LIMIT` the other way round", "`self.size == 9` the other way round",
        "`by > LIMIT and (not self.size == 9)` with the other operator", "`not self.size == 9` without not",
        "without `self.size += by`", "without `text = f'ö{self.size:>5}/x'`",
        "without `raise ValueError(f'{by} is more than anybody may ask for, th`",
        "'ö' is something else", "'>5' is something else", "'/x' is something else",
    }  # fmt: skip
    assert made["3 is 4"].diff == ["-LIMIT = 3", "+LIMIT = 4"]
    assert made["'>5' is something else"].diff[1].strip("+ ") == "text = f'ö{self.size:>5x}/x'"
    assert made["without `self.size += by`"].diff[1] == "+            pass"


def test_a_line_belongs_to_the_innermost_block() -> None:
    found = blocks(SOURCE)
    lines = SOURCE.splitlines()

    def at(text: str) -> int | None:
        return around(found, next(n for n, line in enumerate(lines, 1) if text in line))

    assert at("LIMIT = 3") is at("size: int") is at("def grow") is None
    assert len({at("if by"), at("+= by"), at("text = ")}) == 3
    assert at("if by") == at("return text")


def test_a_module_notes_the_blocks_that_run_and_no_other(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.write_bytes(bytes(64))
    (tmp_path / "noted.py").write_text(noting(SOURCE, str(notes), 10))
    program = "import noted; print(noted.Thing().grow(2))"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "ö    4/x\n"
    found = blocks(SOURCE)
    ran = {number - 10 for number, octet in enumerate(notes.read_bytes()) if octet}
    assert ran == {around(found, 15), around(found, 19)}


def test_every_source_of_the_core_can_be_noted_and_changed() -> None:
    for path in core_files():
        source = (ROOT / path).read_text(encoding="utf-8")
        ast.parse(noting(source, "/notes", 0))
        first = next(edits(path, source), None)
        assert first is None or first.valid


def test_what_changed_since_a_commit_is_told_by_line(tmp_path: Path) -> None:
    (tmp_path / "scaleplex").mkdir()
    for name in ("same", "changed", "gone"):
        (tmp_path / f"scaleplex/{name}.py").write_text("a = 1\nb = 2\nc = 3\n")
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    git("init", "--quiet", root=tmp_path)
    git("add", ".", root=tmp_path)
    git(*identity, "commit", "--quiet", "--message", "one", root=tmp_path)
    (tmp_path / "scaleplex/changed.py").write_text("a = 1\nb = 3\nc = 3\nd = 4\n")
    (tmp_path / "scaleplex/gone.py").unlink()
    assert changed_lines("HEAD", tmp_path)["scaleplex/changed.py"] == {2, 4}
    assert "scaleplex/same.py" not in changed_lines("HEAD", tmp_path)
