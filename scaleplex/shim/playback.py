"""Hand a task to one worker and play back what it sends, until the exit frame or until the worker is lost."""

import posix
import select
import time

from scaleplex.protocol import wire
from scaleplex.shim import http, journal, listing

TYPE_CHECKING = False  # typing's own costs its import
if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[[str, float], http.Socket]

TICK_MS = 200
SEND_SECONDS = 2.0
RECEIVE_BYTES = 1 << 16

# Reason of an outcome that rests on nobody's signature: all it means is to try the next worker.
UNVERIFIED = "unverified"

# How a hand-over ends.
ENDED = "ended"  # the exit frame came: code, reason, detail, retry
REFUSED = "refused"  # an error answer: reason is its code
UNREACHABLE = "unreachable"  # the task was never delivered whole
LOST = "lost"  # the stream broke or fell silent
OUTPUT_CLOSED = "output-closed"  # PMS closed our stdout


class Outcome:
    """How a hand-over ended."""

    def __init__(self, word: str, reason: str, detail: str = "", code: int = 1, retry: bool = False) -> None:
        self.word = word
        self.reason = reason
        self.detail = detail
        self.code = code
        self.retry = retry
        self.worker = ""
        self.told = False


class Playback:
    """One attempt on one worker.

    ``begun`` is True once something may have been written or announced: from then on no second writer may start here.
    ``told`` is True once PMS may know of it: from then on none may start even after the first one has surely ended.
    """

    def __init__(self, silence_seconds: float, log: journal.Journal, connect: "Connect" = http.connect) -> None:
        self.begun = False
        self.told = False
        self._connect = connect
        self._log = log
        self._accepted = False
        self._epoch = ""
        self._silence_seconds = silence_seconds
        self._listing = listing.Listing(time.monotonic())

    def run(self, worker: str, task: bytes, secret: bytes, connect_seconds: float) -> Outcome:
        """Deliver the task and play its output back."""
        self._epoch = ""
        outcome = self._deliver(worker, task, secret, connect_seconds, wire.NO_EPOCH)
        if self._epoch and outcome.word == REFUSED and outcome.reason == wire.EPOCH_WANTED:
            # It has just started, and took nothing.
            outcome = self._deliver(worker, task, secret, connect_seconds, self._epoch)
        return outcome

    def _deliver(self, worker: str, task: bytes, secret: bytes, connect_seconds: float, epoch: str) -> Outcome:
        nonce = http.new_nonce()
        try:
            connection = self._connect(worker, connect_seconds)
        except OSError as exc:
            return Outcome(UNREACHABLE, "unreachable", str(exc))
        try:
            try:
                connection.settimeout(SEND_SECONDS)
                connection.sendall(http.post(worker, "/task", task, secret, nonce, epoch))
            except OSError as exc:
                return Outcome(UNREACHABLE, "unreachable", str(exc))
            return self._play(connection, worker, secret, nonce)
        finally:
            connection.close()

    def _play(self, connection: http.Socket, worker: str, secret: bytes, nonce: str) -> Outcome:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        self._response = http.ResponseReader()
        self._frames = wire.FrameReader(wire.FrameMac(secret, nonce) if secret else None)
        self._refusal = b""
        self._heard = time.monotonic()
        try:
            while not self._response.done and len(self._refusal) <= http.ANSWER_MAX_BYTES:
                readable = poll.poll(TICK_MS)
                self._listing.refresh(time.monotonic())
                outcome = self._receive(connection.recv(RECEIVE_BYTES), worker, secret, nonce) if readable else None
                if outcome:
                    return outcome
                # Only whole frames count, since anybody can send a byte now and then.
                if time.monotonic() - self._heard > self._silence_seconds:
                    return Outcome(LOST, "silent", f"nothing came for {self._silence_seconds:g} s")
        except (OSError, ValueError) as exc:
            return Outcome(LOST, "broken", str(exc))
        if self._response.status == 200:
            return Outcome(LOST, "broken", "the stream ended without an exit frame")
        if secret and not self._response.signed(secret, nonce, self._refusal):
            return Outcome(REFUSED, UNVERIFIED, http.unverified(self._response.status, self._refusal))
        self._epoch = self._response.epoch
        return refused(self._response.status, self._refusal)

    def _receive(self, received: bytes, worker: str, secret: bytes, nonce: str) -> Outcome | None:
        """Take what came; empty is the end of the connection."""
        response = self._response
        body = response.feed(received) if received else response.end()
        if response.status != 200:
            self._refusal += body
            return None
        if not self._accepted:
            if secret and not response.signed(secret, nonce, None):
                # Whoever took the task is none of ours: nothing it says counts, its exit code least of all.
                return Outcome(LOST, UNVERIFIED, http.unverified(200, b""))
            self._accepted = True
            self._log.event("placed", "accepted", f"{worker} took the task", worker)
        for kind, payload in self._frames.feed(body):
            outcome = self._act(kind, payload)
            if outcome:
                return outcome
            # Writing to a slow reader may have taken long; that silence was ours.
            self._heard = time.monotonic()
        self._frames.feed(b"")  # raises if what followed those frames is none
        return None

    def _act(self, kind: bytes, payload: bytes) -> Outcome | None:
        if kind == wire.EXIT:
            return ended(payload)
        if kind == wire.HEARTBEAT:
            return None
        self.begun = True
        if kind == wire.INFO:
            self._note(payload)
            return None
        self.told = self.told or kind == wire.STDOUT
        if not write_all(1 if kind == wire.STDOUT else 2, payload) and kind == wire.STDOUT:
            return Outcome(OUTPUT_CLOSED, "output-closed", "stdout was closed")
        return None

    def _note(self, payload: bytes) -> None:
        info = wire.load_json(payload.decode())
        if not isinstance(info, dict):
            return
        if info.get("event") == "announced":
            self.told = True
            self._listing.stop()
        elif info.get("event") == "spawned":
            pid, moment = str(info.get("pid")), str(info.get("monotonic_ns"))
            self._log.line(f"ffmpeg is process {pid} there", journal.INFO, worker_pid=pid, worker_monotonic_ns=moment)


def ended(payload: bytes) -> Outcome:
    """Return what an exit frame says; a code that is no exit code becomes 1.

    Raises:
        ValueError: it is no JSON object.
    """
    fields = wire.load_json(payload.decode())
    if not isinstance(fields, dict):
        raise ValueError("the exit frame holds no object")
    code = fields.get("code")
    if type(code) is not int or not 0 <= code <= 255:
        code = 1  # never 0: PMS would believe the film ends here
    reason, detail = str(fields.get("reason") or "ended"), str(fields.get("detail") or "")
    return Outcome(ENDED, reason, detail, code, fields.get("retry") is True)


def refused(status: int, body: bytes) -> Outcome:
    """Return what an error answer says."""
    fields = http.refusal(body)
    return Outcome(REFUSED, str(fields.get("error") or f"status-{status}"), str(fields.get("detail") or ""))


def write_all(descriptor: int, data: bytes) -> bool:
    """Write all bytes, waiting for a slow reader; return False when there is no reader any more."""
    view = memoryview(data)
    while view:
        try:
            view = view[posix.write(descriptor, view) :]
        except BlockingIOError:
            # PMS may have handed us a non-blocking pipe.
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            poll.poll()
        except OSError:
            return False
    return True
