"""What the worker counts is there from the start."""

import pytest

from scaleplex.common import errors
from scaleplex.worker.metrics import OUTCOMES, REFUSALS
from scaleplex.worker.session import STOPS, describe_exit


@pytest.mark.parametrize("event", STOPS)
def test_every_stop_has_an_outcome_that_starts_at_0(event: object) -> None:
    assert describe_exit(code=None, signal=9, stopped_by=event).reason in OUTCOMES  # type: ignore[arg-type]


def test_every_end_of_its_own_has_an_outcome_that_starts_at_0() -> None:
    ends = [
        describe_exit(code=0, signal=None, stopped_by=None),
        describe_exit(code=1, signal=None, stopped_by=None),
        describe_exit(code=1, signal=None, stopped_by=None, last_lines=("x: No space left on device",)),
        describe_exit(code=0, signal=None, stopped_by=None, callbacks_problem="it was not heard."),
        describe_exit(code=None, signal=None, stopped_by=None, spawn_problem="no ffmpeg"),
    ]
    assert {end.reason for end in ends} == {"ended", "failed", "disk-full", "callback-failed", "spawn-failed"}
    assert {end.reason for end in ends} <= set(OUTCOMES)


def test_every_refusal_of_a_task_and_nothing_else_starts_at_0() -> None:
    busy = (errors.Full, errors.Starting, errors.Draining, errors.StorageHung)
    wrong = (errors.BadField, errors.BadTicket, errors.Superseded)
    assert sorted(error.code for error in (*errors.Refused.__subclasses__(), *busy, *wrong)) == sorted(REFUSALS)
