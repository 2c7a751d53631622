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
        self._silence_seconds = silence_seconds
        self._listing = listing.Listing(time.monotonic())

    def run(self, worker: str, task: bytes, secret: bytes, connect_seconds: float) -> Outcome:
        """Deliver the task and play its output back."""
        response = http.ResponseReader()
        outcome = self._deliver(worker, http.post(worker, "/task", task, secret), connect_seconds, response)
        if secret and response.epoch and outcome.word == REFUSED and outcome.reason == wire.EPOCH_WANTED:
            # It has just started, and took nothing.
            request = http.post(worker, "/task", task, secret, response.epoch)
            outcome = self._deliver(worker, request, connect_seconds, http.ResponseReader())
        return outcome

    def _deliver(self, worker: str, request: bytes, connect_seconds: float, response: http.ResponseReader) -> Outcome:
        try:
            connection = self._connect(worker, connect_seconds)
        except OSError as exc:
            return Outcome(UNREACHABLE, "unreachable", str(exc))
        try:
            try:
                connection.settimeout(SEND_SECONDS)
                connection.sendall(request)
            except OSError as exc:
                return Outcome(UNREACHABLE, "unreachable", str(exc))
            return self._play(connection, worker, response)
        finally:
            connection.close()

    def _play(self, connection: http.Socket, worker: str, response: http.ResponseReader) -> Outcome:
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        frames = wire.FrameReader()
        refusal = b""
        heard = time.monotonic()
        try:
            while not response.done:
                readable = poll.poll(TICK_MS)
                now = time.monotonic()
                self._listing.refresh(now)
                if not readable:
                    if now - heard > self._silence_seconds:
                        return Outcome(LOST, "silent", f"nothing came for {self._silence_seconds:g} s")
                    continue
                heard = now
                received = connection.recv(RECEIVE_BYTES)
                body = response.feed(received) if received else response.end()
                if response.status != 200:
                    refusal += body
                    if len(refusal) > http.ANSWER_MAX_BYTES:
                        break
                    continue
                if not self._accepted:
                    self._accepted = True
                    self._log.event("placed", "accepted", f"{worker} took the task", worker)
                for kind, payload in frames.feed(body):
                    outcome = self._act(kind, payload)
                    if outcome:
                        return outcome
                # Writing to a slow reader may have taken long; that silence was ours.
                heard = time.monotonic()
        except (OSError, ValueError) as exc:
            return Outcome(LOST, "broken", str(exc))
        if response.status != 200:
            return refused(response.status, refusal)
        return Outcome(LOST, "broken", "the stream ended without an exit frame")

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
