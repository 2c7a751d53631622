"""The one sender of a task's callbacks: start, streams, duration, size, then progress until the end.

PMS wants one sender per job, in order, on one connection (contract 3.3, 7.3), and answers each progress request with
``canThrottle`` or without. So this runs in a thread of its own beside ffmpeg, which never waits for it: with the relay
away ffmpeg runs on at full speed, samples are dropped but for the newest, and the start sequence is tried again until
it gets through, since ``duration`` is what lets the client begin. See docs/decisions/0005-one-progress-sender.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from scaleplex.worker import progress
from scaleplex.worker.progress import Fields, Sample, StreamDetail, Track
from scaleplex.worker.relay_client import GONE, READ_SECONDS, SERVER_ERRORS, Reply, Transport, is_refusal, refusal

PERIOD_SECONDS = 0.5
RETRY_SECONDS = 0.5
FINAL_SECONDS = 4.0
LOG_LINES_PER_SECOND = 20
LOG_QUEUE_LINES = 100
NOT_FOUND_LIMIT = 2
NOT_FOUND = 404
# The start is waited for: a PMS that takes its time would otherwise be asked again and again and never be heard.
PATIENT_READ_SECONDS = 15.0
# From the last request's beginning to the end of everything.
LONGEST_END_SECONDS = FINAL_SECONDS + READ_SECONDS + 2.0
SLOTH = "Throttle - Going into sloth mode."
BACK_TO_WORK = "Throttle - Getting back to work."
THROTTLE_LOG_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Probed:
    """What the reporter tells of the source."""

    inputs: tuple[tuple[StreamDetail, ...], ...] = ()
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """What the reporter has to know of its task.

    Attributes:
        progress_url: the relay's URL that ends in ``/progress``.
        seek_seconds: where the job begins on the film's time line; 0 where its timestamps begin at 0.
        output_size: encoder output in pixels, None when no video is encoded or its size is not known.
        log_level: highest level of log lines PMS wants, -1 for none.
    """

    progress_url: str
    seek_seconds: float = 0.0
    output_size: tuple[int, int] | None = None
    log_level: int = 0


class Reporter:
    """Reports one task; ``sample``, ``line``, ``finish`` and ``abort`` never wait.

    Attributes:
        done: nothing more will be sent.
        delivered: the final progress was taken by the relay.
        track: position and speed, for operators.
    """

    def __init__(
        self,
        job: Job,
        *,
        transport: Transport,
        probe: Callable[[], Probed],
        on_throttle: Callable[[bool], None],
        on_gone: Callable[[], None],
        on_refused: Callable[[str], None],
        on_done: Callable[[], None],
        on_track: Callable[[Track], None],
        count: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._job = job
        self._transport = transport
        self._probe = probe
        self._on_throttle = on_throttle
        self._on_gone = on_gone
        self._on_refused = on_refused
        self._on_done = on_done
        self._on_track = on_track
        self._count = count
        self._clock = clock
        self._changed = threading.Condition()
        self._newest: Sample | None = None
        self._end: Sample | None = None
        self._lines: deque[tuple[int, str]] = deque(maxlen=LOG_QUEUE_LINES)
        self._finishing_at: float | None = None
        self._aborted = False
        self._throttled = False
        self._not_found = 0
        self._log_window = (0.0, 0)
        self.done = False
        self.delivered = False
        self.track = Track(None, job.seek_seconds)
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    # --- called by the loop that owns the task ----------------------------------------------------------------------

    def start(self) -> None:
        """Begin with the start sequence."""
        self._thread.start()

    def sample(self, sample: Sample) -> None:
        """Hand over a block of ffmpeg's progress; only the newest is kept."""
        with self._changed:
            self._newest = sample
            self._changed.notify()

    def line(self, text: str) -> None:
        """Hand over a line ffmpeg wrote to stderr."""
        level, text = progress.log_line(text)
        if level <= self._job.log_level:
            with self._changed:
                self._lines.append((level, text))
                self._changed.notify()

    def finish(self) -> None:
        """Send the last progress and end; ``done`` within LONGEST_END_SECONDS."""
        with self._changed:
            self._finishing_at = self._clock() + FINAL_SECONDS
            self._changed.notify()

    def abort(self) -> None:
        """End without another word: nobody listens any more."""
        with self._changed:
            self._aborted = True
            self._changed.notify()
        if not self._thread.is_alive():
            self.done = True

    def join(self, seconds: float) -> None:
        """Wait for the thread; tests do."""
        self._thread.join(seconds)

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            if self._open():
                while self._next():
                    pass
        finally:
            self._transport.close()
            self.done = True
            self._on_done()

    def _open(self) -> bool:
        """Send steps 1 to 5 of contract 3.3, in this order; return whether the job goes on."""
        if not self._insist("startup", "", (("status", "startup"),)):
            return False
        probed = self._probe()
        self.track = replace(self.track, duration_seconds=probed.duration_seconds)
        self._on_track(self.track)
        return all(self._insist(*step) for step in opening(probed, self._job.output_size))

    def _insist(self, kind: str, path: str, fields: Fields) -> bool:
        """Send until it was answered; return False when the job is over, or out of time at the end."""
        while not self._over():
            reply = self._request("PUT", kind, path, fields, PATIENT_READ_SECONDS)
            if reply is not None and reply.status < SERVER_ERRORS:
                return not self._over()
            with self._changed:
                self._changed.wait(RETRY_SECONDS)
        return False

    def _over(self) -> bool:
        return self._aborted or (self._finishing_at is not None and self._clock() >= self._finishing_at)

    def _next(self) -> bool:
        """Wait for something to report and report it; return False after the last."""
        with self._changed:
            while not (self._newest or self._lines or self._finishing_at or self._aborted):
                self._changed.wait()
            sample, self._newest = self._newest, None
            lines = list(self._lines)
            self._lines.clear()
            finishing = self._finishing_at is not None
        if self._aborted:
            return False
        began = self._clock()
        self._send_lines(lines)
        if sample is not None and sample.ended:
            self._end = sample
        if finishing:
            self._last(sample or self._end)
            return False
        if sample is not None and not sample.ended:  # ffmpeg's last block is for the last request
            self._periodic(sample)
            self._pause(PERIOD_SECONDS * 0.9 - (self._clock() - began))
        return True

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._finishing_at is not None or self._aborted, max(0.0, seconds))

    def _periodic(self, sample: Sample) -> bool:
        fields, self.track = progress.periodic(self.track, sample, self._throttled)
        self._on_track(self.track)
        reply = self._request("PUT", "progress", "", fields)
        # Without an answer nobody asks for a pause: fail open (contract 7.1).
        self._throttle(reply is not None and "canThrottle" in reply.body)
        return reply is not None and reply.status < 400

    def _last(self, sample: Sample | None) -> None:
        last = sample or self.track.last
        if last is None:
            last = Sample(self._clock(), None, None, ended=True)
        while not self._over():
            if self._periodic(last):
                self.delivered = True
                return
            with self._changed:
                self._changed.wait_for(lambda: self._aborted, RETRY_SECONDS)

    def _throttle(self, wanted: bool) -> None:
        if wanted == self._throttled:
            return
        self._throttled = wanted
        self._on_throttle(wanted)
        if self._job.log_level >= 0:
            self._log(THROTTLE_LOG_LEVEL, SLOTH if wanted else BACK_TO_WORK)

    def _send_lines(self, lines: Sequence[tuple[int, str]]) -> None:
        for level, text in lines:
            second, sent = self._log_window
            now = self._clock()
            if now - second >= 1.0:
                second, sent = now, 0
            if sent >= LOG_LINES_PER_SECOND:
                self._count("log", "dropped")
                continue
            self._log_window = (second, sent + 1)
            if not self._log(level, text):
                return

    def _log(self, level: int, text: str) -> bool:
        return self._request("POST", "log", "/log", progress.log_fields(level, text)) is not None

    def _request(
        self, method: str, kind: str, path: str, fields: Fields, read_seconds: float = READ_SECONDS
    ) -> Reply | None:
        """Send one request; None when it could not be delivered."""
        url = f"{self._job.progress_url}{path}?{progress.query(fields)}"
        try:
            reply = self._transport.send(method, url, read_seconds=read_seconds)
        except OSError:
            self._count(kind, "unreachable")
            return None
        self._count(kind, str(reply.status))
        self._look_for_the_end(kind, reply)
        return reply

    def _look_for_the_end(self, kind: str, reply: Reply) -> None:
        """Notice that the job is over: the relay's 410, or PMS not knowing the job in two progress requests running.

        Or that this attempt of it is: a relay that does not take our word will not take the next one either.
        """
        if kind == "progress":
            self._not_found = self._not_found + 1 if reply.status == NOT_FOUND else 0
        if reply.status == GONE or self._not_found >= NOT_FOUND_LIMIT:
            self._aborted = True
            self._on_gone()
        elif is_refusal(reply):
            self._aborted = True
            self._on_refused(refusal(kind, reply))


def opening(probed: Probed, output_size: tuple[int, int] | None) -> Iterator[tuple[str, str, Fields]]:
    """Yield steps 2 to 5 of contract 3.3 as kind, path below ``/progress`` and fields."""
    for streams in probed.inputs:
        for stream in streams:
            if stream.media in ("video", "audio") and not stream.attached_picture:
                yield "stream", "/stream", progress.stream_fields(stream)
    for streams in probed.inputs:
        for stream in streams:
            if stream.media in ("video", "audio", "subtitle") and not stream.attached_picture:
                yield "streamDetail", "/streamDetail", progress.stream_detail_fields(stream)
    yield "duration", "", progress.duration_fields(probed.duration_seconds)
    if output_size is not None:
        yield "size", "", progress.size_fields(*output_size)


class NoReports:
    """Stands in for the reporter of a task whose argv reports no progress."""

    done = True
    delivered = True

    def __init__(self, on_track: Callable[[Track], None]) -> None:
        self._on_track = on_track
        self._track = Track(None)

    def start(self) -> None:
        """Do nothing."""

    def sample(self, sample: Sample) -> None:
        """Keep position and speed for operators."""
        _, self._track = progress.periodic(self._track, sample, False)
        self._on_track(self._track)

    def line(self, text: str) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""
