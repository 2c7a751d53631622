"""A worker that dies in the middle of a film, through the real chain: what dies with it, and where the film goes on."""

import os
import uuid
from pathlib import Path

import pytest

from scaleplex.demo.fleet import Fleet
from scaleplex.demo.measure import time_until
from scaleplex.demo.processes import Service
from tests.support.client import Client

pytestmark = [pytest.mark.ffmpeg, pytest.mark.xdist_group("fleet")]
FLEET_SETTINGS = {"pms_settings": {"SEGMENT_SECONDS": "1", "THROTTLE_BUFFER_SECONDS": "5"}}
SOON_SECONDS = 5.0
EXIT_LOST_WORKER = 74


def busy_worker(fleet: Fleet) -> Service:
    """Return the worker whose process started the one ffmpeg that runs."""
    (pid,) = fleet.ffmpeg_pids()
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    (worker,) = [one for one in fleet.workers if one.process and one.process.pid == os.getpgid(parent)]
    return worker


def test_a_film_goes_on_elsewhere_when_its_worker_dies(fleet: Fleet) -> None:
    client = Client(fleet, "dash", session=str(uuid.uuid4()))
    client.start(videoQualityName="720p")
    client.fetch(0)
    worker = busy_worker(fleet)

    worker.kill()

    assert time_until(lambda: fleet.ffmpeg_pids() == [], SOON_SECONDS) < SOON_SECONDS
    assert time_until(lambda: client.jobs()[-1]["exit_code"] is not None, SOON_SECONDS) < SOON_SECONDS
    assert client.jobs()[-1]["exit_code"] == EXIT_LOST_WORKER
    for number in (40, 41):  # past what the dead worker had made
        assert all(client.fetch(number))
    after = client.jobs()[-1]
    assert len(client.jobs()) == 2
    assert busy_worker(fleet) is not worker
    assert after["exit_code"] in (None, 0)
    # The first job ended with a failure; the stand-in holds that against nobody but the worker that was killed.
    assert [line for line in client.violations() if not line.startswith("exit-code:")] == []
    client.stop()
    assert time_until(lambda: fleet.ffmpeg_pids() == [], SOON_SECONDS) < SOON_SECONDS
