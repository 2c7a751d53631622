"""The life of a task as a table: what happens next, whatever happens when.

The playback loop owns a task: it alone feeds events to ``step`` and carries out the actions it answers. Everybody else
(the supervisor, a drain, the reporter) only posts an event to that loop.

Who may end a task, and how hard:

* PMS is deleting the session directory when the shim is gone, when the job is replaced, and when the relay says that
  the job has ended. ffmpeg is killed at once: whatever it wrote from then on would be litter.
* A draining worker kills as well. ffmpeg asked to stop would close the last segment short and announce a finished
  presentation, and PMS would believe that the film ends there; killed, it leaves complete segments and a staged one,
  and the next worker goes on after the last complete one.
* A relay that refuses this worker's callbacks, or that nothing could be announced to for minutes, ends the attempt at
  once: nobody would ever see what ffmpeg goes on to write. Another worker may fare better.
* An operator's kill is polite: SIGTERM, and SIGKILL when the grace is over.

Not here yet: the lease (a worker cut off from the shim ends its task by itself; today the TCP time-out of eight seconds
does that, see playback), which will be one more event with the actions of SHIM_GONE.
"""

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """Where a task is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDED = "ended"


class Event(Enum):
    """What can happen to a task."""

    SPAWNED = "spawned"
    SPAWN_FAILED = "spawn-failed"
    EXITED = "exited"
    SHIM_GONE = "shim-gone"
    SUPERSEDED = "superseded"
    JOB_GONE = "job-gone"
    REFUSED = "callback-refused"
    UNHEARD = "unheard"
    DRAIN = "drain"
    KILL = "kill"
    GRACE_OVER = "grace-over"


class Action(Enum):
    """What the playback loop then does."""

    ANNOUNCE = "send the spawned frame"
    TERMINATE = "SIGTERM to ffmpeg's process group"
    KILL = "SIGKILL to ffmpeg's process group"
    ARM_GRACE = "post GRACE_OVER when the grace is over"
    SEND_EXIT = "send the exit frame; the stream ends"


AT_ONCE = (Action.KILL,)
POLITELY = (Action.TERMINATE, Action.ARM_GRACE)
STOPS = {
    Event.SHIM_GONE: AT_ONCE,
    Event.SUPERSEDED: AT_ONCE,
    Event.JOB_GONE: AT_ONCE,
    Event.REFUSED: AT_ONCE,
    Event.UNHEARD: AT_ONCE,
    Event.DRAIN: AT_ONCE,
    Event.KILL: POLITELY,
}

TABLE: dict[tuple[State, Event], tuple[State, tuple[Action, ...]]] = {
    (State.STARTING, Event.SPAWNED): (State.RUNNING, (Action.ANNOUNCE,)),
    (State.STARTING, Event.SPAWN_FAILED): (State.ENDED, (Action.SEND_EXIT,)),
    (State.RUNNING, Event.EXITED): (State.ENDED, (Action.SEND_EXIT,)),
    # Asked to stop before there was a process: it is killed as soon as there is one.
    (State.STOPPING, Event.SPAWNED): (State.STOPPING, AT_ONCE),
    (State.STOPPING, Event.SPAWN_FAILED): (State.ENDED, (Action.SEND_EXIT,)),
    (State.STOPPING, Event.GRACE_OVER): (State.STOPPING, AT_ONCE),
    (State.STOPPING, Event.EXITED): (State.ENDED, (Action.SEND_EXIT,)),
}
TABLE.update({(State.STARTING, event): (State.STOPPING, ()) for event in STOPS})
TABLE.update({(State.RUNNING, event): (State.STOPPING, actions) for event, actions in STOPS.items()})
# While it stops politely, a harder reason still kills at once; a second polite one changes nothing.
TABLE.update({(State.STOPPING, event): (State.STOPPING, AT_ONCE) for event in STOPS if STOPS[event] is AT_ONCE})


def step(state: State, event: Event) -> tuple[State, tuple[Action, ...]]:
    """Return the next state and what is to be done; an event without a row changes nothing."""
    return TABLE.get((state, event), (state, ()))


@dataclass(frozen=True, slots=True)
class Exit:
    """Content of the exit frame (protocol page)."""

    code: int
    signal: int | None
    reason: str
    detail: str
    retry: bool = False

    def to_json(self) -> dict[str, object]:
        """Return the payload of the frame."""
        return {
            "code": self.code,
            "signal": self.signal,
            "reason": self.reason,
            "detail": self.detail,
            "retry": self.retry,
        }


NO_SPACE = "No space left on device"
# Plex ends a film by killing the shim: the normal end of what somebody stopped watching, and no failure.
STOPPED = "stopped"
_STOPPED = {
    Event.SHIM_GONE: (STOPPED, "Plex has ended the job: its shim closed the connection."),
    Event.SUPERSEDED: ("superseded", "A newer job of this session took over."),
    Event.JOB_GONE: (STOPPED, "Plex has ended the job: its relay says so."),
    Event.REFUSED: ("callback-refused", "The Plex host's relay refuses this worker's callbacks."),
    Event.UNHEARD: ("callback-failed", "The Plex host's relay took nothing of what was announced."),
    Event.DRAIN: ("draining", "This worker is leaving; another one can go on."),
    Event.KILL: ("killed", "An operator ended the task."),
}
ELSEWHERE = (Event.DRAIN, Event.REFUSED, Event.UNHEARD)  # another worker may do better
DIRECTORY_LIVES_ON = (*ELSEWHERE, Event.KILL)  # PMS does not delete it, so nothing half written may stay
CALLBACK_FAILED_CODE = 76  # non-zero and outside ffmpeg's own codes; PMS treats every non-zero value alike


def describe_exit(
    *,
    code: int | None,
    signal: int | None,
    stopped_by: Event | None,
    last_lines: tuple[str, ...] = (),
    spawn_problem: str | None = None,
    callbacks_problem: str = "",
    stop_detail: str = "",
) -> Exit:
    """Return the exit frame of a task that has ended.

    Args:
        code: ffmpeg's exit code, None when a signal ended it or it never ran.
        signal: number of the signal that ended it.
        stopped_by: the first event that asked it to stop, None if it ended by itself.
        last_lines: what it wrote to stderr last, newest at the end.
        spawn_problem: why there was no process, a sentence.
        callbacks_problem: what could not be handed to the relay to the end, a sentence.
        stop_detail: what is known of ``stopped_by`` beyond its name, a sentence.
    """
    if code is None:
        code = 128 + (signal or 0)
    if stopped_by is not None:
        reason, detail = _STOPPED[stopped_by]
        # A task that was told to stop and left with 0 has not reached the end of the film: PMS would believe it had.
        return Exit(code or 255, signal, reason, stop_detail or detail, retry=stopped_by in ELSEWHERE)
    if spawn_problem is not None:
        return Exit(126, None, "spawn-failed", spawn_problem, retry=True)
    return _ended_by_itself(code, signal, last_lines, callbacks_problem)


def _ended_by_itself(code: int, signal: int | None, last_lines: tuple[str, ...], callbacks_problem: str) -> Exit:
    said = " / ".join(last_lines[-3:])
    if code == 0:
        if callbacks_problem:
            return Exit(CALLBACK_FAILED_CODE, None, "callback-failed", f"ffmpeg ended well, but {callbacks_problem}")
        return Exit(0, None, "ended", "ffmpeg reached the end of its input.")
    if any(NO_SPACE in line for line in last_lines):
        return Exit(code, signal, "disk-full", f"The transcode directory is full. ffmpeg said: {said}")
    how = f"was ended by signal {signal}" if signal else f"left with status {code}"
    return Exit(code, signal, "failed", f"ffmpeg {how}. " + (f"It said: {said}" if said else "It said nothing."))


@dataclass(frozen=True, slots=True)
class Claim:
    """What of a task decides which of two of one session may run.

    Attributes:
        issued_ms: wall clock of the ticket's issuer at placement, shifted by a constant; 0 without a ticket.
        arrived_ms: this worker's clock, milliseconds.
    """

    session: str
    kind: str
    job: str
    attempt: int
    issued_ms: int = 0
    arrived_ms: int = 0


# Requests of one session overtake each other on the network by less than this.
REORDER_MS = 2000


def is_older(new: Claim, running: Claim) -> bool:
    """Return whether a task arriving now is older than the one that runs: then it must not replace it.

    Of one job, the higher attempt is newer. Of two jobs, the order of arrival counts, except within the moment in which
    requests may overtake each other: there the ticket's time decides. Beyond it clocks of different issuers are not
    compared, since refusing the newer job would end a film.
    """
    if new.job == running.job:
        return new.attempt <= running.attempt
    soon_after = new.arrived_ms - running.arrived_ms < REORDER_MS
    return soon_after and 0 < new.issued_ms < running.issued_ms
