"""Owns the tasks: who may start, who has to make room, who is told to end.

The table of tasks is guarded by one lock and holds nothing that waits: a task is driven by its own loop (``playback``),
to which everything here only posts events.
"""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from scaleplex.common.errors import Draining, Full, NotFound, ScaleplexError, Starting, Superseded
from scaleplex.common.log import Log
from scaleplex.worker import giveup, session
from scaleplex.worker.metrics import WorkerMetrics
from scaleplex.worker.session import STOPPED, Claim, Event, Exit
from scaleplex.worker.task import Task

REMEMBERED_JOBS = 1024
EVERY_ATTEMPT = 1 << 30  # more than any job has
REASON = re.compile(r"[a-z-]{1,32}", re.ASCII)
MAKE_ROOM_SECONDS = 4.0


class Supervisor:
    """The tasks of this worker."""

    def __init__(
        self,
        *,
        max_sessions: int,
        why_not_ready: Callable[[], str | None],
        log: Log,
        metrics: WorkerMetrics,
        make_room_seconds: float = MAKE_ROOM_SECONDS,
    ) -> None:
        self._max_sessions = max_sessions
        self._why_not_ready = why_not_ready
        self._log = log
        self._metrics = metrics
        self._make_room_seconds = make_room_seconds
        self._lock = threading.Lock()
        self._tasks: dict[tuple[str, int], Task] = {}
        self._superseded: OrderedDict[str, int] = OrderedDict()  # job -> last attempt that must not come back
        self._draining = False
        metrics.capacity.set(max_sessions)
        metrics.all.before_render(self._gauge)

    # --- starting ---------------------------------------------------------------------------------------------------

    def check_open(self) -> None:
        """Refuse early what no task could pass now, before anything is looked at.

        Raises:
            Starting, Draining: the worker takes no tasks now.
        """
        if self._draining:
            raise Draining("This worker is draining.", "Another worker may take the task.")
        problem = self._why_not_ready()
        if problem is not None:
            raise Starting(f"This worker is not ready: {problem}", "Another worker may take the task.")

    def admit(self, task: Task) -> None:
        """Take a task in; an earlier one of the same session and kind ends first.

        Raises:
            Superseded: a newer job of this session runs here.
            Full, Starting, Draining: not here, not now.
        """
        self.check_open()
        with self._lock:
            before = self._same(task.claim)
            self._refuse_older(task.claim, before)
            if len(self._tasks) - len(before) >= self._max_sessions:
                raise Full(
                    f"{len(self._tasks)} of {self._max_sessions} tasks run here.",
                    "Another worker may take it; SCALEPLEX_WORKER_MAX_SESSIONS raises the limit.",
                )
            self._tasks[(task.claim.job, task.claim.attempt)] = task
            for old in before:
                # A later attempt of the same job may still come.
                if old.claim.job != task.claim.job:
                    self._remember(old.claim.job, EVERY_ATTEMPT)
        for old in before:
            old.post(Event.SUPERSEDED)
        self._wait_for(before, task)

    def _wait_for(self, before: list[Task], task: Task) -> None:
        deadline = time.monotonic() + self._make_room_seconds
        for old in before:
            if not old.ended.wait(max(0.0, deadline - time.monotonic())):
                self._log.warning("superseded task does not end", session=old.claim.session, job=old.claim.job)
                self.release(task)
                raise Full(
                    "An earlier task of this session does not end on this worker.",
                    "Another worker may take it; look for a hung file system here.",
                )

    def _same(self, claim: Claim) -> list[Task]:
        return [t for t in self._tasks.values() if (t.claim.session, t.claim.kind) == (claim.session, claim.kind)]

    def _refuse_older(self, claim: Claim, before: list[Task]) -> None:
        gone = claim.attempt <= self._superseded.get(claim.job, 0)
        if gone or any(session.is_older(claim, old.claim) for old in before):
            raise Superseded(
                f"A newer job or attempt of session {claim.session} has taken over from {claim.job}.",
                "Nothing to do: PMS has replaced it.",
            )

    def _remember(self, job: str, attempt: int) -> None:
        """Note that a job must not come back, up to an attempt."""
        self._superseded[job] = max(attempt, self._superseded.get(job, 0))
        self._superseded.move_to_end(job)
        while len(self._superseded) > REMEMBERED_JOBS:
            self._superseded.popitem(last=False)

    # --- ending -----------------------------------------------------------------------------------------------------

    def release(self, task: Task) -> None:
        """Give the place of a task free; nothing happens if it has none."""
        with self._lock:
            if self._tasks.get((task.claim.job, task.claim.attempt)) is task:
                del self._tasks[(task.claim.job, task.claim.attempt)]

    def started(self, task: Task, backend: str) -> None:
        """Write the line of a task that has begun: its kind, what it runs on and why it came here."""
        request, reason = task.request, task.request.reason
        self._log.info(
            "task started",
            session=request.session,
            job=request.job,
            attempt=request.attempt,
            kind=request.kind,
            backend=backend,
            reason=reason if REASON.fullmatch(reason) else "unknown",
            bail=giveup.counted(task.prepared.bail) if task.prepared.bail else "",
            pid=task.watch.pid or "",
        )

    def throttled(self, task: Task) -> None:
        """Write that Plex slowed a task down or set it free; after the first time only for developers."""
        write = self._log.info if task.watch.throttles <= 1 else self._log.debug
        message = "task throttled" if task.watch.throttled else "task no longer throttled"
        write(message, session=task.request.session, job=task.request.job, attempt=task.request.attempt)

    def ended(self, task: Task, exit_: Exit, segments: int | None) -> None:
        """Take note of a task's end: place, metrics, and the line that tells its whole story."""
        self.release(task)
        self._metrics.tasks.add(outcome=exit_.reason)
        watch, request = task.watch, task.request
        seconds = time.monotonic() - task.received
        media = watch.track.position_seconds - watch.track.seek_seconds
        self._log.info(
            "task ended",
            session=request.session,
            job=request.job,
            attempt=request.attempt,
            kind=request.kind,
            outcome=exit_.reason,
            # A stop is no failure: the signal that carried it out would read as one.
            code="" if exit_.reason == STOPPED else exit_.code,
            signal="" if exit_.reason == STOPPED else exit_.signal or "",
            seconds=f"{seconds:.1f}",
            speed=f"{media / seconds:.2f}" if seconds > 0 else "",
            progress=f"{watch.track.percent:.1f}",
            segments="" if segments is None else segments,
            spawn_ms="" if watch.spawn_seconds is None else round(watch.spawn_seconds * 1000),
            throttles=watch.throttles,
            labels=len(task.prepared.labels),
            bail=giveup.counted(task.prepared.bail) if task.prepared.bail else "",
            detail=exit_.detail,
        )

    def refused(self, error: ScaleplexError) -> None:
        """Count a task that was not taken."""
        self._metrics.refused.add(error=error.code)

    def kill(self, job: str, reason: str | None = None, attempt: int | None = None) -> None:
        """End a job, or one attempt of it.

        Args:
            reason: ``superseded`` when a newer job of the session runs elsewhere; anything else is an operator's kill.
            attempt: the attempt that is meant; None for every one.

        Raises:
            NotFound: the job, or this attempt of it, does not run here.
        """
        event = Event.SUPERSEDED if reason == "superseded" else Event.KILL
        with self._lock:
            found = [
                task
                for task in self._tasks.values()
                if task.claim.job == job and (attempt is None or task.claim.attempt == attempt)
            ]
            if found and event is Event.SUPERSEDED:
                self._remember(job, EVERY_ATTEMPT if attempt is None else attempt)
        if not found:
            what = f"job {job[:64]}" if attempt is None else f"attempt {attempt} of job {job[:64]}"
            raise NotFound(f"The {what} does not run here.", "`scaleplex status` shows what runs where.")
        for task in found:
            task.post(event)

    def drain(self, *, end_running: bool = False) -> None:
        """Take nothing new; with ``end_running`` also end what runs, telling the shims to go on elsewhere."""
        with self._lock:
            self._draining = True
            tasks = list(self._tasks.values())
        self._log.info("draining", running=len(tasks), ending=end_running)
        if end_running:
            for task in tasks:
                task.post(Event.DRAIN)

    def undrain(self) -> None:
        """Take tasks again."""
        with self._lock:
            self._draining = False
        self._log.info("no longer draining")

    # --- looking ----------------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """``starting``, ``ready`` or ``draining``."""
        if self._draining:
            return "draining"
        return "ready" if self._why_not_ready() is None else "starting"

    def tasks(self) -> list[Task]:
        """Return the running tasks, oldest first."""
        with self._lock:
            return list(self._tasks.values())

    def task(self, job: str) -> Task:
        """Return the newest attempt of a job.

        Raises:
            NotFound: the job does not run here.
        """
        found = [task for task in self.tasks() if task.claim.job == job]
        if not found:
            raise NotFound(f"The job {job[:64]} does not run here.", "`scaleplex status` shows what runs where.")
        return found[-1]

    def _gauge(self) -> None:
        tasks = self.tasks()
        self._metrics.running.set(len(tasks))
        self._metrics.throttled.set(sum(task.watch.throttled for task in tasks))
