"""The registry under its one lock, with the clocks and the fleet secret: what the resources and the poller share."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from scaleplex.common.errors import NoWorker, Superseded
from scaleplex.common.log import Secret
from scaleplex.orchestrator.registry import Job, Registry, View
from scaleplex.orchestrator.scheduler import Nobody, choose
from scaleplex.protocol import wire
from scaleplex.protocol.messages import Capability, Placement, PlacementRequest
from scaleplex.protocol.signing import wall_clock_ms


@dataclass(frozen=True, slots=True)
class Placed:
    """A placement and the jobs it makes obsolete."""

    placement: Placement
    superseded: tuple[Job, ...]


class Fleet:
    """What this orchestrator knows, safe to use from any thread; no method waits for anything but the lock."""

    def __init__(
        self,
        registry: Registry,
        secret: Secret | None,
        clock: Callable[[], float] = time.monotonic,
        clock_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._registry = registry
        self._secret = secret.reveal() if secret is not None else b""
        self._clock = clock
        self._clock_ms = clock_ms
        self._lock = threading.Lock()

    def place(self, request: PlacementRequest) -> Placed:
        """Choose a worker and note the choice.

        Raises:
            NoWorker: nobody can take the job; the reason of each worker is in the text.
            Superseded: this orchestrator has placed a newer job of the session and kind since.
        """
        now_s = self._clock()
        with self._lock:
            newer = self._registry.newer_job(request)
            if newer is not None:
                raise Superseded(
                    f"Job {newer} of this session was placed after this one.",
                    "Nothing to do: PMS has replaced the job.",
                )
            decision = choose(self._registry.candidates(request, now_s), request)
            if isinstance(decision, Nobody):
                raise _no_worker(decision)
            worker = decision.worker
            obsolete = tuple(self._registry.older_jobs(request))
            self._registry.placed(worker.url, request, now_s)
        expires_ms = self._clock_ms() + wire.TICKET_LIFETIME_MS
        ticket = wire.make_ticket(
            self._secret, wire.authority(worker.url), request.session, request.job, request.attempt, expires_ms
        )
        return Placed(Placement(worker.url, ticket, worker.backend, decision.reason), obsolete)

    def vouch(self, source: str, urls: Iterable[str], for_seconds: float = float("inf")) -> None:
        """Note the workers that a source names."""
        with self._lock:
            self._registry.vouch(source, urls, self._clock() + for_seconds)

    def register(self, url: str, capability: Capability, ttl_seconds: float) -> None:
        """Note a worker's own registration."""
        now_s = self._clock()
        with self._lock:
            self._registry.register(url, capability, now_s + ttl_seconds, now_s)

    def heard(self, url: str, capability: Capability, asked_s: float) -> None:
        """Note a worker's answer to a poll that was sent at ``asked_s`` of this fleet's clock."""
        with self._lock:
            self._registry.heard(url, capability, asked_s, self._clock())

    def failed(self, url: str, problem: str, *, refused: bool) -> None:
        """Note that a worker did not answer a poll."""
        with self._lock:
            self._registry.failed(url, problem, refused=refused)

    def urls(self) -> list[str]:
        """Return the workers somebody vouches for."""
        with self._lock:
            return self._registry.urls(self._clock())

    def views(self) -> list[View]:
        """Return the workers as an operator sees them."""
        with self._lock:
            return self._registry.views(self._clock())

    def jobs(self) -> list[Job]:
        """Return all jobs known to run or to be about to."""
        with self._lock:
            return self._registry.jobs()

    def now(self) -> float:
        """Return this fleet's clock, monotonic seconds."""
        return self._clock()


def _no_worker(nobody: Nobody) -> NoWorker:
    if not nobody.reasons:
        return NoWorker(
            "No worker is known.",
            "Set SCALEPLEX_ORCHESTRATOR_WORKERS_LIST or WORKERS_DNS, or let workers register themselves.",
        )
    reasons = "; ".join(f"{url}: {reason}" for url, reason in sorted(nobody.reasons.items()))
    full = all(reason.startswith("full") for reason in nobody.reasons.values())
    hint = (
        "Add a worker or raise its SCALEPLEX_WORKER_MAX_SESSIONS."
        if full
        else "Look at the workers named here: `scaleplex status`, `systemctl status scaleplex-worker`."
    )
    return NoWorker(f"No worker can take the job. {reasons}.", hint)
