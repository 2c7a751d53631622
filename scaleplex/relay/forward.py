"""Forwards checked callbacks to PMS, each job's manifests only once their files can be opened here.

A job has two ways to PMS, one for its manifests and one for the rest, and one manifest under way at a time. Nothing
queues here: the worker sends the manifests of a job one after the other, the newest first to survive, and repeats what
was not taken. What finds no place is told so at once. So a PMS that takes its time costs a bounded number of threads,
and those that answer health and refusals are always there.
"""

import hashlib
import threading
import time
from collections.abc import Callable

from scaleplex.common.errors import UpstreamError
from scaleplex.common.log import Log
from scaleplex.protocol import manifests
from scaleplex.protocol.manifests import BadManifest, Manifest
from scaleplex.relay import visible
from scaleplex.relay.callbacks import Callback
from scaleplex.relay.limits import Budget, Places
from scaleplex.relay.meters import Meters
from scaleplex.relay.tickets import Ticket
from scaleplex.relay.upstream import Reply, Upstream

WARNINGS_PER_SECOND = 0.2
SHORTEST_PATIENCE_SECONDS = 0.1
# Of one job: a manifest, and a progress request with the one that waits for it.
JOB_MANIFESTS, JOB_OTHERS = 1, 2
# Shares of the threads. What is left answers health, and refuses.
MANIFEST_SHARE, OTHER_SHARE = 4, 2
# Names remembered of one stream, so that a worker cannot fill the memory with segments that do not exist.
SEEN_MAX = 200_000


class LiveJob:
    """What the relay remembers of a job between its callbacks."""

    def __init__(self, ways: tuple[Upstream, Upstream], patience_seconds: float, log_lines_per_second: int) -> None:
        self.manifests_way, self.way = ways
        self.manifest_places, self.places = Places(JOB_MANIFESTS), Places(JOB_OTHERS)
        self.patience_seconds = patience_seconds
        self.log_lines = Budget(log_lines_per_second)
        self.warnings = Budget(WARNINGS_PER_SECOND)
        self._seen: dict[str, set[str]] = {}
        self._reach: dict[str, tuple[int, tuple[int, int]]] = {}
        self._taken: dict[str, tuple[int, bytes]] = {}

    def is_stale(self, stream: str, attempt: int, manifest: Manifest) -> bool:
        """Return whether PMS has a later manifest of this stream and would learn nothing from this one.

        A new attempt starts its own order. One that arrives late and names a segment no other has named still counts.
        """
        overtaken = (attempt, manifest.reach) < self._reach.get(stream, (0, (0, -1)))
        return overtaken and not self.new_names(stream, manifest)

    def is_repeated(self, stream: str, attempt: int, body: bytes) -> bool:
        """Return whether PMS has taken this very manifest as the last one: its sender has missed the answer."""
        return self._taken.get(stream) == (attempt, hashlib.sha256(body).digest())

    def new_names(self, stream: str, manifest: Manifest) -> list[str]:
        """Return the names that were not announced before.

        Raises:
            BadManifest: with them the job would have announced more segments than any film has.
        """
        seen = self._seen.setdefault(stream, set())
        found = [name for name in manifest.names if name not in seen]
        if len(seen) + len(found) > SEEN_MAX:
            raise BadManifest(
                f"The job has announced more than {SEEN_MAX} segments.", "No film has as many; look at its worker."
            )
        return found

    def announced(self, stream: str, attempt: int, manifest: Manifest, body: bytes) -> None:
        """Note what PMS has been told."""
        self._seen.setdefault(stream, set()).update(manifest.names)
        self._reach[stream] = max((attempt, manifest.reach), self._reach.get(stream, (0, (0, -1))))
        self._taken[stream] = (attempt, hashlib.sha256(body).digest())

    def close(self) -> bool:
        """Close the connections; return False while one of them carries a request."""
        return all([self.manifests_way.close(), self.way.close()])


class Forwarder:
    """Owns the live jobs and their connections."""

    def __init__(
        self,
        *,
        plex_url: str,
        upstream_seconds: float,
        visible_seconds: float,
        log_lines_per_second: int,
        threads: int,
        log: Log,
        meters: Meters,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._plex_url = plex_url
        self._upstream_seconds = upstream_seconds
        self._visible_seconds = visible_seconds
        self._log_lines_per_second = log_lines_per_second
        self._manifest_places = Places(max(1, threads // MANIFEST_SHARE))
        self._places = Places(max(1, threads // OTHER_SHARE))
        self._log = log
        self._meters = meters
        self._clock = clock
        self._sleep = sleep
        self._jobs: dict[str, LiveJob] = {}
        self._lock = threading.Lock()

    def forward(self, callback: Callback, ticket: Ticket, body: bytes) -> Reply:
        """Carry one callback to PMS and return its reply.

        Raises:
            BadManifest: the manifest is none, or names what is no segment.
            Busy: as many requests are under way as may be, of this job or of all.
            UpstreamError: PMS did not answer.
        """
        job = self._live(callback.job)
        if callback.kind == "manifest":
            with job.manifest_places.one("manifests of the job"), self._manifest_places.one("manifests"):
                return self._announce(job, callback, ticket, body)
        if callback.kind == "log" and not job.log_lines.spend(self._clock()):
            self._meters.callbacks.add(kind="log", outcome="dropped")
            return Reply(200, b"", None)
        with job.places.one("callbacks of the job"), self._places.one("callbacks"):
            return self._timed(job, job.way, callback, ticket, b"")

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
            if job is not None and job.close():
                del self._jobs[name]

    def _live(self, name: str) -> LiveJob:
        with self._lock:
            job = self._jobs.get(name)
            if job is None:
                ways = tuple(Upstream(self._plex_url, self._upstream_seconds) for _ in range(2))
                job = LiveJob((ways[0], ways[1]), self._visible_seconds, self._log_lines_per_second)
                self._jobs[name] = job
            return job

    def _announce(self, job: LiveJob, callback: Callback, ticket: Ticket, body: bytes) -> Reply:
        stream, attempt = callback.stream, callback.attempt
        if job.is_repeated(stream, attempt, body):
            self._meters.callbacks.add(kind="manifest", outcome="repeated")
            return Reply(200, b"", None)
        manifest = manifests.read(body)
        if job.is_stale(stream, attempt, manifest):
            self._meters.callbacks.add(kind="manifest", outcome="stale")
            self._log.debug("manifest overtaken by a later one", session=callback.session, job=callback.job)
            return Reply(200, b"", None)
        names = job.new_names(stream, manifest)
        self._hold(job, callback, ticket, names)
        reply = self._timed(job, job.manifests_way, callback, ticket, body)
        if reply.status < 400:
            job.announced(stream, attempt, manifest, body)
        return reply

    def _hold(self, job: LiveJob, callback: Callback, ticket: Ticket, names: list[str]) -> None:
        """Wait until the newly announced files can be opened; after the time limit announce them all the same.

        Dropping the manifest would be worse: the next one may be a segment's length away, and after the last one there
        is none. A job whose files keep being invisible has other trouble than a slow directory, so its patience halves.
        """
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

    def _timed(self, job: LiveJob, way: Upstream, callback: Callback, ticket: Ticket, body: bytes) -> Reply:
        started = self._clock()
        try:
            reply = way.send(callback.method, callback.upstream_target, ticket.token, body)
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
