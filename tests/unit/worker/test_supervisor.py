"""Who may start, who makes room, who is told to end; tasks are handed in, no process runs."""

import threading
import time
import uuid
from collections.abc import Iterator

import pytest

from scaleplex.common.errors import Draining, Full, NotFound, ScaleplexError, Starting, Superseded
from scaleplex.common.log import Log
from scaleplex.protocol.messages import TaskRequest
from scaleplex.translator import Facts
from scaleplex.worker.metrics import WorkerMetrics
from scaleplex.worker.session import Claim, Event, describe_exit
from scaleplex.worker.supervisor import Supervisor
from scaleplex.worker.task import Prepared, Task

PREPARED = Prepared(("-i", "x"), {}, ("drop:-x",), Facts(), None, "/nowhere", True, None)


class Stand:
    """A supervisor of two places, and the tasks made for it."""

    def __init__(self) -> None:
        self.metrics = WorkerMetrics()
        self.problem: str | None = None
        self.tasks: list[Task] = []
        self.supervisor = Supervisor(
            max_sessions=2,
            why_not_ready=lambda: self.problem,
            log=Log("test", "error"),
            metrics=self.metrics,
            make_room_seconds=0.2,
        )

    def task(self, session: str, job: str = "", attempt: int = 1, kind: str = "video") -> Task:
        job = job or str(uuid.uuid4())
        request = TaskRequest(session, job, attempt, "", ("-i", "x"), "/nowhere", kind)
        made = Task(
            request, PREPARED, Claim(session, kind, job, attempt, 0, len(self.tasks) * 10_000), time.monotonic()
        )
        self.tasks.append(made)
        return made

    def admit(self, *args: str, **more: object) -> Task:
        task = self.task(*args, **more)  # type: ignore[arg-type]
        self.supervisor.admit(task)
        return task

    def obey(self, task: Task) -> threading.Thread:
        """End a task as its loop would, once it is told to."""

        def loop() -> None:
            while not task.take_posts():
                time.sleep(0.002)
            self.supervisor.release(task)
            task.finish()

        thread = threading.Thread(target=loop)
        thread.start()
        return thread


@pytest.fixture
def stand() -> Iterator[Stand]:
    made = Stand()
    yield made
    for task in made.tasks:
        task.finish()


def test_tasks_are_taken_up_to_the_cap(stand: Stand) -> None:
    stand.admit("a")
    stand.admit("b")
    with pytest.raises(Full, match="2 of 2"):
        stand.admit("c")


def test_a_released_place_can_be_taken_again(stand: Stand) -> None:
    first = stand.admit("a")
    stand.admit("b")
    stand.supervisor.release(first)
    stand.supervisor.release(first)
    stand.admit("c")


def test_a_newer_job_waits_until_the_older_has_ended(stand: Stand) -> None:
    old = stand.admit("a")
    stand.admit("b")
    thread = stand.obey(old)
    new = stand.admit("a")
    assert old.ended.is_set()
    thread.join()
    assert new in stand.supervisor.tasks()
    assert old not in stand.supervisor.tasks()


def test_an_older_task_that_does_not_end_keeps_the_newer_out(stand: Stand) -> None:
    old = stand.admit("a")
    with pytest.raises(Full, match="does not end"):
        stand.admit("a")
    assert old.take_posts() == [Event.SUPERSEDED]
    assert stand.supervisor.tasks() == [old]


def test_a_superseded_job_does_not_come_back_but_a_later_attempt_of_a_job_may(stand: Stand) -> None:
    old = stand.admit("a", "old")
    thread = stand.obey(old)
    stand.admit("a", "new")
    thread.join()
    with pytest.raises(Superseded):
        stand.admit("a", "old")
    with pytest.raises(Superseded):
        stand.admit("a", "new")
    thread = stand.obey(stand.supervisor.task("new"))
    stand.admit("a", "new", attempt=2)
    thread.join()


def test_kinds_of_one_session_do_not_replace_each_other(stand: Stand) -> None:
    stand.admit("a")
    stand.admit("a", kind="subtitle")
    assert len(stand.supervisor.tasks()) == 2


def test_a_kill_reaches_every_attempt_of_a_job_and_nobody_else(stand: Stand) -> None:
    task, other = stand.admit("a", "one"), stand.admit("b", "two")
    stand.supervisor.kill("one")
    assert task.take_posts() == [Event.KILL]
    assert other.take_posts() == []
    with pytest.raises(NotFound):
        stand.supervisor.kill("three")


def test_a_kill_because_of_a_newer_job_elsewhere_is_a_supersede(stand: Stand) -> None:
    task = stand.admit("a", "one")
    stand.supervisor.kill("one", "superseded")
    assert task.take_posts() == [Event.SUPERSEDED]
    stand.supervisor.release(task)
    with pytest.raises(Superseded):
        stand.admit("a", "one", attempt=2)


def test_a_kill_may_name_an_attempt_and_reaches_only_that(stand: Stand) -> None:
    task = stand.admit("a", "one", attempt=2)
    for attempt in (1, 3):
        with pytest.raises(NotFound, match=f"attempt {attempt} of job one"):
            stand.supervisor.kill("one", "superseded", attempt)
    assert task.take_posts() == []
    stand.supervisor.kill("one", "superseded", 2)
    assert task.take_posts() == [Event.SUPERSEDED]
    stand.supervisor.release(task)
    with pytest.raises(Superseded):
        stand.admit("a", "one", attempt=2)
    stand.admit("a", "one", attempt=3)


def test_a_drain_by_an_operator_lets_tasks_run_and_one_for_the_exit_ends_them(stand: Stand) -> None:
    task = stand.admit("a")
    stand.supervisor.drain()
    assert stand.supervisor.state == "draining"
    assert task.take_posts() == []
    with pytest.raises(Draining):
        stand.admit("b")
    stand.supervisor.undrain()
    stand.admit("b")
    stand.supervisor.drain(end_running=True)
    assert task.take_posts() == [Event.DRAIN]


def test_nothing_is_taken_before_the_warm_up_is_over(stand: Stand) -> None:
    stand.problem = "ffmpeg is not there."
    assert stand.supervisor.state == "starting"
    with pytest.raises(Starting, match="ffmpeg is not there"):
        stand.admit("a")


def test_ends_and_refusals_are_counted_and_the_gauges_follow(stand: Stand) -> None:
    task = stand.admit("a")
    task.watch.throttled = True
    text = stand.metrics.all.render()
    assert "scaleplex_worker_tasks_running 1" in text
    assert "scaleplex_worker_tasks_throttled 1" in text
    assert "scaleplex_worker_tasks_max 2" in text
    stand.supervisor.ended(task, describe_exit(code=0, signal=None, stopped_by=None), 7)
    error: ScaleplexError = Full("x", "y")
    stand.supervisor.refused(error)
    text = stand.metrics.all.render()
    assert 'scaleplex_worker_tasks_total{outcome="ended"} 1' in text
    assert 'scaleplex_worker_refused_total{error="full"} 1' in text
    assert "scaleplex_worker_tasks_running 0" in text


def test_an_event_posted_to_a_task_that_has_ended_is_lost_quietly(stand: Stand) -> None:
    task = stand.admit("a")
    task.finish()
    task.post(Event.KILL)
    task.throttle(True)
