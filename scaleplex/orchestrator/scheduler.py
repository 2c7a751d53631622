"""Which worker takes a job. Pure: workers and request go in, a choice or the reasons against come out.

The order among workers that can take it: one whose GPU knows the codecs before one whose processor would have to help
out; then least loaded relative to its cap; then one that can encode in hardware, when the job encodes video; then the
one that was chosen longest ago, so that equal workers take turns; then the URL.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from scaleplex.protocol.messages import Needs, PlacementRequest

# How much of its cap a worker may be fuller and still be preferred because it has served this session: its page cache
# holds the film. Less than one session of any worker with up to six.
AFFINITY = 0.15
# What a load average of twice the cores counts, as a share of the cap.
OVERLOAD = 0.25
SOFTWARE = "sw"
# Why a worker was chosen, one word for the journal. The last four follow the order of `_rank`.
ONLY_ONE = "only-one"
SAME_SESSION = "same-session"
CODECS = "gpu-codecs"
LEAST_LOADED = "least-loaded"
HARDWARE = "hardware-encoder"
TURN = "longest-unused"
RANKED = (CODECS, LEAST_LOADED, HARDWARE, TURN)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of one worker, as far as this request is concerned.

    Attributes:
        problem: why it is not believed to be there; None when it is.
        state: what it says of itself: starting, ready or draining.
        sessions: jobs it said it has, without those this request's job will supersede.
        expected: jobs placed on it that it has not shown yet. They count as load, but do not fill it: some have ended
            before anybody looked, and a worker that really is full says so itself.
        cpu_load: one-minute load average per core.
        has_served: it had a job of this session.
        last_placed: number of the last placement it got; 0 for never.
        decoders, encoders: of a GPU worker what its hardware can do, ``hevc:10`` with ten bits.
    """

    url: str
    problem: str | None
    state: str
    backend: str
    sessions: int
    expected: int
    max_sessions: int
    cpu_load: float
    encoders: tuple[str, ...]
    has_served: bool
    last_placed: int
    decoders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """The worker that takes the job; ``reason`` says in one word what set it apart from the next best."""

    worker: Candidate
    reason: str


@dataclass(frozen=True, slots=True)
class Nobody:
    """No worker takes it; ``reasons`` has one phrase for each worker's URL."""

    reasons: dict[str, str]


def choose(candidates: Iterable[Candidate], request: PlacementRequest) -> Choice | Nobody:
    """Return the worker that takes a job, or why none does."""
    excluded = {url.rstrip("/") for url in request.exclude}
    able: list[Candidate] = []
    reasons: dict[str, str] = {}
    for candidate in candidates:
        reason = why_not(candidate, request, excluded)
        if reason is None:
            able.append(candidate)
        else:
            reasons[candidate.url] = reason
    if not able:
        return Nobody(reasons)
    chosen = min(able, key=lambda candidate: _rank(candidate, request))
    return Choice(chosen, _reason(chosen, able, request))


def why_not(candidate: Candidate, request: PlacementRequest, excluded: set[str]) -> str | None:
    """Return why a worker cannot take the job, None when it can."""
    if candidate.url in excluded:
        return "excluded: it refused this job or lost it"
    if candidate.problem is not None:
        return candidate.problem
    if candidate.state != "ready":
        return candidate.state
    if candidate.sessions >= candidate.max_sessions:
        return f"full: {candidate.sessions} of {candidate.max_sessions} sessions"
    # A GPU worker without one encodes on its processor; `lacks` puts it last.
    if request.needs.video_encode and candidate.backend == SOFTWARE and not candidate.encoders:
        return "it has no video encoder"
    return None


def lacks(candidate: Candidate, needs: Needs) -> bool:
    """Return whether a worker's GPU cannot decode or encode what a job needs, so that its processor would.

    What the shim did not find out speaks against nobody.
    """
    if candidate.backend == SOFTWARE or not needs.video_encode:
        return False
    encode = needs.encode and (f"{needs.encode}:10" if needs.ten_bit else needs.encode)
    lists = ((needs.decode, candidate.decoders), (encode, candidate.encoders))
    return any(bool(wanted) and wanted not in able for wanted, able in lists)


def _reason(chosen: Candidate, able: list[Candidate], request: PlacementRequest) -> str:
    others = [_rank(candidate, request) for candidate in able if candidate is not chosen]
    if not others:
        return ONLY_ONE
    mine, next_best = _rank(chosen, request), min(others)
    word = next((word for word, own, other in zip(RANKED, mine, next_best, strict=False) if own != other), TURN)
    if word == LEAST_LOADED and chosen.has_served and mine[1] + AFFINITY >= next_best[1]:
        return SAME_SESSION  # by its load alone it would not have been better
    return word


def _rank(candidate: Candidate, request: PlacementRequest) -> tuple[bool, float, bool, int, str]:
    load = (candidate.sessions + candidate.expected) / candidate.max_sessions
    load += OVERLOAD * min(1.0, max(0.0, candidate.cpu_load - 1.0))
    if candidate.has_served:
        load -= AFFINITY
    software = request.needs.video_encode and candidate.backend == SOFTWARE
    return lacks(candidate, request.needs), round(load, 6), software, candidate.last_placed, candidate.url
