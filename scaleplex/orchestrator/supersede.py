"""A newer job of a session and kind ends the older one, wherever in the fleet it runs.

PMS kills the older job's shim itself, and a worker ends a task whose shim is gone; this is the second line, for a shim
that hangs or a host that is cut off. Which jobs are obsolete is decided with the placement, from what was known then
(``Registry.older_jobs``): whatever is seen later may be newer and is never touched. Job ids are never used twice, so a
kill that is late can only meet the job it was meant for.
"""

import threading
from collections.abc import Iterable

import requests

from scaleplex.common.log import Log, Secret
from scaleplex.orchestrator.meters import Meters
from scaleplex.orchestrator.registry import Job
from scaleplex.protocol.client import SignedSession

CONNECT_SECONDS = 0.5
READ_SECONDS = 2.0
ANSWER_MAX_BYTES = 1 << 16
# The task of a placement may still be on its way from the shim to the worker.
PAUSES_SECONDS = (0.0, 1.0, 3.0)


class Superseder:
    """Tells workers, in the background, to end obsolete jobs."""

    def __init__(
        self, secret: Secret | None, log: Log, meters: Meters, pauses_seconds: Iterable[float] = PAUSES_SECONDS
    ) -> None:
        self._secret = secret
        self._log = log
        self._meters = meters
        self._pauses_seconds = tuple(pauses_seconds)
        self._stopped = threading.Event()

    def end(self, jobs: Iterable[Job], newer: str) -> None:
        """End jobs that the job ``newer`` has made obsolete; returns at once."""
        for job in jobs:
            if job.job != newer and not self._stopped.is_set():
                threading.Thread(target=self._end, args=(job, newer), name="supersede", daemon=True).start()

    def stop(self) -> None:
        """Give up what has not been sent."""
        self._stopped.set()

    def _end(self, job: Job, newer: str) -> None:
        outcome = "failed"
        session = SignedSession(self._secret)
        try:
            for pause_seconds in self._pauses_seconds:
                if self._stopped.wait(pause_seconds):
                    return
                outcome = self._try(session, job)
                if outcome == "ended" or (outcome == "gone" and not job.pending):
                    break
        except Exception as exc:
            self._log.bug("superseding failed", exc, worker=job.worker, session=job.session, job=job.job)
        finally:
            session.close()
        self._meters.superseded.add(outcome=outcome)
        write = self._log.warning if outcome == "failed" else self._log.info
        write("older job superseded", worker=job.worker, session=job.session, job=job.job, newer=newer, outcome=outcome)

    def _try(self, session: SignedSession, job: Job) -> str:
        try:
            answer = session.request(
                "POST",
                f"{job.worker}/task/{job.job}/kill",
                json={"reason": "superseded", "attempt": job.attempt},
                connect_seconds=CONNECT_SECONDS,
                read_seconds=READ_SECONDS,
                answer_max_bytes=ANSWER_MAX_BYTES,
            )
        except requests.RequestException:
            return "failed"
        if answer.status_code == 404:
            return "gone"
        return "ended" if 200 <= answer.status_code < 300 else "failed"
