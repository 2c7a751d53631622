"""Tells the orchestrators that this worker is here, when they are configured: push discovery and heartbeat."""

import threading
from collections.abc import Callable, Sequence

import requests

from scaleplex.common.log import Log, Secret
from scaleplex.protocol.client import SignedSession
from scaleplex.protocol.messages import Capability, Registration

PERIOD_SECONDS = 5.0
READ_SECONDS = 3.0
ANSWER_MAX_BYTES = 1 << 16


class Registrar:
    """Registers every five seconds with each orchestrator, from a thread of its own."""

    def __init__(
        self,
        orchestrators: Sequence[str],
        url: str,
        capability: Callable[[], Capability],
        secret: Secret | None,
        log: Log,
    ) -> None:
        self._orchestrators = tuple(orchestrators)
        self._url = url
        self._capability = capability
        self._secret = secret
        self._log = log
        self._failing: set[str] = set()
        self._stop = threading.Event()

    def start(self) -> None:
        """Begin, if there is anybody to register with."""
        if self._orchestrators:
            threading.Thread(target=self._run, name="registration", daemon=True).start()

    def stop(self) -> None:
        """Register no more; the orchestrators forget this worker after its time to live."""
        self._stop.set()

    def _run(self) -> None:
        session = SignedSession(self._secret)
        while not self._stop.is_set():
            message = Registration(self._url, self._capability()).to_json()
            for orchestrator in self._orchestrators:
                self._register(session, orchestrator, message)
            self._stop.wait(PERIOD_SECONDS)
        session.close()

    def _register(self, session: SignedSession, orchestrator: str, message: dict[str, object]) -> None:
        try:
            status = session.request(
                "POST",
                orchestrator + "/register",
                json=message,
                read_seconds=READ_SECONDS,
                answer_max_bytes=ANSWER_MAX_BYTES,
            ).status_code
            problem = None if status < 300 else f"it answered {status}"
        except requests.RequestException as exc:
            problem = str(exc)
        if problem is None:
            self._failing.discard(orchestrator)
        elif orchestrator not in self._failing:
            self._failing.add(orchestrator)
            self._log.warning("registration failed", orchestrator=orchestrator, problem=problem)
