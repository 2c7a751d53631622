"""How much at a time, and how much in a second; the clock is the caller's."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from scaleplex.common.errors import Busy


class Budget:
    """A token bucket: so many per second, with a burst of one second's worth."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._burst = max(1.0, per_second)
        self._left = self._burst
        self._last_s: float | None = None
        self._lock = threading.Lock()

    def spend(self, now_s: float) -> bool:
        """Take one; return False when there is none left.

        Args:
            now_s: monotonic seconds.
        """
        with self._lock:
            if self._last_s is not None:
                self._left = min(self._burst, self._left + (now_s - self._last_s) * self._per_second)
            self._last_s = now_s
            if self._left < 1.0:
                return False
            self._left -= 1.0
            return True


class Places:
    """So many at a time. Whoever finds no place is told so at once: a queue would hold a thread for each that waits."""

    def __init__(self, count: int) -> None:
        self._free = threading.BoundedSemaphore(count)

    @contextmanager
    def one(self, what: str) -> Iterator[None]:
        """Take a place for the time of the block.

        Args:
            what: whose places these are, for the sentence.

        Raises:
            Busy: there is none.
        """
        if not self._free.acquire(blocking=False):
            raise Busy(f"As many {what} are under way as this relay carries at a time.", "Send it again in a moment.")
        try:
            yield
        finally:
            self._free.release()
