"""The one sender of manifests: order, what is dropped, what is repeated, and that nothing ends well unheard."""

import threading
import time
from collections.abc import Callable, Iterable

import pytest

from scaleplex.protocol import manifests
from scaleplex.worker import announcer as module
from scaleplex.worker.announcer import FINAL_SECONDS, OLDEST_SECONDS, Announcer, Backlog
from scaleplex.worker.relay_client import Reply, Unreachable

BASE = "http://relay/cb/1/sig"
MEDIA = "/video/:/transcode/session/s/j/manifest?X-Plex-Http-Pipeline=infinite"
SUBTITLES = "/video/:/transcode/session/s/j/manifest?stream=subtitles"
TAKEN = Reply(200, "")


def segment_list(last: int) -> bytes:
    """Return the list of the whole history, as HLS and segmented Matroska send it."""
    return "".join(f"media-{n:05d}.ts,{n}.0,{n + 1}.0\n" for n in range(last + 1)).encode()


def mpd(last: int, kind: str = "dynamic", window: int = 5) -> bytes:
    """Return an MPD that shows the last five segments, as Plex asks for; none at all with ``last`` 0."""
    first = max(1, last - window + 1)
    timeline = f'<S t="0" d="1" r="{last - first}"/>' if last else ""
    return (
        f'<MPD type="{kind}"><Period><AdaptationSet><Representation id="0"><SegmentTemplate startNumber="{first}" '
        'initialization="init-stream$RepresentationID$.m4s" media="chunk-stream$RepresentationID$-$Number%05d$.m4s">'
        f"<SegmentTimeline>{timeline}</SegmentTimeline></SegmentTemplate></Representation></AdaptationSet></Period></MPD>"
    ).encode()


def names(bodies: Iterable[bytes]) -> set[str]:
    return {name for body in bodies for name in manifests.read(body).names}


class Relay:
    """A transport that answers what the test says; ``answer`` gets the number of the request, from 0."""

    def __init__(self, answer: Callable[[int], Reply] = lambda number: TAKEN) -> None:
        self.answer = answer
        self.sent: list[tuple[str, bytes]] = []
        self.taken: list[bytes] = []
        self.closed = False

    def send(self, method: str, url: str, *, body: bytes = b"", read_seconds: float = 0.0) -> Reply:
        assert method == "POST"
        self.sent.append((url.removeprefix(BASE), body))
        reply = self.answer(len(self.sent) - 1)
        if reply.status < 400:
            self.taken.append(body)
        return reply

    def close(self) -> None:
        self.closed = True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Stand:
    """An announcer and what it told others."""

    def __init__(self, relay: Relay, settle: Callable[[float], bool] = lambda seconds: True) -> None:
        self.relay = relay
        self.clock = Clock()
        self.first, self.gone, self.done = threading.Event(), threading.Event(), threading.Event()
        self.refused: list[str] = []
        self.lost: list[str] = []
        self.counts: list[tuple[str, str]] = []
        self.announcer = Announcer(
            BASE,
            transport=relay,
            settle=settle,
            on_first=self.first.set,
            on_gone=self.gone.set,
            on_refused=self.refused.append,
            on_lost=self.lost.append,
            on_done=self.done.set,
            count=lambda kind, status: self.counts.append((kind, status)),
            clock=self.clock,
        )
        self.announcer.start()

    def end(self) -> bool:
        self.announcer.finish()
        assert self.done.wait(10)
        assert self.announcer.done
        assert self.relay.closed
        return self.announcer.taken


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.002)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


# --- what waits -------------------------------------------------------------------------------------------------------


def drained(backlog: Backlog) -> list[bytes]:
    found = []
    while (first := backlog.first()) is not None:
        found.append(first.body)
        backlog.taken(first)
    return found


def test_of_segment_lists_that_wait_only_the_newest_stays() -> None:
    backlog = Backlog()
    for last in range(20):
        backlog.add(MEDIA, segment_list(last), 0.0)
    assert drained(backlog) == [segment_list(19)]


def test_of_mpds_that_wait_so_many_stay_that_every_segment_is_named() -> None:
    backlog = Backlog()
    bodies = [mpd(0), *(mpd(last) for last in range(1, 24)), mpd(23, "static")]
    for body in bodies:
        backlog.add(MEDIA, body, 0.0)
    left = drained(backlog)
    assert names(left) == names(bodies)
    assert left[-1] == mpd(23, "static")
    assert len(left) == 5  # of 25: each shows five
    assert left == [body for body in bodies if body in left]  # in their order


def test_what_was_taken_need_not_be_named_again() -> None:
    backlog = Backlog()
    backlog.add(MEDIA, mpd(5), 0.0)
    assert drained(backlog) == [mpd(5)]
    for last in range(6, 11):
        backlog.add(MEDIA, mpd(last), 0.0)
    assert drained(backlog) == [mpd(10)]


def test_a_stream_does_not_make_the_manifests_of_another_needless() -> None:
    backlog = Backlog()
    backlog.add(MEDIA, segment_list(1), 0.0)
    backlog.add(SUBTITLES, b"sub-chunk-00000,0.0,1.0\n", 0.0)
    backlog.add(MEDIA, segment_list(2), 0.0)
    assert drained(backlog) == [b"sub-chunk-00000,0.0,1.0\n", segment_list(2)]


def test_what_is_being_sent_stays_and_so_does_what_cannot_be_read() -> None:
    backlog = Backlog()
    backlog.add(MEDIA, segment_list(1), 0.0)
    sending = backlog.first()
    assert sending is not None
    sending.under_way = True
    backlog.add(MEDIA, segment_list(2), 0.0)
    backlog.add(MEDIA, b"what is this", 0.0)
    backlog.add(MEDIA, segment_list(3), 0.0)
    assert drained(backlog) == [segment_list(1), segment_list(2), b"what is this", segment_list(3)]


def test_the_newest_is_as_old_as_the_oldest_whose_place_it_took() -> None:
    backlog = Backlog()
    for last in range(3):
        backlog.add(MEDIA, segment_list(last), 10.0 + last)
    first = backlog.first()
    assert first is not None
    assert first.since == 10.0


# --- the sender -------------------------------------------------------------------------------------------------------


def test_manifests_are_sent_in_order_to_the_relay_s_base_and_the_task_ends_well() -> None:
    stand = Stand(Relay())
    bodies = [segment_list(0), segment_list(1), segment_list(2)]
    for number, body in enumerate(bodies):
        stand.announcer.take(MEDIA, body)
        wait_for(lambda number=number: len(stand.relay.sent) == number + 1)
    assert stand.end()
    assert stand.relay.sent == [(MEDIA, body) for body in bodies]
    assert stand.first.is_set()


def test_a_task_that_announces_nothing_ends_well_and_has_told_nothing() -> None:
    stand = Stand(Relay())
    assert stand.end()
    assert not stand.first.is_set()


@pytest.mark.parametrize("status", [400, 404, 413, 500, 502, 503])
def test_what_was_not_taken_is_sent_again_until_it_is(status: int) -> None:
    stand = Stand(Relay(lambda number: Reply(status, "") if number < 4 else TAKEN))
    stand.announcer.take(MEDIA, segment_list(0))
    assert stand.end()
    assert stand.relay.taken == [segment_list(0)]
    assert len(stand.relay.sent) == 5
    assert stand.counts == [("manifest", str(status))] * 4 + [("manifest", "200")]


@pytest.mark.parametrize(("status", "told"), [(400, False), (404, False), (500, True), (502, True), (503, False)])
def test_an_answer_that_may_hide_that_plex_took_it_counts_as_announced(status: int, told: bool) -> None:
    stand = Stand(Relay())
    tries = threading.Semaphore(0)

    def answer(number: int) -> Reply:
        tries.release()
        return Reply(status, "")

    stand.relay.answer = answer
    stand.announcer.take(MEDIA, segment_list(0))
    assert tries.acquire(timeout=5)
    assert tries.acquire(timeout=5)
    stand.announcer.abort()
    assert stand.done.wait(5)
    assert stand.first.is_set() is told


def test_the_first_announcement_is_told_once() -> None:
    stand = Stand(Relay())
    told: list[int] = []
    stand.announcer._on_first = lambda: told.append(len(stand.relay.taken))
    for last in range(3):
        stand.announcer.take(MEDIA, mpd(last))
        wait_for(lambda last=last: len(stand.relay.taken) == last + 1)  # type: ignore[misc]
    assert stand.end()
    assert told == [1]


@pytest.mark.parametrize("make", [segment_list, mpd])
def test_nothing_is_lost_while_the_relay_is_away_in_mid_film(make: Callable[[int], bytes]) -> None:
    away = threading.Event()

    def answer(number: int) -> Reply:
        if away.is_set():
            raise Unreachable("nobody there")
        return TAKEN

    stand = Stand(Relay(answer))
    for last in range(30):
        (away.set if last == 7 else away.clear if last == 23 else lambda: None)()
        stand.announcer.take(MEDIA, make(last))
    away.clear()
    assert stand.end()
    assert names(stand.relay.taken) == names(make(last) for last in range(30))
    reaches = [manifests.read(body).reach for body in stand.relay.taken]
    assert reaches == sorted(reaches)


def test_a_relay_that_never_comes_back_is_a_bad_end_in_bounded_time() -> None:
    stand = Stand(Relay())

    def answer(number: int) -> Reply:
        stand.clock.now += 1.0  # a second for each try
        raise Unreachable("no connection to the relay: ConnectionError")

    stand.relay.answer = answer
    stand.announcer.take(MEDIA, segment_list(0))
    assert not stand.end()
    assert FINAL_SECONDS <= stand.clock.now <= FINAL_SECONDS + 3
    assert not stand.first.is_set()
    assert "no connection to the relay" in stand.announcer.why()


def test_what_arrives_while_ffmpeg_ends_is_waited_for() -> None:
    stand = Stand(Relay())

    def settle(seconds: float) -> bool:
        assert seconds == module.SETTLE_SECONDS
        stand.announcer.take(MEDIA, segment_list(7))
        return True

    stand.announcer._settle = settle
    assert stand.end()
    assert stand.relay.taken == [segment_list(7)]


def test_an_end_at_which_it_is_not_known_what_was_sent_is_a_bad_one() -> None:
    stand = Stand(Relay(), settle=lambda seconds: False)
    stand.announcer.take(MEDIA, segment_list(0))
    assert not stand.end()


def test_a_manifest_that_came_in_half_is_made_up_for_by_the_next_one_or_is_a_bad_end() -> None:
    stand = Stand(Relay())
    stand.announcer.cut(MEDIA)
    stand.announcer.take(MEDIA, segment_list(0))
    assert stand.end()
    stand = Stand(Relay())
    stand.announcer.take(MEDIA, segment_list(0))
    stand.announcer.cut(MEDIA)
    assert not stand.end()


def test_an_announcement_that_waits_for_minutes_ends_the_attempt_while_ffmpeg_runs() -> None:
    stand = Stand(Relay())

    def answer(number: int) -> Reply:
        stand.clock.now += 20.0
        return Reply(502, "")

    stand.relay.answer = answer
    stand.announcer.take(MEDIA, segment_list(0))
    assert stand.done.wait(10)
    assert stand.lost == [f"An announcement waited {OLDEST_SECONDS:g} s for the relay; the last answer: status 502."]
    assert not stand.announcer.taken
    assert stand.clock.now == OLDEST_SECONDS


@pytest.mark.parametrize("status", [401, 403])
def test_a_relay_that_refuses_ends_the_attempt_at_once(status: int) -> None:
    body = '{"error": "bad-callback", "detail": "It is no segment.", "hint": "Look."}'
    stand = Stand(Relay(lambda number: Reply(status, body)))
    stand.announcer.take(MEDIA, segment_list(0))
    assert stand.done.wait(10)
    assert stand.refused == [
        f"The relay answered {status} to a manifest callback. bad-callback: It is no segment. Look."
    ]
    assert len(stand.relay.sent) == 1
    assert not stand.first.is_set()
    assert not stand.announcer.taken


def test_a_job_the_relay_calls_gone_is_told_so_once() -> None:
    stand = Stand(Relay(lambda number: Reply(410, "")))
    stand.announcer.take(MEDIA, segment_list(0))
    assert stand.done.wait(10)
    assert stand.gone.is_set()
    assert not stand.refused
    assert len(stand.relay.sent) == 1


@pytest.mark.parametrize(("problem", "told"), [(Unreachable("x"), False), (TimeoutError("no answer"), True)])
def test_what_may_have_arrived_counts_as_announced_and_what_cannot_have_does_not(problem: OSError, told: bool) -> None:
    stand = Stand(Relay())
    tries = threading.Semaphore(0)

    def answer(number: int) -> Reply:
        tries.release()
        raise problem

    stand.relay.answer = answer
    stand.announcer.take(MEDIA, segment_list(0))
    assert tries.acquire(timeout=5)
    assert tries.acquire(timeout=5)
    stand.announcer.abort()
    assert stand.done.wait(5)
    assert stand.first.is_set() is told
    assert set(stand.counts) == {("manifest", "unreachable")}


def test_an_aborted_one_says_nothing_more_whether_it_had_begun_or_not() -> None:
    stand = Stand(Relay())
    stand.announcer.abort()
    assert stand.done.wait(5)
    stand.announcer.take(MEDIA, segment_list(0))
    assert stand.relay.sent == []
    never = Announcer(
        BASE,
        transport=Relay(),
        settle=lambda seconds: True,
        on_first=lambda: None,
        on_gone=lambda: None,
        on_refused=lambda why: None,
        on_lost=lambda why: None,
        on_done=lambda: None,
        count=lambda kind, status: None,
    )
    never.abort()
    assert never.done
