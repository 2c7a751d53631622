"""The translator stays light: a worker imports it once, and translates while somebody waits for a picture."""

import statistics
import subprocess
import sys
import time

from scaleplex.translator import translate
from tests.argvgen import SHAPES, build
from tests.unit.translator.helpers import SITE

#: Modules a pure text translator has no business with, by what they cost or what they could do.
_UNWANTED = {
    "json",
    "logging",
    "asyncio",
    "subprocess",
    "socket",
    "threading",
    "pathlib",
    "decimal",
    "argparse",
    "urllib",
}


def test_importing_the_translator_loads_nothing_heavy() -> None:
    program = "import sys; before = set(sys.modules); import scaleplex.translator; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert _UNWANTED & set(done.stdout.split()) == set()


def test_a_command_is_translated_in_about_a_millisecond() -> None:
    commands = [build(shape) for shape in SHAPES]
    taken = []
    for words in commands * 3:
        start = time.perf_counter()
        translate(words, {}, None, "sw", SITE)
        taken.append(time.perf_counter() - start)
    # Half a millisecond on an idle machine; four times that is a mistake of ours and not load.
    assert statistics.median(taken) < 0.002
