"""How a run of the tests is cut, ordered and judged; `tests/conftest.py` makes this a plugin of pytest.

* ``--slow-slice K/N``: of the slow tests only part K of N; the quick ones all run. A test's part follows from its name
  alone, so N runs with K from 0 to N - 1 cover all.
* ``--shuffle SEED``: modules in random order, and the tests of each; modules stay whole, since their fixtures are dear.
  Without a seed one is chosen; it is printed.
* ``--no-holes``: a skip that is not a known absence fails the run.
"""

import hashlib
import random
from collections import Counter

import pytest

from tests.support.absences import Absence, kind


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("scaleplex")
    group.addoption("--slow-slice", metavar="K/N", default="", help="of the slow tests only part K of N (from 0)")
    group.addoption("--shuffle", metavar="SEED", type=int, nargs="?", const=-1, help="random order, modules kept whole")
    group.addoption("--no-holes", action="store_true", help="fail on a skip that is not a known absence")


def pytest_configure(config: pytest.Config) -> None:
    # Workers of xdist get the controller's options, so the seed has to be chosen before they start.
    if config.option.shuffle == -1:
        config.option.shuffle = random.SystemRandom().randrange(10**6)
    config.pluginmanager.register(Skips(config), "scaleplex-skips")


def pytest_report_header(config: pytest.Config) -> list[str]:
    options = config.option
    said = [f"shuffled: --shuffle {options.shuffle}"] if options.shuffle is not None else []
    return said + ([f"slow tests: part {options.slow_slice}"] if options.slow_slice else [])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.slow_slice:
        number, _, parts = config.option.slow_slice.partition("/")
        kept = [item for item in items if not _slow(item) or part_of(item.nodeid, int(parts)) == int(number)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept
    if config.option.shuffle is not None:
        items[:] = shuffled(items, config.option.shuffle)


def _slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def part_of(nodeid: str, parts: int) -> int:
    """Return which part a test belongs to.

    Args:
        nodeid: of pytest; what xdist adds for its groups does not count.
    """
    name, at, group = nodeid.rpartition("@")
    name = name if at and "]" not in group and "::" not in group else nodeid
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % parts


def shuffled(items: list[pytest.Item], seed: int) -> list[pytest.Item]:
    """Return the tests with their modules in random order, and in random order within each."""
    order = random.Random(seed)
    modules: dict[str, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(str(item.path), []).append(item)
    names = sorted(modules)
    order.shuffle(names)
    for name in names:
        order.shuffle(modules[name])
    return [item for name in names for item in modules[name]]


class Skips:
    """Counts skips by their reason, prints them, and fails the run on a hole."""

    def __init__(self, config: pytest.Config) -> None:
        self._strict = config.option.no_holes and not hasattr(config, "workerinput")
        self._reasons: Counter[tuple[str, str]] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        said = report.longrepr
        reason = said[2] if isinstance(said, tuple) else str(said)
        self._reasons[report.nodeid.partition("::")[0], reason.removeprefix("Skipped: ")] += 1

    def _holes(self) -> int:
        return sum(count for (_, reason), count in self._reasons.items() if kind(reason) is Absence.HOLE)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for wanted in Absence:
            found = [(key, count) for key, count in self._reasons.items() if kind(key[1]) is wanted]
            if found:
                terminalreporter.section(f"{sum(count for _, count in found)} skipped, {wanted.value}")
            for (path, reason), count in sorted(found):
                terminalreporter.write_line(f"{count:5}  {path}: {reason}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._strict and self._holes() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
