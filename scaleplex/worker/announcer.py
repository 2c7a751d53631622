"""The one sender of a task's manifests: what ffmpeg announced reaches PMS, or the task does not end well.

ffmpeg leaves its manifests with this process (``listener``) and goes on. They are handed to the relay from a thread of
their own, in order, each again and again until it was taken; so a relay or a PMS that restarts costs a moment and no
segment. The newest of a stream wins: a manifest that waits is dropped when a later one names everything it would have
told. Segment lists hold the whole history, so of those one waits at most; an MPD shows the last five segments, so of a
long outage about every fifth stays. See docs/decisions/0035-the-worker-announces.md.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from scaleplex.common.errors import ScaleplexError
from scaleplex.protocol import manifests
from scaleplex.worker.relay_client import GONE, SERVER_ERRORS, Transport, Unreachable, is_refusal, refusal

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
# From ffmpeg's end until everything has to be taken: longer than a restart of the relay or of PMS.
FINAL_SECONDS = 30.0
# How long one may wait while ffmpeg runs: by then PMS has given the session up by itself.
OLDEST_SECONDS = 180.0
# What ffmpeg sent before it ended is in this process by then.
SETTLE_SECONDS = 5.0
# The relay waits 2 s for files to become visible on the Plex host, and then for PMS.
READ_SECONDS = 15.0
# All of it: a request may have begun just before the end.
LONGEST_END_SECONDS = SETTLE_SECONDS + FINAL_SECONDS + READ_SECONDS + 2.0
BUSY = 503


@dataclass(eq=False, slots=True)
class Waiting:
    """A manifest on its way.

    Attributes:
        names: the files it names, None when it cannot be read.
        fresh: those that no earlier one has named.
        under_way: it is being sent.
    """

    target: str
    body: bytes
    since: float
    names: frozenset[str] | None
    fresh: frozenset[str] = field(default_factory=frozenset)
    under_way: bool = False


class Backlog:
    """What ffmpeg has announced and the relay has not taken, oldest first; guarded by whoever owns it."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []
        self._named: dict[str, set[str]] = {}  # by stream: what was taken or waits
        self._cut: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._waiting or self._cut)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, target: str, body: bytes, now: float) -> None:
        """Put a manifest at the end, and drop those of its stream that it makes needless."""
        try:
            names = frozenset(manifests.read(body).names)
        except ScaleplexError:
            names = None  # the relay says what is wrong with it
        named = self._named.setdefault(target, set())
        new = Waiting(target, body, now, names)
        if names is not None:
            while (last := self._last(target)) and last.names is not None and last.fresh <= names:
                self._waiting.remove(last)
                named -= last.fresh
                new.since = min(new.since, last.since)
            new.fresh = names - named
            named |= new.fresh
        self._waiting.append(new)
        self._cut.discard(target)

    def cut(self, target: str) -> None:
        """Note that a manifest of a stream was lost on its way here; the next one may make up for it."""
        self._cut.add(target)

    def first(self) -> Waiting | None:
        """Return the oldest."""
        return self._waiting[0] if self._waiting else None

    def taken(self, waiting: Waiting) -> None:
        """Take out what was delivered."""
        self._waiting.remove(waiting)

    def _last(self, target: str) -> Waiting | None:
        last = next((one for one in reversed(self._waiting) if one.target == target), None)
        return None if last is None or last.under_way else last


class Announcer:
    """Announces for one task; ``take``, ``cut``, ``finish`` and ``abort`` never wait.

    Attributes:
        done: nothing more will be sent.
        taken: ffmpeg has ended, and everything it announced was taken.
    """

    def __init__(
        self,
        base: str,
        *,
        transport: Transport,
        settle: Callable[[float], bool],
        on_first: Callable[[], None],
        on_gone: Callable[[], None],
        on_refused: Callable[[str], None],
        on_lost: Callable[[str], None],
        on_done: Callable[[], None],
        count: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make the sender of one attempt.

        Args:
            base: what takes the place of PMS's address, ``RELAY/cb/ATTEMPT/SIGNATURE``.
            settle: waits, at most so many seconds, until what ffmpeg sent is here; called once it has ended.
            on_first: PMS may have been told of something from now on.
            on_gone: the relay says that the job has ended.
            on_refused: the relay does not take this worker's word; the sentence says why.
            on_lost: something waits for too long; the sentence says so.
        """
        self._base = base.rstrip("/")
        self._transport = transport
        self._settle = settle
        self._on_first = on_first
        self._on_gone = on_gone
        self._on_refused = on_refused
        self._on_lost = on_lost
        self._on_done = on_done
        self._count = count
        self._clock = clock
        self._changed = threading.Condition()
        self._backlog = Backlog()
        self._finishing_at: float | None = None
        self._settled: bool | None = None
        self._aborted = False
        self._told = False
        self._problem = "nothing was sent yet"
        self.done = False
        self.taken = False
        self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)

    def start(self) -> None:
        """Begin to send what comes."""
        self._thread.start()

    def take(self, target: str, body: bytes) -> None:
        """Take a manifest over; the target is path and query as PMS would have seen them."""
        with self._changed:
            self._backlog.add(target, body, self._clock())
            self._changed.notify()

    def cut(self, target: str) -> None:
        """Note a manifest that did not come whole."""
        with self._changed:
            self._backlog.cut(target)

    def finish(self) -> None:
        """ffmpeg has ended: deliver what waits, at most FINAL_SECONDS and the time-outs of one request."""
        with self._changed:
            self._finishing_at = self._clock()
            self._changed.notify()

    def abort(self) -> None:
        """End without another word: nobody listens any more."""
        with self._changed:
            self._aborted = True
            self._changed.notify()
        if not self._thread.is_alive():
            self.done = True

    def why(self) -> str:
        """Return a sentence about what was not taken."""
        with self._changed:
            return (
                f"{len(self._backlog)} announcement(s) were not taken by the relay; the last answer: {self._problem}."
            )

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        try:
            while (waiting := self._next()) is not None:
                if self._deliver(waiting):
                    pause = FIRST_PAUSE_SECONDS
                    continue
                with self._changed:
                    self._changed.wait_for(lambda: self._aborted, pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        finally:
            self._transport.close()
            self.done = True
            self._on_done()

    def _next(self) -> Waiting | None:
        """Wait for something to send; return None when there is nothing more to come, or no time for it."""
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._aborted or self._finishing_at is not None or len(self._backlog) > 0
                )
                finishing_at = self._finishing_at
            if finishing_at is not None and self._settled is None:
                self._settled = self._settle(SETTLE_SECONDS)
            with self._changed:
                if self._aborted:
                    return None
                first = self._backlog.first()
                if finishing_at is not None and (first is None or self._clock() - finishing_at >= FINAL_SECONDS):
                    self.taken = bool(self._settled) and not self._backlog
                    return None
                if first is not None:
                    first.under_way = True
                    return first

    def _deliver(self, waiting: Waiting) -> bool:
        """Send one; return whether it was taken."""
        try:
            reply = self._transport.send(
                "POST", self._base + waiting.target, body=waiting.body, read_seconds=READ_SECONDS
            )
        except Unreachable as exc:
            self._failed(waiting, "unreachable", str(exc))
            return False
        except OSError as exc:  # it may have arrived
            self._first()
            self._failed(waiting, "unreachable", str(exc))
            return False
        self._count("manifest", str(reply.status))
        if reply.status < 400:
            self._first()
            with self._changed:
                self._backlog.taken(waiting)
            return True
        if reply.status == GONE:
            self._end(self._on_gone)
        elif is_refusal(reply):
            sentence = refusal("manifest", reply)
            self._end(lambda: self._on_refused(sentence))
        elif reply.status >= SERVER_ERRORS and reply.status != BUSY:
            self._first()  # PMS may have taken it, and only its answer was lost
        self._failed(waiting, "", f"status {reply.status}")
        return False

    def _first(self) -> None:
        if not self._told:
            self._told = True
            self._on_first()

    def _failed(self, waiting: Waiting, counted: str, problem: str) -> None:
        if counted:
            self._count("manifest", counted)
        with self._changed:
            waiting.under_way = False
            self._problem = problem[:200]
            too_old = self._finishing_at is None and self._clock() - waiting.since >= OLDEST_SECONDS
        if too_old and not self._aborted:
            sentence = f"An announcement waited {OLDEST_SECONDS:g} s for the relay; the last answer: {problem[:200]}."
            self._end(lambda: self._on_lost(sentence))

    def _end(self, tell: Callable[[], None]) -> None:
        self._aborted = True
        tell()
