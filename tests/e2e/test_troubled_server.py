"""A Plex server that fails, or takes its time, for a while: the film goes on and nothing announced is lost."""

from collections.abc import Iterator

import pytest

from scaleplex.demo.fleet import Fleet
from scaleplex.demo.measure import time_until
from tests.support.client import Client

pytestmark = [pytest.mark.ffmpeg, pytest.mark.xdist_group("fleet")]
FLEET_SETTINGS = {"pms_settings": {"SEGMENT_LIMIT_SECONDS": "15"}}

LAST_NUMBER = 20  # of segments of 3 s in a film of 60.4 s
PATIENCE_SECONDS = 20.0


@pytest.fixture(params=["dash", "hls"])
def client(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[Client]:
    client = Client(fleet, request.param)
    yield client
    fleet.control(slow_callbacks_ms=0, fail_callbacks=False, drop_callbacks=False)
    client.stop()


def watch_to_the_end(client: Client) -> None:
    for number in range(LAST_NUMBER + 1):
        client.fetch(number)


def test_a_server_that_answers_500_for_a_while_loses_no_segment(fleet: Fleet, client: Client) -> None:
    client.start(videoQualityName="240p")
    client.fetch(0)
    fleet.control(fail_callbacks=True)
    time_until(lambda: len(client.jobs()[-1]["callbacks"]) < 0, 1.5)  # let it meet the fault
    fleet.control(fail_callbacks=False)
    watch_to_the_end(client)
    assert client.violations() == []


def test_a_server_that_closes_connections_for_a_while_loses_no_segment(fleet: Fleet, client: Client) -> None:
    client.start(videoQualityName="240p")
    client.fetch(0)
    fleet.control(drop_callbacks=True)
    time_until(lambda: len(client.jobs()[-1]["callbacks"]) < 0, 1.5)
    fleet.control(drop_callbacks=False)
    watch_to_the_end(client)
    assert client.violations() == []


def test_a_slow_server_loses_no_segment(fleet: Fleet, client: Client) -> None:
    client.start(videoQualityName="240p")
    client.fetch(0)
    fleet.control(slow_callbacks_ms=200)
    watch_to_the_end(client)
    fleet.control(slow_callbacks_ms=0)
    assert client.violations() == []
