"""The table of a task's life, every pair of it, and what the exit frame says."""

import itertools

import pytest

from scaleplex.worker import session
from scaleplex.worker.session import Action, Claim, Event, State, describe_exit, is_older, step

PAIRS = list(itertools.product(State, Event))
S, E, A = State, Event, Action

EXPECTED: dict[tuple[State, Event], tuple[State, tuple[Action, ...]]] = {
    (S.STARTING, E.SPAWNED): (S.RUNNING, (A.ANNOUNCE,)),
    (S.STARTING, E.SPAWN_FAILED): (S.ENDED, (A.SEND_EXIT,)),
    (S.STARTING, E.SHIM_GONE): (S.STOPPING, ()),
    (S.STARTING, E.SUPERSEDED): (S.STOPPING, ()),
    (S.STARTING, E.JOB_GONE): (S.STOPPING, ()),
    (S.STARTING, E.REFUSED): (S.STOPPING, ()),
    (S.STARTING, E.UNHEARD): (S.STOPPING, ()),
    (S.STARTING, E.DRAIN): (S.STOPPING, ()),
    (S.STARTING, E.KILL): (S.STOPPING, ()),
    (S.RUNNING, E.EXITED): (S.ENDED, (A.SEND_EXIT,)),
    (S.RUNNING, E.SHIM_GONE): (S.STOPPING, (A.KILL,)),
    (S.RUNNING, E.SUPERSEDED): (S.STOPPING, (A.KILL,)),
    (S.RUNNING, E.JOB_GONE): (S.STOPPING, (A.KILL,)),
    (S.RUNNING, E.REFUSED): (S.STOPPING, (A.KILL,)),
    (S.RUNNING, E.UNHEARD): (S.STOPPING, (A.KILL,)),
    (S.RUNNING, E.DRAIN): (S.STOPPING, (A.KILL,)),
    (S.RUNNING, E.KILL): (S.STOPPING, (A.TERMINATE, A.ARM_GRACE)),
    (S.STOPPING, E.SPAWNED): (S.STOPPING, (A.KILL,)),
    (S.STOPPING, E.SPAWN_FAILED): (S.ENDED, (A.SEND_EXIT,)),
    (S.STOPPING, E.EXITED): (S.ENDED, (A.SEND_EXIT,)),
    (S.STOPPING, E.GRACE_OVER): (S.STOPPING, (A.KILL,)),
    (S.STOPPING, E.SHIM_GONE): (S.STOPPING, (A.KILL,)),
    (S.STOPPING, E.SUPERSEDED): (S.STOPPING, (A.KILL,)),
    (S.STOPPING, E.JOB_GONE): (S.STOPPING, (A.KILL,)),
    (S.STOPPING, E.REFUSED): (S.STOPPING, (A.KILL,)),
    (S.STOPPING, E.UNHEARD): (S.STOPPING, (A.KILL,)),
    (S.STOPPING, E.DRAIN): (S.STOPPING, (A.KILL,)),
}


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=lambda value: value.value)
def test_each_event_in_each_state_does_what_the_table_says_and_nothing_else(state: State, event: Event) -> None:
    assert step(state, event) == EXPECTED.get((state, event), (state, ()))


def test_a_task_that_has_ended_stays_ended() -> None:
    assert all(step(State.ENDED, event) == (State.ENDED, ()) for event in Event)


@pytest.mark.parametrize("first", Event)
@pytest.mark.parametrize("second", Event)
def test_every_history_ends_with_exactly_one_exit_frame_once_the_process_is_gone(first: Event, second: Event) -> None:
    for history in ((first, second, E.SPAWNED, E.EXITED), (E.SPAWNED, first, second, E.EXITED)):
        state, frames = State.STARTING, 0
        for event in (*history, E.SPAWN_FAILED):  # a process that never was ends the rest
            state, actions = step(state, event)
            frames += actions.count(Action.SEND_EXIT)
        assert (state, frames) == (State.ENDED, 1)


def test_the_shims_end_kills_at_once_even_while_an_operator_waits_politely() -> None:
    state, actions = step(State.RUNNING, Event.KILL)
    assert actions == session.POLITELY
    assert step(state, Event.SHIM_GONE)[1] == session.AT_ONCE


def test_a_normal_end_leaves_with_0() -> None:
    end = describe_exit(code=0, signal=None, stopped_by=None)
    assert (end.code, end.reason, end.retry) == (0, "ended", False)


def test_a_stopped_task_never_leaves_with_0() -> None:
    for event in session.STOPS:
        assert describe_exit(code=0, signal=None, stopped_by=event).code != 0


def test_only_a_worker_that_leaves_or_is_not_heard_or_a_task_that_never_ran_asks_for_another_try() -> None:
    others = {Event.DRAIN, Event.REFUSED, Event.UNHEARD}
    assert all(describe_exit(code=None, signal=9, stopped_by=event).retry for event in others)
    assert describe_exit(code=None, signal=None, stopped_by=None, spawn_problem="no such file").retry
    for event in set(session.STOPS) - others:
        assert not describe_exit(code=None, signal=9, stopped_by=event).retry
    assert not describe_exit(code=1, signal=None, stopped_by=None).retry


def test_a_signal_becomes_128_plus_its_number() -> None:
    assert describe_exit(code=None, signal=11, stopped_by=None).code == 139


def test_a_full_disk_is_told_from_other_failures_by_what_ffmpeg_said() -> None:
    said = ("[error] av_interleaved_write_frame(): No space left on device",)
    assert describe_exit(code=228, signal=None, stopped_by=None, last_lines=said).reason == "disk-full"
    assert describe_exit(code=228, signal=None, stopped_by=None).reason == "failed"


def test_an_end_whose_last_callback_was_lost_is_no_success() -> None:
    end = describe_exit(code=0, signal=None, stopped_by=None, callbacks_problem="it was not heard.")
    assert (end.reason, end.code) == ("callback-failed", session.CALLBACK_FAILED_CODE)


def test_what_is_known_of_the_reason_to_stop_is_in_the_exit_frame() -> None:
    end = describe_exit(code=None, signal=9, stopped_by=Event.REFUSED, stop_detail="The relay answered 403.")
    assert (end.reason, end.detail, end.code) == ("callback-refused", "The relay answered 403.", 137)


def test_a_failure_says_what_ffmpeg_said_last() -> None:
    end = describe_exit(code=1, signal=None, stopped_by=None, last_lines=("one", "two", "three", "four"))
    assert "two / three / four" in end.detail
    assert "one" not in end.detail


RUNNING = Claim("s", "video", "job-b", 1, issued_ms=1_000_000, arrived_ms=50_000)


def test_of_one_job_only_a_higher_attempt_is_newer() -> None:
    assert is_older(Claim("s", "video", "job-b", 1, 2_000_000, 60_000), RUNNING)
    assert not is_older(Claim("s", "video", "job-b", 2, 500_000, 50_001), RUNNING)


def test_a_job_that_was_overtaken_on_the_way_is_older() -> None:
    assert is_older(Claim("s", "video", "job-a", 1, 999_900, 50_100), RUNNING)


def test_a_later_job_is_newer_whatever_the_clock_of_its_issuer_says() -> None:
    assert not is_older(Claim("s", "video", "job-c", 1, 990_000, 50_000 + session.REORDER_MS), RUNNING)
    assert not is_older(Claim("s", "video", "job-c", 1, 0, 50_001), RUNNING)
