"""Patience with files and with PMS, against a clock that only waiting moves."""

import contextlib
import socket
import threading
import time
from pathlib import Path

import pytest

from scaleplex.common.errors import UpstreamError
from scaleplex.common.log import Log, Secret
from scaleplex.common.metrics import Metrics
from scaleplex.relay.callbacks import parse
from scaleplex.relay.forward import Forwarder, LiveJob
from scaleplex.relay.manifests import Manifest
from scaleplex.relay.meters import Meters
from scaleplex.relay.tickets import Ticket
from scaleplex.relay.upstream import FIRST_PAUSE_SECONDS, MANIFEST_TRIES, Upstream

JOB = "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11"
TOKEN = Secret(b"local-token")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def nobody() -> str:
    """Return a URL where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_manifest_is_tried_so_often_and_no_longer_than_the_limit(nobody: str) -> None:
    for limit_seconds, slept in ((30.0, FIRST_PAUSE_SECONDS * (2 ** (MANIFEST_TRIES - 1) - 1)), (1.0, 0.6)):
        clock = Clock()
        with pytest.raises(UpstreamError):
            Upstream(nobody, limit_seconds, clock, clock.sleep).send_surely("POST", "/x", TOKEN, b"")
        assert clock.now == pytest.approx(slept)


def test_progress_is_tried_once(nobody: str) -> None:
    clock = Clock()
    with pytest.raises(UpstreamError) as caught:
        Upstream(nobody, 30.0, clock, clock.sleep).send("PUT", "/x", TOKEN)
    assert clock.now == 0.0
    assert "local-token" not in caught.value.detail


def test_a_request_does_not_wait_for_ever_behind_one_that_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        upstream = Upstream(f"http://127.0.0.1:{silent.getsockname()[1]}", 1.0)

        def hang() -> None:
            with contextlib.suppress(UpstreamError):
                upstream.send("PUT", "/1", TOKEN)

        first = threading.Thread(target=hang)
        first.start()
        time.sleep(0.1)
        assert not upstream.close()
        started = time.monotonic()
        with pytest.raises(UpstreamError) as caught:
            upstream.send("PUT", "/2", TOKEN, turn_seconds=0.1)
        assert time.monotonic() - started < 0.6
        assert "earlier callback" in caught.value.detail
        first.join()
        assert upstream.close()


def test_a_job_whose_files_stay_invisible_is_held_half_as_long_each_time(nobody: str, tmp_path: Path) -> None:
    clock, meters = Clock(), Meters(Metrics())
    forwarder = Forwarder(
        plex_url=nobody,
        upstream_seconds=0.1,  # one try, so that the clock shows the holding alone
        visible_seconds=2.0,
        log_lines_per_second=20,
        log=Log("test", "error"),
        meters=meters,
        clock=clock,
        sleep=clock.sleep,
    )
    callback = parse("POST", f"/cb/1/{'0' * 40}/video/:/transcode/session/s/{JOB}/manifest")
    ticket = Ticket("s", JOB, 1, "video", tmp_path, TOKEN)
    held = []
    for number in range(4):
        before = clock.now
        with pytest.raises(UpstreamError):
            forwarder.forward(callback, ticket, f"media-{number:05d}.ts,0.0,1.0\n".encode())
        held.append(clock.now - before)
    assert held == pytest.approx([2.0, 1.0, 0.5, 0.25])
    assert meters.invisible.value() == 4


def test_a_manifest_is_stale_only_within_its_stream_and_attempt(nobody: str) -> None:
    job = LiveJob(Upstream(nobody, 1.0), 2.0, 20)
    early, late, final = Manifest(("a",), (0, 4)), Manifest(("a", "b"), (0, 5)), Manifest(("a", "b"), (1, 5))
    job.announced("", 1, late)
    assert job.is_stale("", 1, early)
    assert not job.is_stale("", 1, late)
    assert not job.is_stale("", 1, final)
    assert not job.is_stale("subtitles", 1, early)
    assert not job.is_stale("", 2, early)
    job.announced("", 1, final)
    assert job.is_stale("", 1, late)
    assert job.new_names("", Manifest(("a", "c"), (0, 6))) == ["c"]


def test_a_late_manifest_that_names_a_segment_no_other_has_named_still_counts(nobody: str) -> None:
    job = LiveJob(Upstream(nobody, 1.0), 2.0, 20)
    job.announced("", 1, Manifest(("f", "g"), (0, 7)))
    late = Manifest(("e", "f"), (0, 6))
    assert not job.is_stale("", 1, late)
    job.announced("", 1, late)
    assert job.is_stale("", 1, late)


def test_jobs_that_ended_are_forgotten_and_living_ones_are_not(nobody: str, tmp_path: Path) -> None:
    forwarder = Forwarder(
        plex_url=nobody,
        upstream_seconds=1.0,
        visible_seconds=0.0,
        log_lines_per_second=20,
        log=Log("test", "error"),
        meters=Meters(Metrics()),
    )
    callback = parse("PUT", f"/cb/1/{'0' * 40}/video/:/transcode/session/s/{JOB}/progress")
    with pytest.raises(UpstreamError):
        forwarder.forward(callback, Ticket("s", JOB, 1, "video", tmp_path, TOKEN), b"")
    asked: list[str] = []
    forwarder.forget(lambda job: not asked.append(job))
    forwarder.forget(lambda job: bool(asked.append(job)))
    forwarder.forget(lambda job: bool(asked.append(job)))
    assert asked == [JOB, JOB]
