"""A run of the tests is cut, ordered and judged as promised: pytest itself runs small suites made here."""

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.absences import Absence, kind
from tests.support.suite import part_of

ROOT = Path(__file__).resolve().parents[3]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run pytest on files made for it, with the plugin of this suite."""
    (tmp_path / "conftest.py").write_text("from tests.support.suite import *\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  slow\n  xdist_group(name)\n")

    def run_one(files: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
        path = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        (tmp_path / "conftest.py").write_text(path + "from tests.support.suite import *\n")
        return subprocess.run([*command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)

    return run_one


GROUPED = """\
import os
import pytest

@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("group", [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in "abc"])
def test_one(group, number):
    with open(f"ran-{group}", "a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


def test_each_group_runs_in_one_process_and_not_all_in_the_same(run: Run, tmp_path: Path) -> None:
    done = run({"test_grouped.py": GROUPED}, "-n", "2", "--dist", "loadgroup")
    assert done.returncode == 0, done.stdout + done.stderr
    ran = {name: (tmp_path / f"ran-{name}").read_text().split() for name in "abc"}
    assert {name: len(set(workers)) for name, workers in ran.items()} == {"a": 1, "b": 1, "c": 1}
    assert all(len(workers) == 8 for workers in ran.values())
    assert len({workers[0] for workers in ran.values()}) == 2


SLICED = """\
import pytest

@pytest.mark.slow
@pytest.mark.parametrize("number", range(40))
@pytest.mark.xdist_group("some")
def test_slow(number):
    open(f"slow-{number}-PART", "x").close()

def test_quick():
    open("quick-PART", "x").close()
"""


def test_the_parts_of_the_slow_tests_cover_all_and_share_none(run: Run, tmp_path: Path) -> None:
    for part in range(4):
        done = run({"test_sliced.py": SLICED.replace("PART", str(part))}, "--slow-slice", f"{part}/4")
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(tmp_path.glob("quick-*"))) == 4
    assert sorted(path.name.split("-")[1] for path in tmp_path.glob("slow-*")) == sorted(map(str, range(40)))


def test_xdist_and_one_process_cut_alike() -> None:
    name = "tests/e2e/test_x.py::test_one[a@b::c]"
    assert {part_of(f"{name}@fleet", parts) == part_of(name, parts) for parts in range(2, 30)} == {True}
    assert len({part_of(f"tests/test_x.py::test_one[{n}]", 20) for n in range(500)}) == 20


ORDERED = """\
import pytest

@pytest.mark.parametrize("number", range(20))
def test_one(number):
    with open("order", "a") as file:
        file.write(f"{__name__} {number}\\n")
"""


def test_the_order_follows_the_seed_and_modules_stay_whole(run: Run, tmp_path: Path) -> None:
    files = {f"test_{name}.py": ORDERED for name in "abcd"}
    orders = []
    for arguments in ([], ["--shuffle", "7"], ["--shuffle", "7"], ["--shuffle"]):
        done = run(files, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        orders.append((tmp_path / "order").read_text().splitlines())
        (tmp_path / "order").unlink()
    plain, first, again, other = orders
    assert first == again
    assert len({tuple(plain), tuple(first), tuple(other)}) == 3
    for order in orders:
        assert sorted(order) == sorted(plain)
        modules = [line.split()[0] for line in order]
        assert sum(before != after for before, after in pairwise(modules)) == 3


HOLE = """\
import pytest

def test_a_real_absence():
    pytest.skip("no python3.14 on this machine")

@pytest.mark.skipif(True, reason="a tool nobody installed")
def test_a_hole():
    pass
"""


@pytest.mark.parametrize("spread", [(), ("-n", "2")], ids=["one process", "two"])
def test_a_hole_fails_the_run_and_is_named(run: Run, spread: tuple[str, ...]) -> None:
    done = run({"test_hole.py": HOLE}, "--no-holes", *spread)
    assert done.returncode == 1
    assert "1  test_hole.py: a tool nobody installed" in done.stdout
    assert "1 skipped, HOLE" in done.stdout
    assert "1 skipped, absent here" in done.stdout
    assert run({}, *spread).returncode == 0
    assert run({}, "--no-holes", "-k", "absence", *spread).returncode == 0


def test_a_module_that_skips_itself_is_a_hole_too(run: Run) -> None:
    done = run({"test_whole.py": "import pytest\npytest.skip('no reason', allow_module_level=True)\n"}, "--no-holes")
    assert "1  test_whole.py: no reason" in done.stdout
    assert done.returncode != 0


def test_what_root_may_do_is_no_absence_for_root() -> None:
    assert kind("only root can mount", root=True) is Absence.HOLE
    assert kind("only root can mount", root=False) is Absence.REAL
    assert kind("no recorded command lines: set X", root=True) is Absence.EXTRA
