"""List the session directory now and then, without ever waiting for it.

Segments are written on another host, and the Plex host's NFS client remembers for a while that a file did not exist.
A listing revalidates the directory; asking for a name could plant the very answer it shall remove.

Each listing runs in a thread of its own: when the file server hangs, the thread hangs, and the shim goes on. The next
one starts only after the last has ended.
"""

import _thread
import posix

EVERY_SECONDS = 0.2
FOR_SECONDS = 60.0  # once the first segments are served, the relay's own look before each announcement is enough


class Listing:
    """The listings of one playback."""

    def __init__(self, now: float) -> None:
        """Begin.

        Args:
            now: monotonic seconds.
        """
        self._next = 0.0
        self._last = now + FOR_SECONDS
        self._under_way = False

    def refresh(self, now: float) -> None:
        """Start a listing if it is time for one; returns at once."""
        if self._under_way or now < self._next or now > self._last:
            return
        self._next = now + EVERY_SECONDS
        self._under_way = True
        try:
            _thread.start_new_thread(self._list, ())
        except RuntimeError:  # no thread to be had: one listing less
            self._under_way = False

    def stop(self) -> None:
        """List no more: the first segment is announced."""
        self._last = 0.0

    def _list(self) -> None:
        try:
            posix.listdir(".")
        except OSError:
            pass  # PMS may have removed it already
        self._under_way = False
