"""A fleet on loopback for each module; ``FLEET_SETTINGS`` in a module changes how it is started."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scaleplex.demo.fleet import Fleet
from scaleplex.demo.media import ensure_library
from scaleplex.demo.tools import ToolMissingError, find_ffmpeg


@pytest.fixture(scope="module")
def fleet(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """A running fleet; whatever it did, none of its processes is left afterwards."""
    try:
        find_ffmpeg()
        ensure_library()
        settings = getattr(request.module, "FLEET_SETTINGS", {})
        if callable(settings):
            settings = settings()
    except ToolMissingError as missing:
        pytest.skip(str(missing))
    with Fleet.running(**settings) as running:
        base = running.base
        yield running
    assert running.ffmpeg_pids() == []
    assert not Path(base).exists()
