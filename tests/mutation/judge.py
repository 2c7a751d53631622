"""The fast tests of the translator as one function, and a module exchanged under them.

All translator modules are loaded anew after the exchange, since some hold what they imported from others.
"""

import importlib
import importlib.util
import signal
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).resolve().parents[2]
TRIED_SECONDS = 30

UNIT = "tests/unit/translator/"
TESTS = (
    f"{UNIT}test_passes.py",
    f"{UNIT}test_audio.py",
    f"{UNIT}test_globals.py",
    f"{UNIT}test_inputs.py",
    f"{UNIT}test_sw.py",
    f"{UNIT}test_vaapi.py",
    f"{UNIT}test_burns.py",
    f"{UNIT}test_nvenc.py",
    f"{UNIT}test_policy.py",
    f"{UNIT}test_facts.py",
    f"{UNIT}test_labels.py",
    "tests/golden/test_golden.py",
)

#: The tests most likely to notice a module's mutants; the others follow.
FIRST = {
    "audio": "test_audio",
    "vaapi": "test_vaapi",
    "hardware": "test_vaapi",
    "nvenc": "test_nvenc",
    "choice": "test_policy",
    "encoders": "test_vaapi",
    "pictures": "test_sw",
    "sw": "test_sw",
    "base": "test_sw",
    "plan": "test_policy",
}


def prepare() -> None:
    """Import what every mutant needs, so that forks have it."""
    for test in TESTS:
        importlib.import_module(test.removesuffix(".py").replace("/", "."))


def module_of(path: Path) -> str:
    """Return the dotted name of a module of ours."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def exchange(module: ModuleType, code: CodeType) -> None:
    """Load the translator and its tests with other code in place of one module's."""
    changed = module.__name__
    for name in [
        n for n in sys.modules if n.startswith(("scaleplex.translator", "tests.unit.translator", "tests.golden"))
    ]:
        del sys.modules[name]

    class Finder:
        """Hands out the changed code."""

        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> object:
            if name != changed:
                return None
            return importlib.util.spec_from_loader(name, Loader(), origin=module.__file__)

    class Loader:
        """Runs the changed code."""

        @staticmethod
        def create_module(spec: object) -> None:
            return None

        @staticmethod
        def exec_module(made: ModuleType) -> None:
            exec(code, made.__dict__)

    sys.meta_path.insert(0, Finder)  # type: ignore[arg-type]


def passes(stem: str) -> bool:
    """Run the tests until one fails; a mutant that never ends is noticed by the clock.

    pytest would spend ten times as long on collecting them as they take, and these need nothing of it but parameters.

    Args:
        stem: of the module that was exchanged.
    """
    signal.alarm(TRIED_SECONDS)
    likely = FIRST.get(stem, "test_passes")
    for name in sorted(TESTS, key=lambda test: likely not in test):
        module = importlib.import_module(name.removesuffix(".py").replace("/", "."))
        for test in [value for key, value in vars(module).items() if key.startswith("test_") and callable(value)]:
            for arguments in _cases(test):
                test(**arguments)
    return True


def _cases(test: Callable[..., None]) -> Iterator[dict[str, object]]:
    """Yield the arguments of every case `pytest.mark.parametrize` makes of a test."""
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    for chosen in product(*(mark.args[1] for mark in marks)):
        arguments: dict[str, object] = {}
        for mark, value in zip(marks, chosen, strict=True):
            names = [n.strip() for n in mark.args[0].split(",")] if isinstance(mark.args[0], str) else mark.args[0]
            arguments |= dict(zip(names, value if len(names) > 1 else (value,), strict=True))
        yield arguments
