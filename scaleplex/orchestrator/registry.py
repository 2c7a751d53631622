"""What is known of each worker, and when it stops being believed. Pure: times come from the caller, monotonic seconds.

A worker is known as long as a source vouches for it: the static list for ever, DNS and a worker's own registration for
a while. It is believed as long as it answers: a refused connection ends that at once, two polls without an answer do,
and so does silence. What was placed counts as load from that moment on, until the worker's own list shows it, or has
had time to.
"""

import math
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from scaleplex.orchestrator.scheduler import Candidate
from scaleplex.protocol.messages import Capability, PlacementRequest

FAILURES_ALLOWED = 1
# From an orchestrator's answer to the task in the worker's list: a signed request and the worker's checks.
ARRIVAL_SECONDS = 3.0
PENDING_SECONDS = 10.0
SESSIONS_REMEMBERED = 4096

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Job:
    """A job and where it runs, or is about to."""

    worker: str
    session: str
    job: str
    kind: str
    attempt: int
    pending: bool


@dataclass(frozen=True, slots=True)
class Pending:
    """A placement the worker's own list does not show yet."""

    job: Job
    placed_s: float


@dataclass(slots=True)
class Entry:
    """One worker; ``vouched`` holds when each source's word ends."""

    url: str
    vouched: dict[str, float] = field(default_factory=dict)
    capability: Capability | None = None
    heard_s: float = -math.inf
    failures: int = 0
    refused: bool = False
    problem: str = "not asked yet"
    pending: list[Pending] = field(default_factory=list)
    last_placed: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """One worker as an operator sees it; ``problem`` is None when it is believed."""

    url: str
    source: str
    state: str
    age_seconds: float | None
    capability: Capability | None
    problem: str | None
    pending: int


class Registry:
    """All workers known to this orchestrator; guarded by its owner's lock."""

    def __init__(self, stale_seconds: float) -> None:
        """Begin with nothing.

        Args:
            stale_seconds: how long a worker that is not heard of is still believed.
        """
        self._stale_seconds = stale_seconds
        self._entries: dict[str, Entry] = {}
        self._placements = 0
        # Session → the worker it was last placed on; (session, kind) → its jobs in the order they were first placed.
        self._served: OrderedDict[str, str] = OrderedDict()
        self._jobs: OrderedDict[tuple[str, str], list[str]] = OrderedDict()

    # --- who is there -----------------------------------------------------------------------------------------------

    def vouch(self, source: str, urls: Iterable[str], until_s: float = math.inf) -> None:
        """Note the workers a source names; those it named before and no longer does lose its word."""
        named = list(dict.fromkeys(urls))
        for url in named:
            self._entry(url).vouched[source] = until_s
        for entry in self._entries.values():
            if entry.url not in named:
                entry.vouched.pop(source, None)

    def register(self, url: str, capability: Capability, until_s: float, now_s: float) -> None:
        """Note a worker's own registration."""
        self._entry(url).vouched["push"] = until_s
        self.heard(url, capability, now_s, now_s)

    def urls(self, now_s: float) -> list[str]:
        """Return the workers some source vouches for, and forget the others."""
        for entry in list(self._entries.values()):
            entry.vouched = {source: end for source, end in entry.vouched.items() if end > now_s}
            if not entry.vouched:
                del self._entries[entry.url]
        return sorted(self._entries)

    # --- what they say ----------------------------------------------------------------------------------------------

    def heard(self, url: str, capability: Capability, asked_s: float, now_s: float) -> None:
        """Note what a worker said of itself.

        Args:
            asked_s: when it was asked: placements made later cannot be in the answer.
        """
        entry = self._entries.get(url)
        if entry is None:
            return
        entry.capability, entry.heard_s, entry.failures, entry.refused = capability, now_s, 0, False
        shown = {task.job for task in capability.tasks}
        entry.pending = [p for p in entry.pending if p.job.job not in shown and asked_s <= p.placed_s + ARRIVAL_SECONDS]

    def failed(self, url: str, problem: str, *, refused: bool) -> None:
        """Note that a worker did not answer; ``refused`` when its host said that nothing listens there."""
        entry = self._entries.get(url)
        if entry is not None:
            entry.failures += 1
            entry.refused = refused
            entry.problem = problem

    # --- placing ----------------------------------------------------------------------------------------------------

    def candidates(self, request: PlacementRequest, now_s: float) -> list[Candidate]:
        """Return what the scheduler has to know, one candidate for each known worker."""
        return [self._candidate(self._entries[url], request, now_s) for url in self.urls(now_s)]

    def older_jobs(self, request: PlacementRequest) -> list[Job]:
        """Return the jobs a placement makes obsolete: of its session and kind, known now, and not placed after it.

        Only a first attempt supersedes: a later one is an old job that goes on.
        """
        if request.attempt > 1:
            return []
        return [
            j for j in self.jobs() if (j.session, j.kind) == (request.session, request.kind) and j.job != request.job
        ]

    def newer_job(self, request: PlacementRequest) -> str | None:
        """Return the job that was placed after this request's job first was, in the same session and kind."""
        placed = self._jobs.get((request.session, request.kind), [])
        return placed[-1] if request.job in placed[:-1] else None

    def placed(self, url: str, request: PlacementRequest, now_s: float) -> None:
        """Note a placement."""
        entry = self._entry(url)
        self._placements += 1
        entry.last_placed = self._placements
        job = Job(url, request.session, request.job, request.kind, request.attempt, pending=True)
        for other in self._entries.values():
            other.pending = [p for p in other.pending if p.job.job != request.job]
        entry.pending.append(Pending(job, now_s))
        _remember(self._served, request.session, url)
        jobs = self._jobs.get((request.session, request.kind), [])
        if request.job not in jobs:
            jobs = [*jobs, request.job][-8:]
        _remember(self._jobs, (request.session, request.kind), jobs)

    # --- looking ----------------------------------------------------------------------------------------------------

    def jobs(self) -> list[Job]:
        """Return every job that runs or is about to, as far as is known."""
        found = []
        for entry in self._entries.values():
            tasks = entry.capability.tasks if entry.capability is not None else ()
            found += [Job(entry.url, t.session, t.job, t.kind, t.attempt, pending=False) for t in tasks]
            found += [p.job for p in entry.pending]
        return found

    def views(self, now_s: float) -> list[View]:
        """Return every known worker, by URL."""
        return [self._view(self._entries[url], now_s) for url in self.urls(now_s)]

    def _entry(self, url: str) -> Entry:
        return self._entries.setdefault(url, Entry(url))

    def _view(self, entry: Entry, now_s: float) -> View:
        problem = self._problem(entry, now_s)
        believed = entry.capability.state if entry.capability is not None else "unknown"
        return View(
            url=entry.url,
            source=", ".join(sorted(entry.vouched)),
            state=believed if problem is None or entry.capability is None else "lost",
            age_seconds=None if entry.capability is None else round(now_s - entry.heard_s, 3),
            capability=entry.capability,
            problem=problem,
            pending=len(_fresh(entry.pending, now_s)),
        )

    def _problem(self, entry: Entry, now_s: float) -> str | None:
        if entry.capability is None:
            return f"never heard of: {entry.problem}"
        if entry.refused or entry.failures > FAILURES_ALLOWED:
            return f"lost: {entry.problem}"
        if now_s - entry.heard_s > self._stale_seconds:
            return f"silent for {now_s - entry.heard_s:.0f} s"
        return None

    def _candidate(self, entry: Entry, request: PlacementRequest, now_s: float) -> Candidate:
        capability = entry.capability
        ours = (request.session, request.kind)
        waiting = [p for p in _fresh(entry.pending, now_s) if (p.job.session, p.job.kind) != ours]
        ending = [t for t in capability.tasks if (t.session, t.kind) == ours] if capability is not None else []
        sessions = capability.sessions if capability is not None else 0
        return Candidate(
            url=entry.url,
            problem=self._problem(entry, now_s),
            state=capability.state if capability is not None else "unknown",
            backend=capability.backend if capability is not None else "",
            sessions=max(0, sessions - len(ending)),
            expected=len(waiting),
            max_sessions=capability.max_sessions if capability is not None else 0,
            cpu_load=capability.cpu_load if capability is not None else 0.0,
            encoders=capability.encoders if capability is not None else (),
            decoders=capability.decoders if capability is not None else (),
            has_served=self._served.get(request.session) == entry.url or bool(ending),
            last_placed=entry.last_placed,
        )


def _fresh(pending: list[Pending], now_s: float) -> list[Pending]:
    return [p for p in pending if now_s - p.placed_s <= PENDING_SECONDS]


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> None:
    """Note a value, as the newest of a bounded number."""
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > SESSIONS_REMEMBERED:
        memory.popitem(last=False)
