"""One at a time, in the order of arrival.

A plain lock wakes whichever thread it likes, so manifests would overtake each other and segments listed in none but the
overtaken ones would never be announced.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Queue:
    """A queue of threads; the one in front works, the others wait."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._arrived = 0
        self._done = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until everybody who came before is done, and hold the place in front."""
        with self._changed:
            mine = self._arrived
            self._arrived += 1
            self._changed.wait_for(lambda: self._done == mine)
        try:
            yield
        finally:
            with self._changed:
                self._done += 1
                self._changed.notify_all()

    def wait_empty(self, limit_seconds: float) -> bool:
        """Wait until nobody is in the queue, at most so long; return whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: self._done == self._arrived, limit_seconds)
