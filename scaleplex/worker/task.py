"""One task while it is here: what was asked, what is known of it, and the mailbox of the loop that owns it."""

import os
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

from scaleplex.protocol.messages import RunningTask, TaskRequest
from scaleplex.translator import Facts
from scaleplex.worker.confine import Grants
from scaleplex.worker.progress import Track
from scaleplex.worker.session import Claim, Event, State


@dataclass(frozen=True, slots=True)
class Prepared:
    """A task made ready to run: checked against the policy and translated.

    Attributes:
        argv: what our ffmpeg is told to do, without the worker's own options.
        env: the allowed variables.
        cwd: resolved session directory.
        silent: whether Plex's argv keeps stderr quiet.
        progress_url: the relay's URL of ``.../progress``, None when the argv reports none.
        plex_log_level: highest level of log lines PMS wants, -1 for none.
        inputs: resolved path and ffprobe options of each input.
        grants: what ffmpeg may open for it.
    """

    argv: tuple[str, ...]
    env: dict[str, str]
    labels: tuple[str, ...]
    facts: Facts
    bail: str | None
    cwd: str
    silent: bool
    progress_url: str | None
    plex_log_level: int = 0
    inputs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    grants: Grants = field(default_factory=Grants)


@dataclass(slots=True)
class Watch:
    """What operators may look at while a task runs; single values, written by the threads of the task."""

    pid: int | None = None
    throttled: bool = False
    throttles: int = 0  # how often Plex has slowed the task down
    track: Track = field(default_factory=lambda: Track(None))
    spawn_seconds: float | None = None


class Task:
    """A task from admission to its exit frame.

    Attributes:
        received: monotonic seconds when the request was read.
        started_ms: wall clock then.
        ended: set once ffmpeg is gone and the place in the table of tasks is free.
    """

    def __init__(self, request: TaskRequest, prepared: Prepared, claim: Claim, received: float) -> None:
        self.request = request
        self.prepared = prepared
        self.claim = claim
        self.received = received
        self.started_ms = time.time_ns() // 1_000_000
        self.state = State.STARTING
        self.stopped_by: Event | None = None
        self.watch = Watch()
        self.ended = threading.Event()
        self.want_throttle = False
        self.announced = False  # PMS may have been told of something of this attempt
        self.stop_detail = ""
        self._posts: deque[Event] = deque()
        self._lock = threading.Lock()
        self.wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def post(self, event: Event) -> None:
        """Tell the loop of something that happened; from any thread."""
        self._posts.append(event)
        self.wake()

    def stop(self, event: Event, detail: str) -> None:
        """Tell the loop to stop, and why; from any thread."""
        self.stop_detail = self.stop_detail or detail
        self.post(event)

    def note_announced(self) -> None:
        """Let the loop tell the shim that PMS may have been told of something; from any thread."""
        self.announced = True
        self.wake()

    def throttle(self, wanted: bool) -> None:
        """Ask the loop to slow ffmpeg down or to set it free; from any thread."""
        self.want_throttle = wanted
        self.wake()

    def wake(self) -> None:
        """Let the loop look again."""
        with self._lock:
            if self.wake_fd >= 0:
                os.eventfd_write(self.wake_fd, 1)

    def take_posts(self) -> list[Event]:
        """Return what was posted since; the loop's own."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.wake_fd)
        posts: list[Event] = []
        while self._posts:
            posts.append(self._posts.popleft())
        return posts

    def finish(self) -> None:
        """Mark the task as ended and give its descriptor back."""
        with self._lock:
            if self.wake_fd >= 0:
                os.close(self.wake_fd)
                self.wake_fd = -1
        self.state = State.ENDED
        self.ended.set()

    def running(self) -> RunningTask:
        """Return the task as the capability lists it."""
        request = self.request
        return RunningTask(request.session, request.job, request.kind, request.attempt)

    def to_json(self) -> dict[str, object]:
        """Return the task as ``GET /tasks`` shows it."""
        request, prepared, watch = self.request, self.prepared, self.watch
        speed = watch.track.speed
        return {
            "session": request.session,
            "job": request.job,
            "attempt": request.attempt,
            "kind": request.kind,
            "state": self.state.value,
            "started_ms": self.started_ms,
            "argv": list(prepared.argv),
            "labels": list(prepared.labels),
            "bail": prepared.bail,
            "facts": prepared.facts.to_json(),
            "progress": round(watch.track.percent, 1),
            "position_seconds": round(watch.track.position_seconds, 3),
            "speed": None if speed is None else round(speed, 2),
            "throttled": watch.throttled,
            "pid": watch.pid,
            "cwd": prepared.cwd,
        }
