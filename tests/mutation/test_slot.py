"""A mutant is what every process of its tests runs, and none of those processes is left."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutation import warden
from tests.mutation.slot import Slot, Verdict

PATH = "scaleplex/common/__init__.py"
#: A service as the tests start them: another directory, nothing in the environment.
ASKS = """
import subprocess, sys

def test_asks(tmp_path):
    words = [sys.executable, "-c", "import scaleplex.common as c; print(c.MARK)"]
    assert subprocess.run(words, cwd=tmp_path, env={}, capture_output=True, text=True).stdout == "mutant\\n"
"""


@pytest.fixture(scope="module")
def slot() -> Iterator[Slot]:
    with Slot() as made:
        (made.tree / "tests/test_asks.py").write_text(ASKS)
        yield made
    assert not made.home.exists()


def test_a_process_without_environment_in_another_directory_runs_the_mutant(slot: Slot) -> None:
    slot.write(PATH, "MARK = 'mutant'\n")
    assert slot.run(["tests/test_asks.py"], 60)[0] is Verdict.PASSED
    slot.write(PATH, "MARK = 'second'\n")  # as long as the first, within the same second
    assert slot.run(["tests/test_asks.py"], 60)[0] is Verdict.FAILED
    slot.restore(PATH)
    assert slot.run(["tests/test_asks.py"], 60)[0] is Verdict.FAILED
    assert slot.run(["tests/test_none.py"], 60)[0] is Verdict.NO_TESTS


LEAVES = """
import subprocess, sys, time
orphan = "import time; open('pid', 'w').write(MARK); time.sleep(600)"
subprocess.Popen(["setsid", "--fork", sys.executable, "-c", orphan])
while not __import__("os").path.exists("pid") or not open("pid").read():
    time.sleep(0.01)
END
"""


def words_of(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


@pytest.mark.parametrize(("end", "code"), [("", 0), ("sys.exit(5)", 5), ("time.sleep(600)", None)])
def test_a_process_that_left_the_group_is_ended(tmp_path: Path, end: str, code: int | None) -> None:
    mark = f"orphan-of-{os.getpid()}-{code}"
    program = LEAVES.replace("END", end).replace("MARK", repr(mark).replace('"', ""))
    sink = os.open(tmp_path / "output", os.O_WRONLY | os.O_CREAT)
    seconds = 60.0 if code is not None else 5.0
    assert warden.run([sys.executable, "-c", program], tmp_path, os.environ, sink, seconds) == code
    os.close(sink)
    assert (tmp_path / "pid").read_text() == mark
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if mark in words_of(path)]


def test_a_command_that_a_signal_ended_says_so(tmp_path: Path) -> None:
    sink = os.open(tmp_path / "output", os.O_WRONLY | os.O_CREAT)
    killed = [sys.executable, "-c", "import os; os.kill(os.getpid(), 11)"]
    assert warden.run(killed, tmp_path, os.environ, sink, 60) == -11
    os.close(sink)


@pytest.mark.skipif(os.geteuid() != 0, reason="process ids of one's own needs root")
def test_a_command_cannot_reach_a_process_outside(tmp_path: Path) -> None:
    sink = os.open(tmp_path / "output", os.O_WRONLY | os.O_CREAT)
    program = f"import os; os.kill({os.getpid()}, 0)"
    assert warden.run([sys.executable, "-c", program], tmp_path, os.environ, sink, 60) == 1
    os.close(sink)
    assert "ProcessLookupError" in (tmp_path / "output").read_text()
