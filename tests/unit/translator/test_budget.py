"""The translator stays light: a worker imports it once, and translates while somebody waits for a picture."""

import statistics
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from scaleplex.translator import translate
from tests.argvgen import SHAPES, build, matrix
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


@pytest.mark.parametrize("target", ["sw", "vaapi", "nvenc"])
def test_a_command_is_translated_in_less_than_a_millisecond(target: str) -> None:
    commands = [build(shape) for shape in (*SHAPES, *matrix()[::20])]
    site = replace(SITE, burn=True, plex_pass=True)
    taken = []
    for words in commands * 3:
        start = time.thread_time()
        translate(words, {}, None, target, site)
        taken.append(time.thread_time() - start)
    # Time on the processor, which other programs can lengthen but not multiply: 0.4 ms on an idle machine.
    assert statistics.median(taken) < 0.001
    assert statistics.quantiles(taken, n=100)[98] < 0.005


def test_importing_the_translator_costs_less_than_forty_milliseconds() -> None:
    program = "import time; a = time.process_time(); import scaleplex.translator; print(time.process_time() - a)"
    taken = [
        float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)
        for _ in range(7)
    ]
    # Twenty on an idle machine. A busy one shares caches and cores, so the limit is for the best of a few.
    assert min(taken) < 0.040
