"""The map knows which test reaches what, in services too, and finds blocks again that have moved."""

from pathlib import Path

import pytest

from tests.mutation import reach as reaching
from tests.mutation.reach import Reach

FILE = "tests/unit/common/test_metrics.py"
SOURCE = "scaleplex/common/metrics.py"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCALEPLEX_CACHE", str(tmp_path))
    return tmp_path


def test_what_was_measured_counts_until_the_test_changes_and_where_exact_the_source(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Reach()
    assert FILE in first.missing([SOURCE])
    first.measure([FILE])
    inner = next(block.first for block in first.blocks[SOURCE] if first.tests_of(SOURCE, block.first))
    assert {test.file for test in first.tests_of(SOURCE, inner)} == {FILE}
    assert FILE not in Reach().missing([SOURCE])

    real = Path.read_text

    def moved(path: Path, *args: object, **more: object) -> str:
        text = real(path, *args, **more)  # type: ignore[arg-type]
        return "# one line more\n" + text if str(path).endswith(SOURCE) else text

    monkeypatch.setattr(Path, "read_text", moved)
    assert FILE in Reach().missing([SOURCE])
    loose = Reach(exact=False)
    assert FILE not in loose.missing([SOURCE])
    assert [t.name for t in loose.tests_of(SOURCE, inner + 1)] == [t.name for t in first.tests_of(SOURCE, inner)]

    monkeypatch.setattr(reaching, "basis", lambda file: "the test file is another one")
    assert FILE in Reach(exact=False).missing([SOURCE])


def test_what_stands_outside_of_functions_is_reached_by_whoever_imports_the_module() -> None:
    reach = Reach(exact=False)
    source, file = "scaleplex/worker/policy/grammar.py", "tests/unit/worker/test_grammar.py"
    reach.tests = {file: [reaching.Test(file + "::test_one", 0.1, False, {})]}
    line = next(n for n, text in enumerate(reach.sources[source].splitlines(), 1) if text.startswith("NUMBER:"))
    assert [test.file for test in reach.tests_of(source, line)] == [file]
