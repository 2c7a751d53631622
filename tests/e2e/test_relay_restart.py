"""The relay is restarted, or killed, while films play: every segment is announced, in order, and the film ends well.

And when it does not come back, no film ends well. Nothing holds the relay's port here: while it is away, connections
are refused, which is worse than under systemd, where they wait (tests/integration/relay/test_activated.py).
"""

import itertools
import time
from collections.abc import Callable, Iterator

import pytest

from scaleplex.demo.fleet import Fleet
from scaleplex.worker.announcer import FINAL_SECONDS
from scaleplex.worker.reports import LONGEST_END_SECONDS
from scaleplex.worker.session import CALLBACK_FAILED_CODE
from tests.support.client import Client

pytestmark = [pytest.mark.ffmpeg, pytest.mark.xdist_group("relay-restart")]
FLEET_SETTINGS = {
    "workers": 1,
    "worker_settings": {"MAX_SESSIONS": "3"},
    # No throttling: the film of a minute is encoded in a few seconds, and the relay is away for most of them.
    "pms_settings": {"SEGMENT_SECONDS": "1", "SEGMENT_LIMIT_SECONDS": "50", "THROTTLE_BUFFER_SECONDS": "600"},
}
SCHEMES = ("dash", "hls", "hls-mkv")
SEGMENTS = 60  # of a second each, in a film of 60.4 s
PATTERNS = {"dash": "chunk-stream0-*.m4s", "hls": "media-*.ts", "hls-mkv": "media-*.ts"}


@pytest.fixture
def play(fleet: Fleet) -> Iterator[Callable[[str], Client]]:
    clients: list[Client] = []

    def start(scheme: str) -> Client:
        clients.append(Client(fleet, scheme))
        return clients[-1]

    yield start
    for client in clients:
        client.stop()


def wait_for(condition: Callable[[], object], seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def written(fleet: Fleet, client: Client) -> int:
    """Return how many finished segments of a client's session are on the disk."""
    folders = (fleet.base / "transcode/Transcode/Sessions").glob(f"*{client.session}*")
    return sum(len(list(folder.glob(PATTERNS[client.protocol]))) for folder in folders)


def restart(fleet: Fleet, how: str) -> None:
    (fleet.relay.kill if how == "killed" else fleet.relay.stop)()
    fleet.relay.start(fleet.base)


def ended_with(client: Client) -> int | None:
    code: int | None = client.jobs()[-1]["exit_code"]
    return code


MOMENTS = {"at the start": 0, "in the middle": SEGMENTS // 3, "in the last two seconds": SEGMENTS - 2}


# Each takes a film of a minute: the quick tier meets each scheme, each moment and both ways once, the full tier all.
QUICK = {
    ("dash", "in the last two seconds", "killed"),
    ("hls", "in the middle", "stopped"),
    ("hls-mkv", "at the start", "killed"),
}
CASES = [
    pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow)
    for case in itertools.product(SCHEMES, MOMENTS, ("stopped", "killed"))
]


@pytest.mark.parametrize(("scheme", "moment", "how"), CASES)
def test_a_relay_that_is_restarted_costs_no_segment(
    fleet: Fleet, play: Callable[[str], Client], scheme: str, moment: str, how: str
) -> None:
    client = play(scheme)
    client.start(videoQualityName="240p")
    wait_for(lambda: written(fleet, client) >= MOMENTS[moment])
    restart(fleet, how)
    for number in range(SEGMENTS):
        client.fetch(number)
    wait_for(lambda: ended_with(client) is not None)
    assert ended_with(client) == 0
    # While the relay is away nobody hears progress; that is all that may be missing.
    assert [one for one in client.violations() if not one.startswith("progress-gap")] == []
    assert len(client.jobs()) == 1  # Plex did not have to start anew


@pytest.mark.slow
def test_a_relay_that_never_comes_back_is_no_good_end_in_bounded_time(
    fleet: Fleet, play: Callable[[str], Client]
) -> None:
    clients = [play(scheme) for scheme in SCHEMES]
    for client in clients:
        client.start(videoQualityName="240p")
    for client in clients:
        wait_for(lambda client=client: written(fleet, client) >= SEGMENTS // 3)
    fleet.relay.stop()
    try:
        for client in clients:
            wait_for(lambda client=client: written(fleet, client) >= SEGMENTS)
        began = time.monotonic()
        for client in clients:
            wait_for(lambda client=client: ended_with(client) is not None, LONGEST_END_SECONDS + 30)
        # Not before the time in which a relay comes back, whatever this machine does beside it.
        assert time.monotonic() - began > FINAL_SECONDS - 5
        assert [ended_with(client) for client in clients] == [CALLBACK_FAILED_CODE] * len(clients)
    finally:
        fleet.relay.start(fleet.base)
        wait_for(fleet.relay.ready)
