"""The list of breaches of the contract that the stand-in saw."""

import threading
import time
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One breach; ``code`` is a fixed word that tests may count or leave out."""

    code: str
    detail: str
    session: str
    job: str
    time_seconds: float


class Recorder:
    """Collects violations; the same words about the same job are kept once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str, str], Violation] = {}

    def add(self, code: str, detail: str, session: str = "", job: str = "") -> None:
        """Note a breach."""
        with self._lock:
            self._seen.setdefault((code, detail, job), Violation(code, detail, session, job, time.time()))

    def to_json(self) -> list[dict[str, object]]:
        """Return everything noted so far, oldest first."""
        with self._lock:
            return [asdict(violation) for violation in self._seen.values()]
