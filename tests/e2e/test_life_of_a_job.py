"""What PMS does to a job while it runs: throttle it, kill it on a seek, lose it; and what must not be left of it."""

import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from scaleplex.demo.fleet import Fleet
from scaleplex.demo.measure import kill_times, time_until
from tests.support.client import Client

pytestmark = [pytest.mark.ffmpeg, pytest.mark.xdist_group("fleet")]
FLEET_SETTINGS = {
    "pms_settings": {"SEGMENT_SECONDS": "1", "THROTTLE_BUFFER_SECONDS": "60"},
    # The orchestrator's last look at a worker may still show jobs that were killed since.
    "worker_settings": {"MAX_SESSIONS": "32"},
}

KILLS = 20
GONE_SECONDS = 1.0
SETTLE_SECONDS = 2.0  # contract 12.17: a changed throttle flag has taken effect by then
RECOVER_SECONDS = 60.0  # a loaded machine encodes little faster than real time
LATE_SECONDS = 1.5  # after that the stand-in counts callbacks and files of a killed job as breaches


@pytest.fixture
def client(fleet: Fleet) -> Iterator[Client]:
    client = Client(fleet, "dash", session=str(uuid.uuid4()))
    yield client
    fleet.control(force_throttle=None, overlap_seek=False, throttle_buffer_seconds=60, idle_seconds=180)
    client.stop()


def await_true(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    assert time_until(condition, seconds) < seconds


def speed_over(client: Client, seconds: float) -> float:
    """Return media seconds made per second; the test is about the speed of a real process, so it lets time pass."""
    before = client.jobs()[-1]["announced_seconds"]
    started = time.monotonic()
    time.sleep(seconds)
    made = client.jobs()[-1]["announced_seconds"] - before
    return float(made) / (time.monotonic() - started)


def test_a_throttled_job_falls_below_real_time_and_recovers(fleet: Fleet, client: Client) -> None:
    client.start(videoQualityName="480p")
    client.fetch(0)
    fleet.control(force_throttle=True)
    await_true(lambda: bool(client.jobs()[-1]["throttled"]))
    time.sleep(SETTLE_SECONDS)
    await_true(lambda: speed_over(client, 2.0) < 1.0)
    fleet.control(force_throttle=False)
    await_true(lambda: not client.jobs()[-1]["throttled"])
    await_true(lambda: client.jobs()[-1]["exit_code"] == 0 or speed_over(client, 2.0) > 1.0, RECOVER_SECONDS)
    assert client.violations() == []


def test_a_throttled_job_does_not_report_a_speed(fleet: Fleet, client: Client) -> None:
    client.start(videoQualityName="720p")
    fleet.control(force_throttle=True)
    await_true(lambda: bool(client.jobs()[-1]["throttled"]))
    await_true(lambda: "speed" not in client.jobs()[-1]["progress"])


@pytest.mark.parametrize("overlap", [False, True])
def test_a_seek_leaves_only_the_new_job_running(fleet: Fleet, client: Client, overlap: bool) -> None:
    fleet.control(overlap_seek=overlap, throttle_buffer_seconds=5)
    client.start(videoQualityName="720p")
    client.fetch(0)
    client.fetch(50)
    await_true(lambda: len(fleet.ffmpeg_pids()) <= 1, GONE_SECONDS)
    time.sleep(LATE_SECONDS)
    client.fetch(51)
    assert client.violations() == []
    old, new = client.jobs()
    # With an overlap the fleet may have ended the old job before the server kills it: the new one supersedes it.
    assert old["exit_code"] not in (None, 0)
    assert new["first_number"] == 50


def test_a_stop_ends_ffmpeg_and_removes_every_trace(fleet: Fleet, client: Client) -> None:
    client.start(videoQualityName="720p")
    client.fetch(0)
    client.get("/video/:/transcode/universal/stop", session=client.session)
    await_true(lambda: fleet.ffmpeg_pids() == [], GONE_SECONDS)
    time.sleep(LATE_SECONDS)
    assert client.violations() == []
    assert list((fleet.base / "transcode/Transcode/Sessions").iterdir()) == []


def test_a_client_that_falls_silent_loses_its_transcode(fleet: Fleet, client: Client) -> None:
    client.start(videoQualityName="720p")
    assert fleet.ffmpeg_pids() != []
    fleet.control(idle_seconds=1)
    await_true(lambda: fleet.ffmpeg_pids() == [], 5.0)
    assert client.violations() == []


def test_ffmpeg_is_gone_within_a_second_of_its_shim(fleet: Fleet) -> None:
    assert max(kill_times(fleet, KILLS)) < GONE_SECONDS
