"""What the executable watches: all that an interpreter loads from."""

import encodings
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from scaleplex.shim import trial

LIBRARY, PYTHON = "/usr/lib", "/usr/bin/python3"


def test_interpreter_library_and_every_directory_of_a_module_are_watched_once() -> None:
    line = trial.watched(LIBRARY, PYTHON).decode()
    assert line.endswith("\n")
    paths = line.rstrip("\n").split(":")
    here = {str(Path(module.__file__ or "").parent) for module in (os, encodings, trial)}
    assert {LIBRARY, PYTHON, "/usr/bin", *here} <= set(paths)
    assert len(set(paths)) == len(paths)
    assert all(path.startswith("/") and Path(path).exists() for path in paths)


def test_what_is_not_there_or_has_a_colon_is_not_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a:b").mkdir()
    module = ModuleType("odd")
    module.__file__ = str(tmp_path / "a:b/odd.py")
    monkeypatch.setitem(sys.modules, "odd", module)
    line = trial.watched("/nowhere", PYTHON).decode()
    assert "/nowhere" not in line
    assert str(tmp_path) not in line
