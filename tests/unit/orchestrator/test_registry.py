"""What is believed of a worker, and until when."""

from dataclasses import replace

import pytest

from scaleplex.orchestrator.registry import ARRIVAL_SECONDS, PENDING_SECONDS, SESSIONS_REMEMBERED, Job, Registry
from scaleplex.orchestrator.scheduler import Candidate
from scaleplex.protocol.messages import Capability, PlacementRequest, RunningTask

A, B = "http://10.0.0.1:32481", "http://10.0.0.2:32481"
STALE_SECONDS = 7.0


@pytest.fixture
def registry() -> Registry:
    registry = Registry(STALE_SECONDS)
    registry.vouch("list", [A, B])
    return registry


def capability(*tasks: RunningTask, state: str = "ready", max_sessions: int = 4) -> Capability:
    return Capability("w", "1", state, "sw", len(tasks), max_sessions, encoders=("libx264",), tasks=tasks)


def task(job: str, session: str = "s", kind: str = "video") -> RunningTask:
    return RunningTask(session, job, kind, 1)


def request(job: str = "j1", session: str = "s", kind: str = "video", attempt: int = 1) -> PlacementRequest:
    return PlacementRequest(session, job, attempt, kind)


def seen(registry: Registry, url: str = A, now_s: float = 0.0, wanted: PlacementRequest | None = None) -> Candidate:
    return next(c for c in registry.candidates(wanted or request("new", "other"), now_s) if c.url == url)


def load(registry: Registry, url: str = A, now_s: float = 0.0) -> int:
    """Return the jobs a worker has shown and those it is about to have."""
    candidate = seen(registry, url, now_s)
    return candidate.sessions + candidate.expected


def test_a_worker_is_not_believed_before_it_has_answered(registry: Registry) -> None:
    assert seen(registry).problem == "never heard of: not asked yet"
    registry.heard(A, capability(), 0.0, 0.0)
    assert seen(registry).problem is None


def test_a_refused_connection_ends_belief_at_once_and_an_answer_restores_it(registry: Registry) -> None:
    registry.heard(A, capability(), 0.0, 0.0)
    registry.failed(A, "connection refused", refused=True)
    assert seen(registry, now_s=0.1).problem == "lost: connection refused"
    registry.heard(A, capability(), 0.2, 0.2)
    assert seen(registry, now_s=0.3).problem is None


def test_one_answer_that_stays_away_is_forgiven_and_a_second_is_not(registry: Registry) -> None:
    registry.heard(A, capability(), 0.0, 0.0)
    registry.failed(A, "no answer in time", refused=False)
    assert seen(registry, now_s=1.0).problem is None
    registry.failed(A, "no answer in time", refused=False)
    assert seen(registry, now_s=2.0).problem == "lost: no answer in time"


def test_a_silent_worker_is_not_believed_for_ever(registry: Registry) -> None:
    registry.heard(A, capability(), 0.0, 0.0)
    assert seen(registry, now_s=STALE_SECONDS).problem is None
    assert seen(registry, now_s=STALE_SECONDS + 0.1).problem == "silent for 7 s"


def test_a_worker_leaves_when_no_source_vouches_for_it_any_more() -> None:
    registry = Registry(STALE_SECONDS)
    registry.vouch("list", [A])
    registry.vouch("dns", [A, B])
    assert registry.urls(0.0) == [A, B]
    registry.vouch("dns", [])
    assert registry.urls(0.0) == [A]


def test_a_registration_lasts_as_long_as_its_ttl_and_may_be_renewed() -> None:
    registry = Registry(60.0)
    registry.register(A, capability(), until_s=10.0, now_s=0.0)
    assert registry.urls(9.9) == [A]
    registry.register(A, capability(), until_s=19.0, now_s=9.0)
    assert registry.urls(18.9) == [A]
    assert registry.urls(19.0) == []


def test_sources_of_one_url_are_one_worker() -> None:
    registry = Registry(STALE_SECONDS)
    registry.vouch("list", [A])
    registry.register(A, capability(), until_s=10.0, now_s=0.0)
    assert [(view.url, view.source) for view in registry.views(0.0)] == [(A, "list, push")]
    assert [view.source for view in registry.views(11.0)] == ["list"]


def test_an_answer_of_a_worker_nobody_vouches_for_is_ignored() -> None:
    registry = Registry(STALE_SECONDS)
    registry.heard(A, capability(), 0.0, 0.0)
    registry.failed(A, "x", refused=True)
    assert registry.urls(0.0) == []


def test_a_placement_counts_from_the_moment_it_is_made(registry: Registry) -> None:
    registry.heard(A, capability(), 0.0, 0.0)
    registry.placed(A, request("j1", "s1"), 1.0)
    registry.placed(A, request("j2", "s2"), 1.0)
    assert load(registry, now_s=1.0) == 2


def test_a_placement_is_not_counted_twice_once_the_worker_shows_it(registry: Registry) -> None:
    registry.placed(A, request("j1", "s1"), 1.0)
    registry.heard(A, capability(task("j1", "s1")), 1.5, 1.6)
    assert load(registry, now_s=1.7) == 1


def test_an_answer_that_cannot_show_a_placement_yet_does_not_undo_it(registry: Registry) -> None:
    registry.placed(A, request("j1", "s1"), 1.0)
    registry.heard(A, capability(), 0.9, 1.1)
    registry.heard(A, capability(), 1.0 + ARRIVAL_SECONDS, 4.1)
    assert load(registry, now_s=4.2) == 1


def test_a_placement_that_never_became_a_task_is_forgotten(registry: Registry) -> None:
    registry.placed(A, request("j1", "s1"), 1.0)
    registry.heard(A, capability(), 1.1 + ARRIVAL_SECONDS, 4.3)
    assert load(registry, now_s=4.4) == 0


def test_a_placement_on_a_worker_that_does_not_answer_is_forgotten_in_the_end(registry: Registry) -> None:
    registry.placed(A, request("j1", "s1"), 1.0)
    assert load(registry, now_s=1.0 + PENDING_SECONDS) == 1
    assert load(registry, now_s=1.1 + PENDING_SECONDS) == 0


def test_a_job_placed_again_elsewhere_counts_there_alone(registry: Registry) -> None:
    registry.placed(A, request("j1"), 1.0)
    registry.placed(B, request("j1", attempt=2), 1.5)
    assert (load(registry, A, 1.6), load(registry, B, 1.6)) == (0, 1)


def test_the_session_s_own_older_job_does_not_fill_the_worker(registry: Registry) -> None:
    registry.heard(A, capability(task("old"), max_sessions=1), 0.0, 0.0)
    assert seen(registry, wanted=request("new")).sessions == 0
    assert seen(registry, wanted=request("new", "another")).sessions == 1
    assert seen(registry, wanted=request("new", kind="subtitle")).sessions == 1


def test_the_session_s_own_placement_under_way_does_not_fill_the_worker(registry: Registry) -> None:
    registry.placed(A, request("old"), 0.0)
    assert seen(registry, wanted=request("new")).sessions == 0


def test_the_worker_a_session_was_last_placed_on_is_remembered(registry: Registry) -> None:
    registry.placed(A, request("j1"), 0.0)
    assert seen(registry, A, 1000.0, request("j2")).has_served
    assert not seen(registry, B, 1000.0, request("j2")).has_served
    registry.placed(B, request("j2"), 1000.0)
    assert not seen(registry, A, 1001.0, request("j3")).has_served


def test_a_newer_job_makes_those_of_its_session_and_kind_obsolete_wherever_they_run(registry: Registry) -> None:
    registry.heard(A, capability(task("old"), task("sub", kind="subtitle"), task("foreign", "t")), 0.0, 0.0)
    registry.placed(B, request("older"), 0.0)
    assert registry.older_jobs(request("new")) == [
        Job(A, "s", "old", "video", 1, pending=False),
        Job(B, "s", "older", "video", 1, pending=True),
    ]


def test_a_job_never_makes_itself_obsolete(registry: Registry) -> None:
    registry.placed(A, request("j1"), 0.0)
    registry.heard(B, capability(task("j1")), 0.0, 0.0)
    assert registry.older_jobs(request("j1")) == []


def test_a_later_attempt_makes_nothing_obsolete(registry: Registry) -> None:
    registry.heard(A, capability(task("new")), 0.0, 0.0)
    assert registry.older_jobs(request("old", attempt=2)) == []


def test_a_job_that_was_replaced_is_known_as_such_and_the_newest_is_not(registry: Registry) -> None:
    registry.placed(A, request("j1"), 0.0)
    assert registry.newer_job(request("j1", attempt=2)) is None
    registry.placed(B, request("j2"), 1.0)
    assert registry.newer_job(request("j1", attempt=2)) == "j2"
    assert registry.newer_job(request("j2", attempt=2)) is None
    assert registry.newer_job(request("j3")) is None


def test_a_later_attempt_of_a_job_does_not_make_it_the_newest(registry: Registry) -> None:
    registry.placed(A, request("j1"), 0.0)
    registry.placed(A, request("j2"), 1.0)
    registry.placed(B, request("j2", attempt=2), 2.0)
    assert registry.newer_job(request("j1", attempt=2)) == "j2"


def test_another_kind_replaces_nothing(registry: Registry) -> None:
    registry.placed(A, request("j1"), 0.0)
    registry.placed(A, request("j2", kind="subtitle"), 1.0)
    assert registry.newer_job(request("j1", attempt=2)) is None


def test_memory_of_sessions_is_bounded(registry: Registry) -> None:
    for number in range(SESSIONS_REMEMBERED + 5):
        registry.placed(A, request(f"j{number}", f"s{number}"), float(number * 100))
        registry.heard(A, capability(), number * 100 + 50.0, number * 100 + 50.0)
    assert not seen(registry, A, 0.0, request("x", "s0")).has_served
    assert seen(registry, A, 0.0, request("x", "s5")).has_served


def test_an_operator_sees_state_age_source_and_problem(registry: Registry) -> None:
    registry.heard(A, capability(state="draining"), 1.0, 1.0)
    first, second = registry.views(2.5)
    assert (first.url, first.source, first.state, first.age_seconds, first.problem) == (
        A,
        "list",
        "draining",
        1.5,
        None,
    )
    assert (second.state, second.age_seconds, second.problem) == ("unknown", None, "never heard of: not asked yet")
    registry.failed(A, "connection refused", refused=True)
    assert registry.views(3.0)[0].state == "lost"


def test_a_worker_s_own_count_is_believed_beyond_its_list(registry: Registry) -> None:
    registry.heard(A, replace(capability(), sessions=3), 0.0, 0.0)
    assert seen(registry).sessions == 3
