"""The shared mounts, which may hang: file operations that are given up after a while.

A mount whose server is away blocks every call that needs the server, for hours if nobody ends the process. A thread
cannot be interrupted in there, so such calls run in threads of their own, and the caller goes on without an answer.
A few threads may hang at once; after that, calls are refused at once.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from scaleplex.common.errors import StorageHung

T = TypeVar("T")
HUNG_MAX = 8
PROBE_EVERY_SECONDS = 5.0
PROBE_SECONDS = 5.0
HINT = "Look at the file server and at the mount on this host (dmesg names an NFS server that does not answer)."


class Storage:
    """Runs file operations with a time limit, and watches the transcode root.

    Attributes:
        hung: how many calls were given up and still hang.
    """

    def __init__(
        self,
        transcode_root: Path,
        *,
        probe: Callable[[Path], object] = os.statvfs,
        probe_seconds: float = PROBE_SECONDS,
        probe_every_seconds: float = PROBE_EVERY_SECONDS,
        on_change: Callable[[str | None], None] = lambda problem: None,
    ) -> None:
        """Make the parts; nothing runs yet.

        Args:
            transcode_root: the directory that decides whether this worker can take tasks.
            probe: asks the server of a directory for something no client remembers; its answer does not matter.
            probe_seconds: how long the server may take.
            probe_every_seconds: pause between two probes.
            on_change: told when the transcode root hangs (a sentence) and when it answers again (None).
        """
        self._root = transcode_root
        self._probe = probe
        self._probe_seconds = probe_seconds
        self._probe_every_seconds = probe_every_seconds
        self._on_change = on_change
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._silent_since: float | None = None
        self.hung = 0

    def run(self, operation: Callable[[], T], seconds: float, what: str) -> T:
        """Return what an operation returns, or raise what it raises.

        Args:
            seconds: how long it may take.
            what: the directory or file it needs, for the error.

        Raises:
            StorageHung: it took longer, or too many earlier ones hang.
        """
        with self._lock:
            if self.hung >= HUNG_MAX:
                raise StorageHung(f"{self.hung} file operations hang on this worker.", HINT)
        call = _Call(operation)
        threading.Thread(target=call.run, name="storage", daemon=True).start()
        if not call.ended.wait(seconds):
            with self._lock:
                # It may have ended just now; then nobody else would take it off the list.
                if not call.give_up(self._came_back):
                    self.hung += 1
                    raise StorageHung(f"{what} has not answered for {seconds:g} s.", HINT)
        return call.result()

    def _came_back(self) -> None:
        with self._lock:
            self.hung -= 1

    @property
    def problem(self) -> str | None:
        """Why this worker can take no task, a sentence; None while the transcode root answers."""
        since = self._silent_since
        if since is None:
            return None
        return f"The transcode directory {self._root} hangs: no answer for {time.monotonic() - since:.0f} s. {HINT}"

    def watch(self) -> None:
        """Begin to probe the transcode root."""
        threading.Thread(target=self._watch, name="storage-watch", daemon=True).start()

    def stop(self) -> None:
        """Probe no more."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.is_set():
            call = _Call(lambda: self._probe(self._root))
            began = time.monotonic()
            threading.Thread(target=call.run, name="storage-probe", daemon=True).start()
            if not call.ended.wait(self._probe_seconds):
                self._silent_since = began
                self._on_change(self.problem)
                while not call.ended.wait(self._probe_every_seconds) and not self._stop.is_set():
                    pass
                if not self._stop.is_set():
                    self._silent_since = None
                    self._on_change(None)
            self._stop.wait(self._probe_every_seconds)


class _Call(Generic[T]):
    """One operation, its result, and whether somebody still waits for it."""

    def __init__(self, operation: Callable[[], T]) -> None:
        self._operation = operation
        self._lock = threading.Lock()
        self._value: T | None = None
        self._error: BaseException | None = None
        self._on_end: Callable[[], None] | None = None
        self.ended = threading.Event()

    def run(self) -> None:
        try:
            self._value = self._operation()
        except BaseException as exc:  # whatever it is, it belongs to whoever waits
            self._error = exc
        with self._lock:
            self.ended.set()
            on_end = self._on_end
        if on_end is not None:
            on_end()

    def give_up(self, on_end: Callable[[], None]) -> bool:
        """Wait no longer; return True when it has ended by now, else ``on_end`` is called when it does."""
        with self._lock:
            if self.ended.is_set():
                return True
            self._on_end = on_end
            return False

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # T may be None itself
