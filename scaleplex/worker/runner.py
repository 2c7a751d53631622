"""From an accepted request to a stream: puts a task's parts together, and counts what becomes of it."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

from scaleplex.common.errors import ScaleplexError, StorageHung
from scaleplex.common.log import Log
from scaleplex.protocol import wire
from scaleplex.protocol.messages import TaskRequest
from scaleplex.translator.labels import kind as label_kind
from scaleplex.worker import command, playback, process
from scaleplex.worker.announcer import Announcer
from scaleplex.worker.capture import Capture
from scaleplex.worker.config import WorkerConfig
from scaleplex.worker.confine import Launcher
from scaleplex.worker.equipment import Equipment
from scaleplex.worker.leftovers import PidFiles, start_ticks
from scaleplex.worker.listener import Listener
from scaleplex.worker.metrics import WorkerMetrics
from scaleplex.worker.playback import Playback
from scaleplex.worker.prepare import Preparer
from scaleplex.worker.probe import Prober, probed
from scaleplex.worker.progress import Track
from scaleplex.worker.relay_client import Transport
from scaleplex.worker.reporter import Job, NoReports, Probed, Reporter
from scaleplex.worker.reports import Progress, Told
from scaleplex.worker.session import Claim, Event, Exit
from scaleplex.worker.storage import Storage
from scaleplex.worker.supervisor import Supervisor
from scaleplex.worker.task import Prepared, Task


@dataclass(frozen=True, slots=True)
class Runner:
    """Starts tasks.

    Attributes:
        equipment: what tasks run on, once it is found.
        transport: makes a connection to the relay; each sender of a task has its own.
        listener: takes what ffmpeg announces.
    """

    config: WorkerConfig
    equipment: Callable[[], Equipment]
    preparer: Preparer
    prober: Prober
    supervisor: Supervisor
    pid_files: PidFiles
    metrics: WorkerMetrics
    transport: Callable[[], Transport]
    listener: Listener
    log: Log
    capture: Capture
    storage: Storage
    launcher: Launcher

    def start(
        self, request: TaskRequest, shim: socket.socket | None, received: float, mac: wire.FrameMac | None = None
    ) -> Playback:
        """Return the stream of a new task; ffmpeg starts when it is iterated.

        Args:
            shim: the request's socket, to see when it closes.
            received: monotonic seconds when the request was read.
            mac: signs the frames; None without a fleet secret.

        Raises:
            ScaleplexError: the task is not taken, and why.
        """
        self.capture.take(request)
        try:
            self.supervisor.check_open()
            task = Task(request, self.preparer.prepare(request), _claim(request, received), received)
            try:
                self.supervisor.admit(task)
            except ScaleplexError:
                task.finish()
                raise
        except ScaleplexError as exc:
            self.supervisor.refused(exc)
            raise
        for label in task.prepared.labels:
            self.metrics.labels.add(kind=label_kind(label))
        return Playback(
            task,
            spawn=self._spawn,
            reports=self._told(task),
            backend=self.equipment().backend,
            shim=shim,
            mac=mac,
            grace_seconds=self.config.stop_grace_seconds,
            storage=self.storage,
            on_spawned=self._spawned,
            on_throttle=self.supervisor.throttled,
            on_end=self._ended,
        )

    def _spawn(self, task: Task) -> process.Child:
        pipe = process.progress_pipe()
        return process.spawn(
            self.config.ffmpeg,
            command.for_worker(task.prepared.argv, pipe[1]),
            cwd=task.prepared.cwd,
            env=task.prepared.env,
            pipe=pipe,
            home=self.config.home,
            launcher=self.launcher,
            grants=task.prepared.grants,
        )

    def _spawned(self, task: Task) -> None:
        if task.watch.spawn_seconds is not None:
            self.metrics.spawn.observe(task.watch.spawn_seconds)
        if task.watch.pid is not None:
            self.pid_files.write(task.claim.job, task.claim.attempt, task.watch.pid, task.prepared.cwd)
        self.supervisor.started(task, self.equipment().backend)

    def _ended(self, task: Task, exit_: Exit) -> None:
        self.listener.disconnect(task.claim.job, task.claim.attempt)
        # A process that even SIGKILL does not end is left to the next life of the worker.
        if task.watch.pid is None or start_ticks(task.watch.pid) is None:
            self.pid_files.remove(task.claim.job, task.claim.attempt)
        self.supervisor.release(task)
        self.supervisor.ended(task, exit_, self._segments(task))

    def _segments(self, task: Task) -> int | None:
        if task.stopped_by is Event.SHIM_GONE:
            return None  # PMS is deleting the directory
        try:
            return self.storage.run(
                lambda: count_segments(task.prepared.cwd), playback.CLEAN_SECONDS, task.prepared.cwd
            )
        except StorageHung:
            return None

    def _told(self, task: Task) -> Told:
        told = Told(self._progress(task))
        if task.request.callback is None:
            return told

        def done() -> None:
            told.announced_all()
            task.wake()

        sender = Announcer(
            task.request.callback,
            transport=self.transport(),
            settle=self.listener.settle,
            on_first=task.note_announced,
            on_gone=lambda: task.post(Event.JOB_GONE),
            on_refused=lambda why: self._stop(task, Event.REFUSED, why),
            on_lost=lambda why: self._stop(task, Event.UNHEARD, why),
            on_done=done,
            count=self._count,
        )
        told.announce_with(sender)
        self.listener.connect(task.claim.job, task.claim.attempt, sender)
        return told

    def _stop(self, task: Task, event: Event, why: str) -> None:
        if not task.stop_detail:
            self.log.warning(
                "attempt given up", session=task.claim.session, job=task.claim.job, attempt=task.claim.attempt,
                reason=event.value, detail=why, hint="Look at the relay's journal: `journalctl -u scaleplex-relay`.",
            )  # fmt: skip
        task.stop(event, why)

    def _count(self, kind: str, status: str) -> None:
        self.metrics.callbacks.add(kind=kind, status=status)

    def _progress(self, task: Task) -> Progress:
        prepared = task.prepared

        def note(track: Track) -> None:
            task.watch.track = track

        if prepared.progress_url is None:
            return NoReports(note)
        facts = prepared.facts
        size = (facts.width_px, facts.height_px)
        return Reporter(
            Job(
                progress_url=prepared.progress_url,
                seek_seconds=(facts.seek_seconds or 0.0) if facts.copyts else 0.0,
                output_size=(size[0], size[1]) if size[0] and size[1] else None,
                log_level=prepared.plex_log_level,
            ),
            transport=self.transport(),
            probe=lambda: self._probe(prepared),
            on_throttle=task.throttle,
            on_gone=lambda: task.post(Event.JOB_GONE),
            on_refused=lambda why: self._stop(task, Event.REFUSED, why),
            on_done=task.wake,
            on_track=note,
            count=self._count,
        )

    def _probe(self, prepared: Prepared) -> Probed:
        return probed([self.prober.probe(path, options) for path, options in prepared.inputs])


def _claim(request: TaskRequest, received: float) -> Claim:
    parts = request.ticket.split(" ")
    expires_ms = int(parts[1]) if len(parts) == 3 and parts[1].isdecimal() else 0
    issued_ms = max(0, expires_ms - wire.TICKET_LIFETIME_MS)
    return Claim(request.session, request.kind, request.job, request.attempt, issued_ms, int(received * 1000))


def count_segments(directory: str) -> int | None:
    """Return how many complete segments lie in a session directory, None if it cannot be read."""
    try:
        with os.scandir(directory) as entries:
            names = [entry.name for entry in entries]
    except OSError:
        return None
    return sum(name.startswith(("chunk-", "media-", "sub-chunk-")) and not name.endswith(".tmp") for name in names)
