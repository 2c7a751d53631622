"""Forwards checked callbacks to PMS: each job over its own connection, its manifests in order and only once their files
can be opened here.

Manifests of one job wait for each other; progress does not wait for manifests, because ``canThrottle`` travels in its
reply. ffmpeg does not wait for the answer to a manifest at all, so holding one back costs a thread and nothing else.
"""

import threading
import time
from collections.abc import Callable

from scaleplex.common.errors import UpstreamError
from scaleplex.common.log import Log
from scaleplex.relay import manifests, visible
from scaleplex.relay.callbacks import Callback
from scaleplex.relay.limits import Budget
from scaleplex.relay.manifests import Manifest
from scaleplex.relay.meters import Meters
from scaleplex.relay.queue import Queue
from scaleplex.relay.tickets import Ticket
from scaleplex.relay.upstream import Reply, Upstream

WARNINGS_PER_SECOND = 0.2
SHORTEST_PATIENCE_SECONDS = 0.1
# Beyond the time manifests are held: a slow PMS may have some to answer. The worker waits longer itself.
SETTLE_SECONDS = 10.0


class LiveJob:
    """What the relay remembers of a job between its callbacks."""

    def __init__(self, upstream: Upstream, patience_seconds: float, log_lines_per_second: int) -> None:
        self.upstream = upstream
        self.announcements = Queue()
        self.patience_seconds = patience_seconds
        self.log_lines = Budget(log_lines_per_second)
        self.warnings = Budget(WARNINGS_PER_SECOND)
        self._seen: dict[str, set[str]] = {}
        self._reach: dict[str, tuple[int, tuple[int, int]]] = {}

    def is_stale(self, stream: str, attempt: int, manifest: Manifest) -> bool:
        """Return whether PMS has a later manifest of this stream and would learn nothing from this one.

        A new attempt starts its own order. One that arrives late and names a segment no other has named still counts.
        """
        overtaken = (attempt, manifest.reach) < self._reach.get(stream, (0, (0, -1)))
        return overtaken and not self.new_names(stream, manifest)

    def new_names(self, stream: str, manifest: Manifest) -> list[str]:
        """Return the names that were not announced before."""
        seen = self._seen.setdefault(stream, set())
        return [name for name in manifest.names if name not in seen]

    def announced(self, stream: str, attempt: int, manifest: Manifest) -> None:
        """Note what PMS has been told."""
        self._seen.setdefault(stream, set()).update(manifest.names)
        self._reach[stream] = max((attempt, manifest.reach), self._reach.get(stream, (0, (0, -1))))


class Forwarder:
    """Owns the live jobs and their connections."""

    def __init__(
        self,
        *,
        plex_url: str,
        upstream_seconds: float,
        visible_seconds: float,
        log_lines_per_second: int,
        log: Log,
        meters: Meters,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._plex_url = plex_url
        self._upstream_seconds = upstream_seconds
        self._visible_seconds = visible_seconds
        self._log_lines_per_second = log_lines_per_second
        self._log = log
        self._meters = meters
        self._clock = clock
        self._sleep = sleep
        self._jobs: dict[str, LiveJob] = {}
        self._lock = threading.Lock()

    def forward(self, callback: Callback, ticket: Ticket, body: bytes, *, last: bool = False) -> Reply:
        """Carry one callback to PMS and return its reply.

        Args:
            last: the job ends with this one, so what it has announced goes first: ffmpeg leaves without waiting for the
                answer to its last manifest, and PMS forgets the job when the shim follows.

        Raises:
            CallbackRefused: the manifest is none, or names what is no segment.
            UpstreamError: PMS did not answer.
        """
        job = self._live(callback.job)
        if callback.kind == "manifest":
            return self._announce(job, callback, ticket, body)
        if last:
            job.announcements.wait_empty(self._visible_seconds + SETTLE_SECONDS)
        if callback.kind == "log" and not job.log_lines.spend(self._clock()):
            self._meters.callbacks.add(kind="log", outcome="dropped")
            return Reply(200, b"", None)
        return self._timed(
            job, callback, lambda: job.upstream.send(callback.method, callback.upstream_target, ticket.token)
        )

    def forget(self, alive: Callable[[str], bool]) -> None:
        """Close the connections of jobs that have ended."""
        with self._lock:
            names = list(self._jobs)
        for name in names:
            if not alive(name):
                self._forget_one(name)

    def _forget_one(self, name: str) -> None:
        with self._lock:
            job = self._jobs.get(name)
            if job is not None and job.announcements.wait_empty(0) and job.upstream.close():
                del self._jobs[name]

    def _live(self, name: str) -> LiveJob:
        with self._lock:
            job = self._jobs.get(name)
            if job is None:
                upstream = Upstream(self._plex_url, self._upstream_seconds, self._clock, self._sleep)
                job = self._jobs[name] = LiveJob(upstream, self._visible_seconds, self._log_lines_per_second)
            return job

    def _announce(self, job: LiveJob, callback: Callback, ticket: Ticket, body: bytes) -> Reply:
        manifest = manifests.read(body)
        with job.announcements.turn():
            if job.is_stale(callback.stream, callback.attempt, manifest):
                self._meters.callbacks.add(kind="manifest", outcome="stale")
                self._log.debug("manifest overtaken by a later one", session=callback.session, job=callback.job)
                return Reply(200, b"", None)
            self._hold(job, callback, ticket, manifest)
            reply = self._timed(
                job,
                callback,
                lambda: job.upstream.send_surely(callback.method, callback.upstream_target, ticket.token, body),
            )
            if reply.status < 400:
                job.announced(callback.stream, callback.attempt, manifest)
            return reply

    def _hold(self, job: LiveJob, callback: Callback, ticket: Ticket, manifest: Manifest) -> None:
        """Wait until the newly announced files can be opened; after the time limit announce them all the same.

        Dropping the manifest would be worse: the next one may be a segment's length away, and after the last one there
        is none. A job whose files keep being invisible has other trouble than a slow directory, so its patience halves.
        """
        names = job.new_names(callback.stream, manifest)
        text_only = callback.stream == "subtitles" or ticket.kind == "subtitle"
        started = self._clock()
        left = visible.wait(
            ticket.cwd, names, job.patience_seconds, may_be_empty=text_only, clock=self._clock, sleep=self._sleep
        )
        held_seconds = self._clock() - started
        if names:
            self._meters.held.observe(held_seconds)
        if not left:
            job.patience_seconds = self._visible_seconds if names else job.patience_seconds
            return
        job.patience_seconds = min(job.patience_seconds, max(SHORTEST_PATIENCE_SECONDS, job.patience_seconds / 2))
        self._meters.invisible.add(len(left))
        if job.warnings.spend(self._clock()):
            name, reason = next(iter(left.items()))
            self._log.warning(
                "announced a file that cannot be opened on this host",
                session=callback.session,
                job=callback.job,
                file=name,
                reason=reason,
                directory=ticket.cwd,
                files=len(left),
                held_seconds=round(held_seconds, 2),
                hint="Is the transcode directory the same mount here and on the worker, with lookupcache=positive? "
                "Run `scaleplex doctor storage`.",
            )

    def _timed(self, job: LiveJob, callback: Callback, send: Callable[[], Reply]) -> Reply:
        started = self._clock()
        try:
            reply = send()
        except UpstreamError as exc:
            self._meters.callbacks.add(kind=callback.kind, outcome="upstream")
            if job.warnings.spend(self._clock()):
                self._log.warning(
                    "callback lost", session=callback.session, job=callback.job, kind=callback.kind, detail=exc.detail
                )
            raise
        self._meters.upstream_seconds.observe(self._clock() - started)
        self._meters.callbacks.add(kind=callback.kind, outcome=str(reply.status))
        return reply
