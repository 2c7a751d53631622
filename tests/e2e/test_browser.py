"""A real player on the whole chain: first picture, a far seek, every frame shown for the time it belongs to."""

from collections.abc import Iterator
from typing import Any

import pytest

from scaleplex.demo import browser
from scaleplex.demo.fleet import Fleet
from scaleplex.demo.players import ensure_players
from scaleplex.demo.show import row_of
from scaleplex.demo.tools import find_chromium

pytestmark = [pytest.mark.browser, pytest.mark.ffmpeg, pytest.mark.xdist_group("fleet")]

FRAMES_PER_SECOND = 24000 / 1001
SEEK_TO_SECONDS = 45.0
WATCH_SECONDS = 2.0
HDR_SEEK_TO_SECONDS = 9.0


def FLEET_SETTINGS() -> dict[str, Any]:
    """Return how the fleet is started; what the browser needs is looked for only when a test is to run."""
    find_chromium()
    return {"players_dir": ensure_players(), "pms_settings": {"THROTTLE_BUFFER_SECONDS": "10"}}


@pytest.fixture
def page(fleet: Fleet) -> Iterator[Any]:
    with browser.open_page(fleet.pms.url) as opened:
        yield opened


@pytest.mark.parametrize("protocol", ["dash", "hls"])
def test_a_film_plays_and_a_far_seek_shows_the_wanted_frames(fleet: Fleet, page: Any, protocol: str) -> None:
    played = browser.play(page, protocol, SEEK_TO_SECONDS, WATCH_SECONDS)
    row = row_of(fleet, played)
    browser.stop(page)
    assert row.holes == []
    # A busy machine drops frames before the first one that is read here; each one read has to be the one of its time.
    for shown, wanted in ((played.start, 0.0), (played.seek, SEEK_TO_SECONDS * FRAMES_PER_SECOND)):
        assert shown.right(protocol)
        assert shown.first_number is not None
        assert wanted - 4 <= shown.first_number < wanted + FRAMES_PER_SECOND
    assert fleet.ffmpeg_pids() == []


def test_an_hdr_film_with_dolby_sound_plays_as_sdr(fleet: Fleet, page: Any) -> None:
    page.evaluate("demo.choose(1)")
    played = browser.play(page, "dash", HDR_SEEK_TO_SECONDS, 1.0)
    row = row_of(fleet, played)
    browser.stop(page)
    assert row.holes == []
