"""The relay's one background thread: dead jobs are removed, their connections closed, new events counted."""

import threading
import time

from scaleplex.common.log import Log
from scaleplex.relay.events import EventFile
from scaleplex.relay.forward import Forwarder
from scaleplex.relay.meters import Meters
from scaleplex.relay.tickets import Tickets


class Housekeeping(threading.Thread):
    """Looks at the runtime directory every few seconds, until stopped."""

    def __init__(
        self,
        *,
        tickets: Tickets,
        forwarder: Forwarder,
        events: EventFile,
        meters: Meters,
        log: Log,
        pause_seconds: float,
    ) -> None:
        super().__init__(name="housekeeping", daemon=True)
        self._tickets = tickets
        self._forwarder = forwarder
        self._events = events
        self._meters = meters
        self._log = log
        self._pause_seconds = max(0.05, pause_seconds)
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.is_set():
            try:
                self.once()
            except OSError as exc:
                self._log.warning("the runtime directory cannot be kept tidy", problem=exc)
            except Exception as exc:
                self._log.bug("housekeeping failed", exc)
            self._ended.wait(self._pause_seconds)

    def once(self) -> None:
        """Do one round."""
        alive, removed = self._tickets.sweep(time.time())
        self._meters.jobs.set(alive)
        self._meters.swept.add(removed)
        self._forwarder.forget(self._tickets.alive)
        self._events.read()

    def stop(self) -> None:
        """End the thread after the round under way."""
        self._ended.set()
