"""Which test reaches which block of the core, measured once and kept.

Kept by test file in ``${SCALEPLEX_CACHE:-~/.cache/scaleplex}/mutation``: each entry names the sources its tests ran and
their digests. It counts no more when the test file or what lies beside it changes; where that is asked for, also when
one of those sources does. Otherwise blocks whose text is the same are found again, wherever they stand now.
"""

import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutation.blocks import Block, around, blocks, noting
from tests.mutation.slot import ROOT, Slot, Verdict

PACKAGES = ("common", "orchestrator", "protocol", "relay", "shim", "worker")
#: Where tests of the core are; those of the translator, of ffmpeg and of whole fleets are too slow to ask each time.
PLACES = ("tests/unit", "tests/integration", "tests/contract", "tests/start", "tests/security", "tests/docs")
NOT_OF_THE_CORE = (
    "tests/unit/translator",
    "tests/unit/demo",
    "tests/unit/suite",
    "tests/unit/ffmpeg",
    "tests/unit/cli/test_",
    "tests/integration/cli",
)
#: Test files that are measured together may take this long.
MEASURED_SECONDS = 600.0
#: Of the kept entries; another number makes all of them void.
_FORMAT = 2
#: Blocks of the core at most; the size of the file of notes.
_ROOM = 1 << 15


@dataclass(frozen=True, slots=True)
class Test:
    """What one test reached.

    Attributes:
        seconds: it took.
        failed: while it was measured.
        reached: for each source, the indices of its blocks; none where all that was reached is another text now.
    """

    name: str
    seconds: float
    failed: bool
    reached: dict[str, frozenset[int]]

    @property
    def file(self) -> str:
        """Its file."""
        return self.name.partition("::")[0]


class Reach:
    """The map; ``measure`` fills in what is missing.

    Args:
        exact: only what was measured with the sources as they are now counts.
    """

    def __init__(self, *, exact: bool = True) -> None:
        self._exact = exact
        self.sources = {path: (ROOT / path).read_text(encoding="utf-8") for path in core_files()}
        self.blocks: dict[str, list[Block]] = {path: blocks(source) for path, source in self.sources.items()}
        self._by_key: dict[str, dict[str, list[int]]] = {}
        for path, found in self.blocks.items():
            for index, block in enumerate(found):
                self._by_key.setdefault(path, {}).setdefault(block.key, []).append(index)
            self._by_key.setdefault(path, {})
        self._digests = {path: _digest(source.encode()) for path, source in self.sources.items()}
        self._kept = kept()
        self._kept.mkdir(parents=True, exist_ok=True)
        self.tests: dict[str, list[Test]] = {}
        for file in test_files():
            if (tests := self._load(file)) is not None:
                self.tests[file] = tests

    def missing(self, sources: Iterable[str]) -> list[str]:
        """Return test files that must be measured for some sources; those of the same packages come first."""
        packages = {path.split("/")[1] for path in sources}
        lacking = [file for file in test_files() if file not in self.tests]
        return sorted(lacking, key=lambda file: (file.split("/")[2] not in packages, "unit" not in file))

    def measure(self, files: Iterable[str], left: Callable[[], float] = lambda: math.inf, jobs: int = 1) -> None:
        """Run test files on sources that note what runs; unit tests of one directory together, which is quicker.

        Args:
            left: seconds that this may still take; what is not done by then is not kept.
            jobs: directories or files at a time.
        """
        batches: dict[str, list[str]] = {}
        for file in files:
            batches.setdefault(str(Path(file).parent) if file.startswith("tests/unit/") else file, []).append(file)
        waiting = list(reversed(batches.values()))

        def work(_: int) -> None:
            with Slot() as slot:
                notes = slot.home / "notes"
                notes.write_bytes(bytes(_ROOM))
                notes.chmod(0o666)
                numbers = self._note(slot, notes)
                while waiting and left() > 0:
                    self._measure(slot, notes, waiting.pop(), numbers, left())

        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(work, range(jobs)))

    def _measure(self, slot: Slot, notes: Path, files: list[str], numbers: list[tuple[str, int]], left: float) -> None:
        notes.write_bytes(bytes(_ROOM))
        reached = slot.home / "reached"
        reached.unlink(missing_ok=True)
        environ = {"SCALEPLEX_NOTES": str(notes), "SCALEPLEX_REACHED": str(reached)}
        limit = min(MEASURED_SECONDS, left)
        verdict, _ = slot.run(files, limit, "-p", "tests.mutation.notes", environ=environ, stop=False)
        if verdict is Verdict.TOO_LONG and limit < MEASURED_SECONDS:
            return
        lines = [json.loads(line) for line in reached.read_text().splitlines()] if reached.exists() else []
        for file in files:
            self._keep(file, [line for line in lines if line["test"].partition("::")[0] == file], numbers)

    def _note(self, slot: Slot, notes: Path) -> list[tuple[str, int]]:
        """Put noting sources into a slot and return what each byte of the notes stands for."""
        numbers: list[tuple[str, int]] = []
        for path, source in self.sources.items():
            slot.write(path, noting(source, str(notes), len(numbers)))
            numbers += [(path, index) for index in range(len(self.blocks[path]))]
        assert len(numbers) <= _ROOM
        return numbers

    def _keep(self, file: str, lines: list[dict[str, Any]], numbers: list[tuple[str, int]]) -> None:
        tests: list[dict[str, Any]] = []
        for found in lines:
            by_source: dict[str, list[str]] = {}
            for number in found["blocks"]:
                path, index = numbers[number]
                by_source.setdefault(path, []).append(self.blocks[path][index].key)
            tests.append({"name": found["test"], "reached": by_source} | {k: found[k] for k in ("seconds", "failed")})
        used = sorted({path for test in tests for path in test["reached"]})
        entry = {"basis": basis(file), "sources": {path: self._digests[path] for path in used}, "tests": tests}
        target = self._place(file)
        target.with_suffix(".part").write_text(json.dumps(entry))
        target.with_suffix(".part").replace(target)
        self.tests[file] = self._load(file) or []

    def _place(self, file: str) -> Path:
        return self._kept / (file.removesuffix(".py").replace("/", "-") + ".json")

    def _load(self, file: str) -> list[Test] | None:
        try:
            entry = json.loads(self._place(file).read_text())
        except (OSError, ValueError):
            return None
        current = {path: self._digests.get(path) for path in entry["sources"]}
        if entry["basis"] != basis(file) or (self._exact and entry["sources"] != current):
            return None
        return [
            Test(
                test["name"],
                test["seconds"],
                test["failed"],
                {path: self._found_again(path, keys) for path, keys in test["reached"].items() if path in self.blocks},
            )
            for test in entry["tests"]
        ]

    def _found_again(self, path: str, keys: list[str]) -> frozenset[int]:
        """Return the blocks of a source that have some keys."""
        return frozenset(index for key in keys for index in self._by_key[path].get(key, ()))

    def tests_of(self, path: str, line: int) -> list[Test]:
        """Return the tests that run what stands on a line of a source: the module's own, then what is done soonest."""
        index = around(self.blocks[path], line)
        wanted = self._users(path, line) if index is None else frozenset([index])
        every = [test for tests in self.tests.values() for test in tests if path in test.reached]
        # Of a block that is new nobody knows who reaches it: then whoever reached its file.
        chosen = [test for test in every if test.reached[path] & wanted] or ([] if self._exact else every)
        if index is None:
            # What a module says outside of functions is also seen by who imports it and calls nothing.
            mentioned = [test for file in self._importers(path) for test in self.tests[file] if test not in chosen]
            chosen += mentioned
        found: dict[str, list[Test]] = {}
        for test in chosen:
            found.setdefault(test.file, []).append(test)
        for tests in found.values():
            tests.sort(key=lambda test: test.seconds)
        package, *_, module = path.removesuffix("/__init__.py").removesuffix(".py").split("/")[1:]

        def order(tests: list[Test]) -> tuple[bool, float]:
            # A module's own tests notice most of its mutants.
            own = tests[0].file.startswith(f"tests/unit/{package}/") and module in tests[0].file
            return not own, sum(test.seconds for test in tests)

        return [test for tests in sorted(found.values(), key=order) for test in tests]

    def _importers(self, path: str) -> list[str]:
        """Return the measured test files that import a module."""
        package, _, name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".").rpartition(".")
        imports = re.compile(
            rf"^\s*(?:from {re.escape(package)}\.{name} import|import {re.escape(package)}\.{name}\b"
            rf"|from {re.escape(package)} import .*\b{name}\b)",
            re.MULTILINE,
        )
        return [file for file in self.tests if imports.search((ROOT / file).read_text(encoding="utf-8"))]

    def _users(self, path: str, line: int) -> frozenset[int]:
        """Return the blocks that use what the module says on a line: by name where it has one there, else all."""
        text = self.sources[path].splitlines()[line - 1]
        name = text.split(" ")[0].split(":")[0] if text[:1].isalpha() else ""
        using = frozenset(n for n, block in enumerate(self.blocks[path]) if name in block.names)
        return using or frozenset(range(len(self.blocks[path])))


def core_files() -> list[str]:
    """Return the sources of the core, below the repository."""
    found = [file for package in PACKAGES for file in sorted((ROOT / "scaleplex" / package).rglob("*.py"))]
    return [str(file.relative_to(ROOT)) for file in found]


def test_files() -> list[str]:
    """Return the test files of the core, below the repository."""
    found = [str(file.relative_to(ROOT)) for place in PLACES for file in sorted((ROOT / place).rglob("test_*.py"))]
    return [file for file in found if not file.startswith(NOT_OF_THE_CORE)]


def basis(file: str) -> str:
    """Return a digest of a test file and of the Python files beside it that are no tests."""
    path = ROOT / file
    beside = [found for found in sorted(path.parent.glob("*.py")) if not found.name.startswith("test_")]
    return f"{_FORMAT} " + _digest(b"".join(found.read_bytes() for found in [path, *beside]))


def _digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()[:16]


def kept() -> Path:
    """Return the directory in the cache."""
    own = os.environ.get("SCALEPLEX_CACHE")
    return Path(own or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scaleplex") / "mutation"
