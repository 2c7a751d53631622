"""A budget of so many per second, with a burst of one second's worth; pure, the clock is the caller's."""

import threading


class Budget:
    """A token bucket."""

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
