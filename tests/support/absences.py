"""Which tests may be skipped: what is really absent from a machine. Every other skip is a hole in the run."""

import os
import re
from collections.abc import Iterable
from enum import Enum

#: Beside the project itself: what more is tried when recorded command lines are at hand.
EXTRAS = (r"no recorded command lines", r"the corpus of captured command lines is not beside the checkout")

#: Patterns of reasons that no package `./dev test` installs can take away.
ABSENT = (
    r"no python3\.\d+ on this machine",
    r"PoCL [0-9.~+a-z-]+ has no images of the formats",  # PoCL 6 begins with Debian 13
    r"no OpenCL on the CPU",  # `./dev test` installs PoCL where the release has PoCL 6
    r"a real GPU ",  # said only when SCALEPLEX_TEST_VAAPI names a GPU
    r"cannot mount here",  # root of a container without the capability
)

#: The same for whoever is not root.
NEEDS_ROOT = (r"needs root", r"only root can")


class Absence(Enum):
    """What a skip is."""

    EXTRA = "extra checks left out"
    REAL = "absent here"
    HOLE = "HOLE: not a known absence, see tests/support/absences.py"


def kind(reason: str, *, root: bool = os.geteuid() == 0) -> Absence:
    """Judge the reason of a skip.

    Args:
        root: whether the tests run as root.
    """
    if _any(EXTRAS, reason):
        return Absence.EXTRA
    if _any(ABSENT, reason) or (not root and _any(NEEDS_ROOT, reason)):
        return Absence.REAL
    return Absence.HOLE


def _any(patterns: Iterable[str], text: str) -> bool:
    return any(re.search(pattern, text) for pattern in patterns)
