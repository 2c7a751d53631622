"""Which answers to a kill mean that the older job is gone."""

import pytest

from scaleplex.common.log import Log
from scaleplex.common.metrics import Metrics
from scaleplex.orchestrator.meters import Meters
from scaleplex.orchestrator.registry import Job
from scaleplex.orchestrator.supersede import Superseder
from tests.integration.relay.service import until
from tests.support.loopback import OneStatus


@pytest.mark.parametrize(
    ("status", "pending", "outcome", "tries"),
    [
        (204, False, "ended", 1),
        (200, True, "ended", 1),
        (404, False, "gone", 1),
        (404, True, "gone", 3),
        (307, False, "failed", 3),
        (401, False, "failed", 3),
        (403, False, "failed", 3),
        (410, False, "failed", 3),
        (500, False, "failed", 3),
        (503, True, "failed", 3),
    ],
)
def test_only_an_answer_that_says_so_ends_the_matter(status: int, pending: bool, outcome: str, tries: int) -> None:
    worker = OneStatus(status)
    meters = Meters(Metrics())
    superseder = Superseder(None, Log("test", "error"), meters, pauses_seconds=(0.0, 0.0, 0.0))
    try:
        superseder.end([Job(worker.url, "s", "old", "video", 1, pending)], "new")
        until(lambda: sum(meters.superseded.value(outcome=word) for word in ("ended", "gone", "failed")) == 1, 30)
        assert meters.superseded.value(outcome=outcome) == 1
        assert worker.asked == ["/task/old/kill"] * tries
    finally:
        superseder.stop()
        worker.down()


def test_the_newer_job_itself_is_never_ended() -> None:
    worker = OneStatus(204)
    meters = Meters(Metrics())
    superseder = Superseder(None, Log("test", "error"), meters, pauses_seconds=(0.0,))
    try:
        jobs = [Job(worker.url, "s", name, "video", 1, pending=False) for name in ("new", "old")]
        superseder.end(jobs, "new")
        until(lambda: meters.superseded.value(outcome="ended") == 1, 30)
        assert worker.asked == ["/task/old/kill"]
    finally:
        superseder.stop()
        worker.down()
