"""What a task tells the Plex host, as its loop sees it: announcements and progress, and in which order they end.

The two have a thread each: progress asks every half second whether to slow down, and must not wait for a manifest that
PMS takes its time for. Only the end has an order: the last progress follows the last announcement, since PMS forgets
the job when it has seen the one and the shim has gone.
"""

from typing import Protocol

from scaleplex.worker import announcer, reporter
from scaleplex.worker.announcer import Announcer
from scaleplex.worker.progress import Sample

LONGEST_END_SECONDS = announcer.LONGEST_END_SECONDS + reporter.LONGEST_END_SECONDS


class Progress(Protocol):
    """Reports progress: a ``Reporter``, or ``NoReports``."""

    def start(self) -> None: ...
    def sample(self, sample: Sample) -> None: ...
    def line(self, text: str) -> None: ...
    def finish(self) -> None: ...
    def abort(self) -> None: ...
    @property
    def done(self) -> bool: ...
    @property
    def delivered(self) -> bool: ...


class Told:
    """Both senders of a task; what they post back comes from their own threads."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._announcer: Announcer | None = None

    def announce_with(self, sender: Announcer) -> None:
        """Add the sender of announcements; before ``start``."""
        self._announcer = sender

    def start(self) -> None:
        """Begin, once ffmpeg is there; nobody is told of one that never was."""
        if self._announcer is not None:
            self._announcer.start()
        self._progress.start()

    def sample(self, sample: Sample) -> None:
        """Hand over a block of ffmpeg's progress."""
        self._progress.sample(sample)

    def line(self, text: str) -> None:
        """Hand over a line ffmpeg wrote to stderr."""
        self._progress.line(text)

    def finish(self) -> None:
        """Deliver what is announced, then the last progress; ``done`` within LONGEST_END_SECONDS."""
        if self._announcer is None:
            self._progress.finish()
        else:
            self._announcer.finish()

    def announced_all(self) -> None:
        """Go on to the last progress; the announcer calls this when it has ended."""
        if self._announcer is not None and self._announcer.taken:
            self._progress.finish()
        else:
            self._progress.abort()  # the task does not end well, so nobody is told that it has come to its end

    def abort(self) -> None:
        """End without another word."""
        if self._announcer is not None:
            self._announcer.abort()
        self._progress.abort()

    @property
    def done(self) -> bool:
        """Whether nothing more will be sent."""
        return self._progress.done and (self._announcer is None or self._announcer.done)

    @property
    def problem(self) -> str:
        """What was not delivered, a sentence that follows "but"; empty when everything was."""
        if self._announcer is not None and not self._announcer.taken:
            return self._announcer.why()
        return "" if self._progress.delivered else "its last progress could not be delivered through the relay."
