"""What a relay lets nobody do."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaleplex.protocol.signing import wall_clock_ms
from scaleplex.relay import callbacks
from tests.integration.relay.conftest import Job, Stage
from tests.integration.relay.plex import FakePlex
from tests.integration.relay.service import Answer, Service, read_answer, signature, until

JOB = "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11"


def test_every_callback_must_be_signed(relay: Service, plex: FakePlex, job: Job) -> None:
    every = [(method, tail) for tail, (_, method, _) in callbacks.ROUTES.items()]
    assert ("POST", "manifest") in every
    for method, tail in every:
        answer = relay.request(method, job.target(tail), sign=False)
        assert (answer.status, answer.json["error"]) == (401, "unauthorized")
    assert plex.of(job.name) == []


def test_a_wrong_a_stale_and_a_replayed_signature_are_refused(relay: Service, plex: FakePlex, job: Job) -> None:
    target = job.target("progress", "progress=1.0")
    other = signature(relay.url, "PUT", target, secret=b"another-secret-of-a-fleet")
    assert relay.request("PUT", target, sign=False, headers=other).status == 401
    stale = signature(relay.url, "PUT", target, time_ms=wall_clock_ms() - 61_000)
    assert relay.request("PUT", target, sign=False, headers=stale).status == 401
    elsewhere = signature(relay.url, "PUT", job.target("progress", "progress=2.0"))
    assert relay.request("PUT", target, sign=False, headers=elsewhere).status == 401
    once = signature(relay.url, "PUT", target)
    assert relay.request("PUT", target, sign=False, headers=once).status == 206
    assert relay.request("PUT", target, sign=False, headers=once).status == 401
    assert len(plex.of(job.name)) == 1


def test_a_path_signed_for_another_attempt_or_with_another_secret_is_refused(
    relay: Service, plex: FakePlex, job: Job
) -> None:
    body = b"media-00001.ts,0.0,8.0\n"
    forged = job.target("manifest", secret=b"another-secret-of-a-fleet")
    assert relay.request("POST", forged, body).status == 403
    assert relay.request("POST", job.target("manifest", attempt=2), body).status == 410
    moved = job.target("manifest").replace("/cb/1/", "/cb/2/")
    assert relay.request("POST", moved, body).status == 403
    assert plex.of(job.name) == []


def test_an_unknown_job_is_gone(relay: Service, stage: Stage, job: Job) -> None:
    job.path.unlink()
    answer = relay.request("PUT", job.target("progress", "progress=1.0"))
    assert (answer.status, answer.json["error"]) == (410, "gone")


def test_a_job_is_gone_as_soon_as_its_shim_is_killed_and_its_file_is_removed(
    relay: Service, plex: FakePlex, job: Job
) -> None:
    assert relay.request("PUT", job.target("progress", "progress=1.0")).status == 206
    swept = relay.metrics()["scaleplex_relay_jobs_swept_total"]
    old = time.time() - 60
    os.utime(job.path, (old, old))
    job.die()
    assert relay.request("PUT", job.target("progress", "progress=2.0")).status == 410
    until(lambda: not job.path.exists())
    until(lambda: relay.metrics()["scaleplex_relay_jobs_swept_total"] > swept)
    assert relay.request("POST", job.target("manifest"), b"").status == 410
    assert len(plex.of(job.name)) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/identity",
        "/:/prefs?FriendlyName=x",
        "/cb/1/x/:/prefs",
        "//cb/1/x",
        "/cb/../:/prefs",
        "/cb/%2e%2e/:/prefs",
        "/cb/..%2f:/prefs",
        "http://127.0.0.1:32400/:/prefs",
        "/video/:/transcode/universal/stop?session=x",
        "/livetv/sessions/x/index.m3u8",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_no_other_path_reaches_plex(relay: Service, plex: FakePlex, path: str, method: str) -> None:
    before = len(plex.requests)
    assert relay.request(method, path).status in (400, 403, 404)
    assert len(plex.requests) == before


@pytest.mark.parametrize(
    ("tail", "method"),
    [
        ("progress", "POST"),
        ("progress", "GET"),
        ("manifest", "PUT"),
        ("manifest", "OPTIONS"),
        ("progress/../manifest", "POST"),
        ("progress/%2e%2e/manifest", "POST"),
        ("progress/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%3a/prefs", "PUT"),
        ("progress%00", "PUT"),
        ("progress%2fstream", "PUT"),
        ("progress//stream", "PUT"),
        ("progress/stream/", "PUT"),
        ("progress?X-Plex-Token=x", "PUT"),
        ("manifest?stream=video", "POST"),
    ],
)
def test_a_signed_worker_cannot_leave_its_paths(
    relay: Service, plex: FakePlex, job: Job, tail: str, method: str
) -> None:
    answer = relay.request(method, job.target(tail))
    assert (answer.status, answer.json["error"]) == (403, "bad-callback")
    assert plex.of(job.name) == []


@pytest.mark.parametrize(
    "headers", [{"Content-Length": "5", "Transfer-Encoding": "chunked"}, {"Transfer-Encoding": "x"}]
)
def test_a_body_of_uncertain_length_is_refused(
    relay: Service, plex: FakePlex, job: Job, headers: dict[str, str]
) -> None:
    answer = relay.request("POST", job.target("manifest"), b"5\r\nabcde\r\n0\r\n\r\n", headers=headers)
    assert 400 <= answer.status <= 501
    assert plex.of(job.name) == []


def test_a_manifest_that_names_anything_but_segments_is_refused(relay: Service, plex: FakePlex, job: Job) -> None:
    for name in ("../../x", "http://example.org/x.ts", "Preferences.xml"):
        answer = relay.request("POST", job.target("manifest"), f"{name},0.0,8.0\n".encode())
        assert (answer.status, answer.json["error"]) == (403, "bad-callback")
    assert plex.of(job.name) == []


def test_a_body_beyond_four_megabytes_is_too_large(relay: Service, plex: FakePlex, job: Job) -> None:
    target = job.target("manifest")
    headers = {"Content-Length": str((4 << 20) + 1)}
    answer = relay.request("POST", target, headers=headers)  # the answer comes before the body, which is not read
    assert (answer.status, answer.json["error"]) == (413, "too-large")
    assert plex.of(job.name) == []


class Unfinished:
    """Requests whose head announces a body of four megabytes that never comes."""

    def __init__(self, relay: Service) -> None:
        self.relay = relay
        self.connections: list[socket.socket] = []

    def send(self, target: str, sign: dict[str, str], method: str = "POST") -> Answer:
        lines = "".join(f"{key}: {value}\r\n" for key, value in sign.items())
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {4 << 20}\r\n{lines}\r\n"
        connection = socket.create_connection(("127.0.0.1", self.relay.port), 10)
        self.connections.append(connection)
        connection.sendall(head.encode())
        return read_answer(connection, "POST")


@pytest.fixture
def unfinished(relay: Service) -> Iterator[Unfinished]:
    made = Unfinished(relay)
    yield made
    for connection in made.connections:
        connection.close()


def test_the_body_of_a_request_that_is_refused_for_its_head_is_not_read(
    relay: Service, plex: FakePlex, job: Job, unfinished: Unfinished
) -> None:
    target = job.target("manifest")
    forged = job.target("manifest", secret=b"another-secret-of-a-fleet")
    elsewhere = job.target("progress/../manifest")
    progress = job.target("progress/stream")
    stale = signature(relay.url, "POST", target, time_ms=wall_clock_ms() - 61_000)
    # Each answer comes although the body does not: it is not waited for.
    assert unfinished.send(target, {}).status == 401
    assert unfinished.send(forged, relay.signature("POST", forged)).status == 403
    assert unfinished.send(elsewhere, relay.signature("POST", elsewhere)).status == 403
    assert unfinished.send(target, stale).status == 401
    assert unfinished.send(target, {"X-Scaleplex-Auth": "v2 nonsense"}).status == 401
    assert unfinished.send(progress, relay.signature("PUT", progress), method="PUT").status == 413
    assert plex.of(job.name) == []


HOSTILE = {
    "one S of 199999": (
        '<MPD><Period><AdaptationSet><Representation id="0"><SegmentTemplate media="chunk-stream0-00001.m4s" '
        'startNumber="1"><SegmentTimeline><S r="199998"/></SegmentTimeline></SegmentTemplate></Representation>'
        "</AdaptationSet></Period></MPD>"
    ),
    "many S of many": (
        '<MPD><Period><AdaptationSet><Representation id="0"><SegmentTemplate '
        'media="chunk-stream$RepresentationID$-$Number%05d$.m4s" startNumber="1"><SegmentTimeline>'
        + '<S r="19998"/>' * 5000
        + "</SegmentTimeline></SegmentTemplate></Representation></AdaptationSet></Period></MPD>"
    ),
    "the same names again": (
        "<MPD><Period><AdaptationSet>"
        + '<Representation id="0"><SegmentTemplate media="chunk-stream0-$Number%05d$.m4s"><SegmentTimeline>'
        '<S r="9998"/></SegmentTimeline></SegmentTemplate></Representation>' * 500 + "</AdaptationSet></Period></MPD>"
    ),
    "a million elements": "<MPD>" + "<a/>" * 250_000 + "</MPD>",
    "very deep": "<MPD>" + "<a>" * 100_000,
    "a long template": (
        '<MPD><Representation id="0"><SegmentTemplate media="' + "$Number$" * 100_000 + '"><S r="19998"/></MPD>'
    ),
    "a long id": (
        f'<MPD><Representation id="{"1" * 500_000}"><SegmentTemplate media="chunk-stream$RepresentationID$-$Number%05d$'
        '.m4s"><S r="19998"/></SegmentTemplate></Representation></MPD>'
    ),
    "a long number": (
        f'<MPD><Representation id="0"><SegmentTemplate startNumber="{"1" * 500_000}" '
        'media="chunk-stream0-$Number$.m4s"><S/></SegmentTemplate></Representation></MPD>'
    ),
    "entities": '<!DOCTYPE MPD [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><MPD>&b;</MPD>',
    "rows without end": "chunk-00001,0,0\n" * 250_000,
    "one row without end": '"' + "x" * 4_000_000,
    "columns without end": "media-00001.ts," * 200_000,
    "nothing but quotes": '""' * 2_000_000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_manifest_cannot_ask_for_much_work(relay: Service, plex: FakePlex, job: Job, body: str) -> None:
    before = relay.cpu_seconds()
    answer = relay.request("POST", job.target("manifest"), body.encode())
    assert (answer.status, answer.json["error"]) == (403, "bad-callback")
    assert relay.cpu_seconds() - before < 2.0  # the CPU's time, not the clock's: 54 s before there were bounds
    assert plex.of(job.name) == []


def test_refusals_are_counted_and_logged_without_the_path(relay: Service, job: Job) -> None:
    name = 'scaleplex_relay_callbacks_total{kind="unknown",outcome="refused"}'
    before = relay.metrics().get(name, 0)
    for _ in range(5):
        relay.request("DELETE", job.target("manifest", "X-Plex-Token=hidden"))
    assert relay.metrics()[name] == before + 5
    assert "hidden" not in relay.log()
    assert job.target("manifest") not in relay.log()


def run_gunicorn(settings: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    environ = {key: value for key, value in os.environ.items() if not key.startswith("SCALEPLEX_")}
    return subprocess.run(
        [
            *(sys.executable, "-m", "gunicorn", "--config", "python:scaleplex.relay.gunicorn_conf"),
            "scaleplex.relay.app:create()",
        ],
        env=environ | {f"SCALEPLEX_RELAY_{key}": value for key, value in settings.items()},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_without_a_secret_it_refuses_to_listen_beyond_loopback_in_a_clear_sentence() -> None:
    done = run_gunicorn({"BIND": "0.0.0.0:0"})
    assert done.returncode != 0
    assert "refusing to listen on 0.0.0.0:0 without a fleet secret" in done.stderr


def test_a_plex_beyond_loopback_is_refused_in_a_clear_sentence() -> None:
    done = run_gunicorn({"PLEX_URL": "http://10.0.0.5:32400"})
    assert done.returncode != 0
    assert "must be an http URL on a loopback address" in done.stderr


def test_a_relay_that_cannot_see_which_jobs_live_is_not_ready(tmp_path: Path) -> None:
    relay = Service("relay", tmp_path, {"RUNTIME_DIR": str(tmp_path / "run")})
    try:
        relay.start()
        answer = relay.request("GET", "/readyz", sign=False)
        assert answer.status == 503
        assert str(tmp_path / "run/jobs") in str(answer.json["detail"])
        (tmp_path / "run/jobs").mkdir(parents=True)
        assert relay.request("GET", "/readyz", sign=False).status == 200
    finally:
        relay.stop()
