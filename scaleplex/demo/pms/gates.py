"""Whether a segment a client asks for is served, waited for, or makes PMS start the transcode anew (contract 5.2)."""

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What happens to a request for a segment."""

    SERVE = "serve"
    WAIT = "wait"
    RESPAWN = "respawn"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class View:
    """What the gate knows of the current job; numbers as in client URLs, counted from 0."""

    count: int  # segments of the whole title
    first: int  # where the job began
    last: int | None  # highest number announced, of any stream
    announced: bool  # the number asked for, of the stream asked for
    exit_code: int | None  # None while the job runs


def judge(number: int, view: View, reach: int) -> Verdict:
    """Return what to do with a request.

    Args:
        number: the segment's number in the URL.
        view: the job.
        reach: how many segments ahead of the last announced one a client may wait for.
    """
    if not 0 <= number < view.count:
        return Verdict.MISSING
    if view.announced:
        return Verdict.SERVE
    edge = view.first - 1 if view.last is None else view.last
    if number < view.first or (number > edge + reach and view.exit_code is None):
        return Verdict.RESPAWN
    if view.exit_code is None:
        return Verdict.WAIT
    # The process is gone. Exit 0 says that the file has ended there; anything else makes PMS start anew.
    return Verdict.MISSING if view.exit_code == 0 else Verdict.RESPAWN


def fits(row_end_seconds: float, number: int, segment_seconds: float, duration_seconds: float) -> bool:
    """Return whether a list row agrees with the playlist PMS made for the client (contract 12.14)."""
    due = min((number + 1) * segment_seconds, duration_seconds)
    return abs(row_end_seconds - due) <= 0.5 * segment_seconds


def can_throttle(announced_seconds: float, served_seconds: float, buffer_seconds: float) -> bool:
    """Return whether the transcode is far enough ahead of its client (contract 7.1)."""
    return announced_seconds - served_seconds > buffer_seconds
