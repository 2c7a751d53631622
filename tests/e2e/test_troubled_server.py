"""A Plex server that fails, or takes its time, for a while: the film goes on and nothing announced is lost."""

import time
from collections.abc import Iterator

import pytest

from scaleplex.demo.fleet import Fleet
from tests.support.client import Client

pytestmark = [pytest.mark.ffmpeg, pytest.mark.xdist_group("fleet")]
FLEET_SETTINGS = {"pms_settings": {"SEGMENT_LIMIT_SECONDS": "50"}}

LAST_NUMBER = 20  # of segments of 3 s in a film of 60.4 s
PATIENCE_SECONDS = 60.0
FAULTS = 5  # progress is told twice a second, so a manifest that waits meets some of them


@pytest.fixture(params=["dash", "hls"])
def client(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[Client]:
    client = Client(fleet, request.param)
    yield client
    fleet.control(slow_callbacks_ms=0, fail_callbacks=False, drop_callbacks=False)
    client.stop()


def watch_to_the_end(client: Client) -> None:
    for number in range(LAST_NUMBER + 1):
        client.fetch(number)


def meet(fleet: Fleet, fault: str) -> None:
    """Let callbacks meet a fault of the server, manifests among them, and mend it."""
    fleet.control(**{fault: True, "faults_met": 0})
    deadline = time.monotonic() + PATIENCE_SECONDS
    while int(str(fleet.report()["faults_met"])) < FAULTS:
        assert time.monotonic() < deadline, "nothing met the fault"
        time.sleep(0.02)
    fleet.control(**{fault: False})


@pytest.mark.parametrize("fault", ["fail_callbacks", "drop_callbacks"])
def test_a_server_that_fails_for_a_while_loses_no_segment(fleet: Fleet, client: Client, fault: str) -> None:
    client.start(videoQualityName="240p")
    client.fetch(0)
    meet(fleet, fault)
    watch_to_the_end(client)
    assert client.violations() == []


def test_a_slow_server_loses_no_segment(fleet: Fleet, client: Client) -> None:
    client.start(videoQualityName="240p")
    client.fetch(0)
    fleet.control(slow_callbacks_ms=200)
    watch_to_the_end(client)
    fleet.control(slow_callbacks_ms=0)
    assert client.violations() == []
