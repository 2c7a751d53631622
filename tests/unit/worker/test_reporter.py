"""The one sender: order, replies, failures, the end. The transport is handed in and records."""

import threading
import time
from collections.abc import Callable
from urllib.parse import parse_qsl

import pytest

from scaleplex.worker.progress import Sample, StreamDetail, Track
from scaleplex.worker.relay_client import READ_SECONDS, Reply
from scaleplex.worker.reporter import (
    BACK_TO_WORK,
    PATIENT_READ_SECONDS,
    PERIOD_SECONDS,
    SLOTH,
    Job,
    NoReports,
    Probed,
    Reporter,
)

URL = "http://relay/cb/1/sig/video/:/transcode/session/s/j/progress"
NOTHING = Reply(206, '<MediaContainer size="0">')
THROTTLE = Reply(206, '<MediaContainer size="0" canThrottle="1">')
PROBED = Probed(
    (
        (
            StreamDetail(0, "hevc", "video", width=1920, height=1080, frame_rate=25.0),
            StreamDetail(1, "eac3", "audio"),
            StreamDetail(2, "subrip", "subtitle"),
            StreamDetail(3, "mjpeg", "video", attached_picture=True),
        ),
        (StreamDetail(0, "subrip", "subtitle"),),
    ),
    100.0,
)


class Transport:
    """Records requests and answers what the test says."""

    def __init__(self, answer: Callable[[str, str], Reply] = lambda method, path: NOTHING) -> None:
        self.answer = answer
        self.sent: list[tuple[str, str, dict[str, str]]] = []
        self.closed = False
        self.patience: list[float] = []

    def send(self, method: str, url: str, *, body: bytes = b"", read_seconds: float = READ_SECONDS) -> Reply:
        assert body == b""
        self.patience.append(read_seconds)
        path, _, query = url.removeprefix(URL).partition("?")
        self.sent.append((method, path, dict(parse_qsl(query))))
        return self.answer(method, path)

    def close(self) -> None:
        self.closed = True

    @property
    def firsts(self) -> list[str]:
        """Path or first field of each request."""
        return [path.lstrip("/") or next(iter(query)) for _, path, query in self.sent]


class Stand:
    """A reporter and what it told others."""

    def __init__(
        self, transport: Transport, job: Job | None = None, probe: Callable[[], Probed] = lambda: PROBED
    ) -> None:
        self.transport = transport
        self.throttles: list[bool] = []
        self.gone = threading.Event()
        self.refused: list[str] = []
        self.done = threading.Event()
        self.tracks: list[Track] = []
        self.counts: list[tuple[str, str]] = []
        self.reporter = Reporter(
            job or Job(URL, seek_seconds=10.0, output_size=(1280, 720)),
            transport=transport,
            probe=probe,
            on_throttle=self.throttles.append,
            on_gone=self.gone.set,
            on_refused=self.refused.append,
            on_done=self.done.set,
            on_track=self.tracks.append,
            count=lambda kind, status: self.counts.append((kind, status)),
        )
        self.reporter.start()

    def finish(self) -> None:
        self.reporter.finish()
        assert self.done.wait(6)


def sample(second: float, out: float, ended: bool = False) -> Sample:
    return Sample(second, out, None, ended=ended)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 3
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_the_start_keeps_the_contracts_order_and_the_end_comes_last() -> None:
    stand = Stand(Transport())
    stand.reporter.sample(sample(1.0, 5.0))
    wait_for(lambda: "progress" in stand.transport.firsts)
    stand.reporter.sample(sample(2.0, 100.0, ended=True))
    stand.finish()
    assert stand.transport.firsts == [
        "status", "stream", "stream", *["streamDetail"] * 4, "duration", "width", "progress", "progress",
    ]  # fmt: skip
    assert {method for method, _, _ in stand.transport.sent} == {"PUT"}
    assert stand.transport.sent[-1][2]["progress"] == "100.0"
    assert stand.reporter.delivered
    assert stand.transport.closed


def test_attached_pictures_are_left_out_and_streams_of_every_input_are_named() -> None:
    stand = Stand(Transport())
    stand.finish()
    details = [query for _, path, query in stand.transport.sent if path == "/streamDetail"]
    assert [(query["index"], query["codec"]) for query in details] == [
        ("0", "hevc"), ("1", "eac3"), ("2", "subrip"), ("0", "subrip"),
    ]  # fmt: skip


def test_an_output_without_a_known_size_is_not_announced() -> None:
    stand = Stand(Transport(), Job(URL))
    stand.finish()
    assert "width" not in stand.transport.firsts


def test_the_start_is_tried_again_until_the_relay_is_there() -> None:
    failures = iter([True, True, False])

    def answer(method: str, path: str) -> Reply:
        if next(failures, False):
            raise ConnectionError
        return NOTHING

    stand = Stand(Transport(answer))
    stand.reporter.sample(sample(1.0, 5.0))
    wait_for(lambda: "progress" in stand.transport.firsts)
    assert stand.transport.firsts[:4] == ["status", "status", "status", "stream"]
    assert stand.counts[0] == ("startup", "unreachable")
    stand.finish()


def test_samples_that_pile_up_are_dropped_but_for_the_newest() -> None:
    release = threading.Event()

    def probe() -> Probed:
        release.wait(3)
        return PROBED

    stand = Stand(Transport(), probe=probe)
    for second in range(5):
        stand.reporter.sample(sample(second, 10 + second * 2.0))
    release.set()
    wait_for(lambda: "progress" in stand.transport.firsts)
    reports = [query for _, _, query in stand.transport.sent if "progress" in query]
    assert [query["progress"] for query in reports] == ["18.0"]
    stand.finish()


def test_progress_is_told_at_most_every_half_second() -> None:
    stand = Stand(Transport())
    wait_for(lambda: "duration" in stand.transport.firsts)
    began = time.monotonic()
    while stand.transport.firsts.count("progress") < 3:
        stand.reporter.sample(sample(1.0, 12.0))
        time.sleep(0.01)
    assert time.monotonic() - began > 2 * 0.9 * PERIOD_SECONDS  # a busy machine makes it longer
    stand.finish()


def test_plexs_wish_is_carried_on_and_logged_once_each_way() -> None:
    transport = Transport(lambda method, path: THROTTLE if method == "PUT" else Reply(200, ""))
    stand = Stand(transport)
    stand.reporter.sample(sample(1.0, 5.0))
    wait_for(lambda: stand.throttles == [True])
    transport.answer = lambda method, path: NOTHING
    stand.reporter.sample(sample(2.0, 6.0))
    wait_for(lambda: stand.throttles == [True, False])
    stand.finish()
    logs = [(method, query) for method, path, query in transport.sent if path == "/log"]
    assert logs == [("POST", {"level": "3", "message": SLOTH}), ("POST", {"level": "3", "message": BACK_TO_WORK})]
    reports = [query for _, _, query in transport.sent if "progress" in query]
    assert "speed" not in reports[1]  # sent while throttled


def test_a_failed_request_frees_ffmpeg() -> None:
    transport = Transport(lambda method, path: THROTTLE)
    stand = Stand(transport)
    stand.reporter.sample(sample(1.0, 5.0))
    wait_for(lambda: stand.throttles == [True])

    def fail(method: str, path: str) -> Reply:
        raise TimeoutError

    transport.answer = fail
    stand.reporter.sample(sample(2.0, 6.0))
    wait_for(lambda: stand.throttles == [True, False])
    stand.reporter.abort()
    assert stand.done.wait(3)


def test_the_relays_410_ends_the_job() -> None:
    stand = Stand(Transport(lambda method, path: Reply(410, "")))
    assert stand.gone.wait(3)
    assert stand.done.wait(3)
    assert stand.transport.firsts == ["status"]
    assert not stand.reporter.delivered


def test_one_404_is_no_end_but_two_progress_requests_in_a_row_are() -> None:
    transport = Transport(lambda method, path: Reply(404, ""))
    stand = Stand(transport)
    stand.reporter.sample(sample(1.0, 5.0))
    wait_for(lambda: "progress" in transport.firsts)
    assert not stand.gone.is_set()
    stand.reporter.sample(sample(2.0, 6.0))
    assert stand.gone.wait(3)


def test_404s_with_an_answer_between_them_are_no_end() -> None:
    answers = iter([Reply(404, ""), NOTHING, Reply(404, ""), NOTHING, Reply(404, "")])
    transport = Transport()
    stand = Stand(transport)
    wait_for(lambda: "width" in transport.firsts)
    transport.answer = lambda method, path: next(answers)
    for number in range(1, 6):
        stand.reporter.sample(sample(number, number))
        wait_for(lambda number=number: transport.firsts.count("progress") == number)
    assert not stand.gone.is_set()
    stand.reporter.abort()
    assert stand.done.wait(3)


@pytest.mark.parametrize("status", [401, 403])
def test_a_relay_that_refuses_ends_the_attempt_at_once_and_says_why(status: int) -> None:
    body = '{"error": "unauthorized", "detail": "The request is not signed.", "hint": "Sign it."}'
    stand = Stand(Transport(lambda method, path: Reply(status, body)))
    assert stand.done.wait(3)
    assert stand.transport.firsts == ["status"]
    assert stand.refused == [
        f"The relay answered {status} to a startup callback. unauthorized: The request is not signed. Sign it."
    ]
    assert not stand.gone.is_set()


def test_the_start_waits_longer_for_its_answers_than_progress_does() -> None:
    stand = Stand(Transport())
    stand.reporter.sample(sample(1.0, 5.0))
    wait_for(lambda: "progress" in stand.transport.firsts)
    stand.finish()
    starting = stand.transport.firsts.index("progress")
    assert set(stand.transport.patience[:starting]) == {PATIENT_READ_SECONDS}
    assert set(stand.transport.patience[starting:]) == {READ_SECONDS}
    assert READ_SECONDS < PATIENT_READ_SECONDS


def test_log_lines_are_sent_up_to_plexs_level_and_twenty_a_second() -> None:
    stand = Stand(Transport(), Job(URL, log_level=0))
    stand.reporter.line("[warning] not wanted")
    for number in range(50):
        stand.reporter.line(f"[error] line {number}")
    stand.finish()
    logs = [query for _, path, query in stand.transport.sent if path == "/log"]
    assert len(logs) == 20
    assert logs[0] == {"level": "0", "message": "line 0"}
    assert stand.counts.count(("log", "dropped")) == 30


def test_a_quiet_plex_log_level_sends_no_lines_at_all() -> None:
    stand = Stand(Transport(lambda method, path: THROTTLE), Job(URL, log_level=-1))
    stand.reporter.line("[error] x")
    stand.reporter.sample(sample(1.0, 5.0))
    wait_for(lambda: stand.throttles == [True])
    stand.finish()
    assert "log" not in stand.transport.firsts


def test_an_end_that_nobody_takes_is_not_delivered() -> None:
    def fail(method: str, path: str) -> Reply:
        raise ConnectionError

    stand = Stand(Transport(fail))
    began = time.monotonic()
    stand.finish()
    assert time.monotonic() - began < 5
    assert not stand.reporter.delivered


def test_a_server_error_at_the_end_is_tried_again() -> None:
    answers = iter([Reply(503, ""), NOTHING])
    transport = Transport()
    stand = Stand(transport)
    wait_for(lambda: "width" in transport.firsts)
    transport.answer = lambda method, path: next(answers)
    stand.finish()
    assert stand.reporter.delivered
    assert transport.firsts.count("progress") == 2


def test_ffmpegs_last_block_is_told_once() -> None:
    stand = Stand(Transport())
    stand.reporter.sample(sample(1.0, 40.0))
    wait_for(lambda: "progress" in stand.transport.firsts)
    stand.reporter.sample(sample(2.0, 100.0, ended=True))
    time.sleep(0.6)
    stand.finish()
    assert stand.transport.firsts.count("progress") == 2


def test_the_start_is_told_again_while_plex_is_away_behind_the_relay() -> None:
    answers = iter([Reply(502, ""), Reply(204, "")])
    stand = Stand(Transport(lambda method, path: next(answers, NOTHING)))
    wait_for(lambda: "width" in stand.transport.firsts)
    assert stand.transport.firsts[:3] == ["status", "status", "stream"]
    stand.finish()


def test_an_aborted_reporter_says_nothing_more() -> None:
    stand = Stand(Transport())
    wait_for(lambda: "width" in stand.transport.firsts)
    stand.reporter.abort()
    assert stand.done.wait(3)
    assert "progress" not in stand.transport.firsts
    assert stand.reporter.done


def test_a_task_without_progress_url_still_shows_its_place() -> None:
    tracks: list[Track] = []
    silent = NoReports(tracks.append)
    silent.start()
    silent.sample(sample(1.0, 5.0))
    silent.line("x")
    silent.finish()
    silent.abort()
    assert tracks[-1].position_seconds == 5.0
    assert silent.done
    assert silent.delivered
