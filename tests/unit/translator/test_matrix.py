"""The promises hold for every combination of what Plex may ask for, on every backend."""

from dataclasses import replace

import pytest

from scaleplex.translator import Hardware, translate
from tests.argvgen import build, matrix
from tests.unit.translator import promises
from tests.unit.translator.hardware import all_in_hardware
from tests.unit.translator.helpers import SITE

JOBS = matrix()
WORDS = tuple(build(job) for job in JOBS)

#: The matrix is spread over as many tests as keep several cores busy.
SHARES = 4
SITES = {
    "sw": replace(SITE, burn=True),
    "vaapi": replace(SITE, burn=True, plex_pass=True, hardware=Hardware("/dev/dri/renderD129", "iHD")),
    "nvenc": replace(SITE, burn=True, plex_pass=True, hardware=Hardware("1")),
}


def test_the_matrix_holds_over_two_thousand_commands_that_differ() -> None:
    assert len(set(map(tuple, WORDS))) == len(WORDS) > 2000


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("target", SITES)
def test_the_promises_hold_for_the_whole_matrix(target: str, share: int) -> None:
    site = SITES[target]
    for job, words in list(zip(JOBS, WORDS, strict=True))[share::SHARES]:
        done = translate(words, {}, None, target, site)
        assert done.bail is None, job
        assert all_in_hardware(done), job
        assert promises.broken(words, done, site, target=target) == [], job
