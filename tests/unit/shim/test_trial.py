"""What the executable watches: all that an interpreter loads from."""

import encodings
import os
from pathlib import Path

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


def test_what_is_not_there_or_has_a_colon_is_not_watched() -> None:
    paths = trial.watched("/nowhere", "/usr/bin/py:thon").decode().rstrip("\n").split(":")
    assert "/nowhere" not in paths
    assert "/usr/bin/py" not in paths
