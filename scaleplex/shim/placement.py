"""Where a job may run: the orchestrators' answer, or the static list when none of them answers."""

import time

from scaleplex.protocol import wire
from scaleplex.shim import config, http

SEARCH_SECONDS = 3.0  # the viewer is waiting, and the first timeouts downstream are 20 s
ANSWER_SECONDS = 2.0
SUPERSEDED = "superseded"


class Search:
    """Finds one worker after the other for a job; remembers who refused, was lost or did not answer."""

    def __init__(self, settings: config.Config, secret: bytes, wish: dict[str, object]) -> None:
        """Begin a search.

        Args:
            wish: session, job, attempt, kind and needs, as ``POST /placement`` takes them; the caller may change it.
        """
        self._secret = secret
        self._wish = wish
        self._orchestrators = list(settings.orchestrators)
        # Without an orchestrator to balance them, different jobs begin at different workers.
        start = int(str(wish["job"])[:8], 16) % max(len(settings.workers), 1)
        self._static = settings.workers[start:] + settings.workers[:start]
        self._excluded: list[str] = []
        self.failures: list[str] = []
        self.reason = ""  # why the worker found last was chosen, for its journal
        self.restart()

    def restart(self) -> None:
        """Give the search its full time again: a worker was found and lost."""
        self._deadline = time.monotonic() + SEARCH_SECONDS

    def seconds_left(self) -> float:
        """Return how long the viewer may still be kept waiting."""
        return self._deadline - time.monotonic()

    def exclude(self, worker: str, why: str) -> None:
        """Never offer a worker again."""
        self._excluded.append(worker)
        self.failures.append(f"{worker}: {why}")

    def next_worker(self) -> tuple[str, str] | None:
        """Return URL and ticket of the next worker to try, or None when there is none or no time.

        Raises:
            SupersededError: an orchestrator knows a newer job of the session.
        """
        while self._orchestrators and self.seconds_left() > 0:
            url = self._orchestrators[0]
            try:
                return self._ask(url)
            except NoWorkerError as answer:
                self.failures.append(f"{url}: {answer}")
                return None
            except (OSError, ValueError) as exc:
                # It is not asked again: every further refusal would cost its timeout once more.
                self.failures.append(f"{url}: {getattr(exc, 'strerror', None) or exc}")
                del self._orchestrators[0]
        for worker in self._static:
            if worker not in self._excluded and self.seconds_left() > 0:
                self.reason = "static-list"
                return worker, self._ticket(worker)
        return None

    def _ask(self, url: str) -> tuple[str, str]:
        body = wire.dump_json({**self._wish, "exclude": self._excluded}).encode()
        seconds = min(ANSWER_SECONDS, self.seconds_left())
        status, text = http.exchange(url, "/placement", body, self._secret, seconds)
        answer = wire.load_json(text.decode())
        if not isinstance(answer, dict):
            raise ValueError(f"answered {status} and no object")
        if status == 503 and answer.get("error") == "no-worker":
            raise NoWorkerError(str(answer.get("detail")))
        if answer.get("error") == SUPERSEDED:
            raise SupersededError(str(answer.get("detail")))
        worker, ticket = answer.get("worker"), answer.get("ticket")
        if status != 200 or not isinstance(worker, str) or not isinstance(ticket, str) or not config.is_url(worker):
            raise ValueError(f"answered {status} {answer.get('error')}: {answer.get('detail')}")
        if worker in self._excluded:
            raise ValueError(f"offered {worker} again")
        self.reason = str(answer.get("reason") or "")
        return worker, ticket

    def _ticket(self, worker: str) -> str:
        session, job, attempt = str(self._wish["session"]), str(self._wish["job"]), int(str(self._wish["attempt"]))
        expires_ms = time.time_ns() // 1_000_000 + wire.TICKET_LIFETIME_MS
        return wire.make_ticket(self._secret, wire.authority(worker), session, job, attempt, expires_ms)


class SupersededError(Exception):
    """PMS has replaced this job by a newer one."""


class NoWorkerError(Exception):
    """An orchestrator answered that nobody can take the job."""
