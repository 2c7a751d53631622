"""The translator stays light: a worker imports it once, and translates while somebody waits for a picture.

How long it takes is measured by tests/bench; what makes it slow is found here.
"""

import subprocess
import sys

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
