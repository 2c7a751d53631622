"""Callbacks through a real relay to a PMS that records them."""

import json
import socket

import pytest

from tests.integration.relay.conftest import TOKEN, Job, Stage
from tests.integration.relay.plex import IDLE, THROTTLE, FakePlex
from tests.integration.relay.service import Service, until


def manifest(relay: Service, job: Job, body: str, query: str = "X-Plex-Http-Pipeline=infinite") -> int:
    """Post a manifest as a worker does."""
    return relay.request("POST", job.target("manifest", query), body.encode()).status


def rows(*numbers: int) -> str:
    return "".join(
        f"media-{n:05d}.ts,{n * 8}.000000,{n * 8 + 8}.000000,-1.000000,{n * 8 + 8}.000000\n" for n in numbers
    )


def test_a_progress_request_reaches_plex_from_loopback_with_the_token_and_its_reply_comes_back_unchanged(
    relay: Service, plex: FakePlex, job: Job
) -> None:
    plex.throttle = True
    query = "progress=12.3&size=-22&remaining=311&speed=4.8"
    headers = {"X-Plex-Token": "stolen", "X-Plex-Client-Identifier": "x", "Forwarded": "for=1.2.3.4", "Cookie": "a=b"}
    headers |= {"Authorization": "Basic x", "X-Forwarded-For": "1.2.3.4", "Host": "evil"}
    answer = relay.request("PUT", job.target("progress", query), headers=headers)
    assert (answer.status, answer.body, len(answer.body)) == (206, THROTTLE, 99)
    (request,) = plex.of(job.name)
    assert request.target == f"/video/:/transcode/session/{job.session}/{job.name}/progress?{query}"
    assert (request.method, request.peer[0]) == ("PUT", "127.0.0.1")
    assert request.headers["x-plex-token"] == TOKEN
    assert request.headers["x-plex-http-pipeline"] == "infinite"
    assert request.headers["host"] == f"127.0.0.1:{plex.port}"
    passed = {"x-plex-client-identifier", "forwarded", "cookie", "authorization", "x-forwarded-for", "x-scaleplex-auth"}
    assert not passed & set(request.headers)


def test_replies_with_and_without_a_body_keep_their_status(relay: Service, plex: FakePlex, job: Job) -> None:
    assert relay.request("PUT", job.target("progress", "status=startup")).status == 204
    assert relay.request("PUT", job.target("progress", "duration=60.000000")).status == 204
    answer = relay.request("PUT", job.target("progress", "width=1920&height=1080"))
    assert (answer.status, answer.body, len(answer.body)) == (206, IDLE, 83)
    log = relay.request("POST", job.target("progress/log", "level=0&message=a%20b"))
    assert (log.status, log.body) == (200, b"")
    assert [r.tail for r in plex.of(job.name)] == ["progress", "progress", "progress", "log"]


def test_a_job_has_one_connection_to_plex_for_its_manifests_and_one_for_the_rest(
    relay: Service, plex: FakePlex, job: Job
) -> None:
    for number in range(1, 4):
        relay.request("PUT", job.target("progress", f"progress={number}.0"))
        relay.request("POST", job.target("progress/log", f"level=0&message={number}"))
        job.segment(f"media-{number:05d}.ts")
        assert manifest(relay, job, rows(number)) == 200
    manifests = {r.peer for r in plex.of(job.name, "manifest")}
    rest = {r.peer for r in plex.of(job.name)} - manifests
    assert (len(manifests), len(rest)) == (1, 1)


def test_the_connections_of_a_job_that_has_ended_are_closed(relay: Service, plex: FakePlex, job: Job) -> None:
    job.segment("media-00001.ts")
    assert relay.request("PUT", job.target("progress", "progress=1.0")).status == 206
    assert manifest(relay, job, rows(1)) == 200
    peers = {request.peer for request in plex.of(job.name)}
    assert len(peers) == 2
    assert peers <= plex.peers()
    job.die()
    until(lambda: not peers & plex.peers())


def test_a_connection_plex_has_closed_is_replaced_without_losing_a_request(
    relay: Service, plex: FakePlex, job: Job
) -> None:
    plex.close_after_answer = True
    for number in range(3):
        assert relay.request("PUT", job.target("progress", f"progress={number}.0")).status == 206
    plex.close_after_answer = False
    assert relay.request("PUT", job.target("progress", "progress=4.0")).status == 206
    plex.down()
    plex.up()
    assert relay.request("PUT", job.target("progress", "progress=5.0")).status == 206


def test_a_manifest_arrives_whole_with_its_length(relay: Service, plex: FakePlex, job: Job) -> None:
    job.segment("media-00111.ts")
    body = rows(111) + "#media-00112.ts,896.000000,896.000000,-1.000000,-1.000000\n"
    assert manifest(relay, job, body) == 200
    (request,) = plex.of(job.name)
    assert request.target.endswith("/manifest?X-Plex-Http-Pipeline=infinite")
    assert request.body == body.encode()
    assert request.headers["content-length"] == str(len(body))
    assert request.headers["x-plex-token"] == TOKEN


def test_a_file_that_never_appears_is_announced_after_the_limit_with_a_warning_that_names_it(
    relay: Service, plex: FakePlex, job: Job
) -> None:
    before = relay.metrics()["scaleplex_relay_announced_invisible_total"]
    assert manifest(relay, job, rows(7)) == 200
    assert len(plex.of(job.name)) == 1
    assert relay.metrics()["scaleplex_relay_announced_invisible_total"] == before + 1
    until(lambda: "media-00007.ts" in relay.log())
    assert "announced a file that cannot be opened on this host" in relay.log()


def test_a_text_subtitle_segment_without_a_cue_is_not_waited_for(relay: Service, plex: FakePlex, job: Job) -> None:
    (job.cwd / "sub-chunk-00000").touch()
    before = relay.metrics()["scaleplex_relay_announced_invisible_total"]
    body = "sub-chunk-00000,0.000000,1.000000,-1.000000,-1.000000\n"
    assert manifest(relay, job, body, "stream=subtitles&X-Plex-Http-Pipeline=infinite") == 200
    assert len(plex.of(job.name)) == 1
    assert relay.metrics()["scaleplex_relay_announced_invisible_total"] == before


def test_a_manifest_is_forwarded_even_if_its_sender_did_not_wait_for_the_answer(
    relay: Service, plex: FakePlex, job: Job
) -> None:
    for number in range(1, 6):
        job.segment(f"media-{number:05d}.ts")
        target, body = job.target("manifest"), rows(*range(1, number + 1)).encode()
        sign = "".join(f"{key}: {value}\r\n" for key, value in relay.signature("POST", target, body).items())
        with socket.create_connection(("127.0.0.1", relay.port)) as connection:
            head = f"POST {target} HTTP/1.1\r\nHost: x\r\n{sign}Content-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
        until(lambda n=number: len(plex.of(job.name)) == n)
    assert [r.body.count(b"\n") for r in plex.of(job.name)] == [1, 2, 3, 4, 5]


def test_a_manifest_cut_off_in_its_middle_is_not_forwarded(relay: Service, plex: FakePlex, job: Job) -> None:
    job.segment("media-00001.ts")
    target, body = job.target("manifest"), rows(1, 2).encode()
    sign = "".join(f"{key}: {value}\r\n" for key, value in relay.signature("POST", target, body).items())
    with socket.create_connection(("127.0.0.1", relay.port)) as connection:
        head = f"POST {target} HTTP/1.1\r\nHost: x\r\n{sign}Content-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body[:30])
    assert relay.request("PUT", job.target("progress", "progress=1.0")).status == 206
    assert [r.tail for r in plex.of(job.name)] == ["progress"]


def test_a_manifest_overtaken_by_a_later_one_is_dropped(relay: Service, plex: FakePlex, job: Job) -> None:
    for number in (1, 2, 3):
        job.segment(f"media-{number:05d}.ts")
    assert manifest(relay, job, rows(1, 2, 3)) == 200
    assert manifest(relay, job, rows(1, 2)) == 200
    assert manifest(relay, job, rows(1, 2, 3)) == 200
    assert [r.body.count(b"\n") for r in plex.of(job.name)] == [3]


def test_the_next_attempt_starts_its_own_order_and_silences_the_one_before(
    relay: Service, plex: FakePlex, job: Job
) -> None:
    for number in (4, 5):
        job.segment(f"media-{number:05d}.ts")
    assert manifest(relay, job, rows(4, 5)) == 200
    old = job.target("manifest")
    job.attempt = 2
    job.write()
    assert manifest(relay, job, rows(5)) == 200
    assert relay.request("POST", old, rows(4, 5).encode()).status == 410
    assert len(plex.of(job.name)) == 2


@pytest.mark.parametrize("status", [404, 500, 503])
def test_what_plex_says_to_a_manifest_is_the_answer_and_the_same_one_is_sent_again_when_it_is_repeated(
    relay: Service, plex: FakePlex, job: Job, status: int
) -> None:
    job.segment("media-00001.ts")
    plex.failures.append(status)
    assert manifest(relay, job, rows(1)) == status
    assert manifest(relay, job, rows(1)) == 200
    assert manifest(relay, job, rows(1)) == 200
    assert len(plex.of(job.name)) == 2  # what it has taken it is not told again


def test_a_manifest_for_a_plex_that_is_away_is_no_success(relay: Service, plex: FakePlex, job: Job) -> None:
    job.segment("media-00001.ts")
    plex.down()
    assert manifest(relay, job, rows(1)) == 502
    plex.up()
    assert manifest(relay, job, rows(1)) == 200
    assert len(plex.of(job.name)) == 1


def test_a_plex_that_is_down_is_a_clear_bad_gateway(relay: Service, plex: FakePlex, job: Job) -> None:
    plex.down()
    try:
        answer = relay.request("PUT", job.target("progress", "progress=1.0"))
    finally:
        plex.up()
    assert answer.status == 502
    assert answer.json["error"] == "upstream"
    assert f"127.0.0.1:{plex.port}" in str(answer.json["detail"])
    assert "plexmediaserver" in str(answer.json["hint"])


def test_log_lines_beyond_the_budget_are_answered_and_dropped(relay: Service, plex: FakePlex, job: Job) -> None:
    statuses = [relay.request("POST", job.target("progress/log", f"level=0&message={n}")).status for n in range(12)]
    assert statuses == [200] * 12
    assert 5 <= len(plex.of(job.name)) < 12


def test_what_shims_report_and_which_jobs_live_is_in_the_metrics(stage: Stage, job: Job) -> None:
    with (stage.runtime / "events.jsonl").open("a") as file:
        file.write('{"event": "fallback", "reason": "no-worker"}\n{"event": "pla')
    until(lambda: stage.relay.metrics().get('scaleplex_shim_events_total{event="fallback",reason="no-worker"}') == 1)
    until(lambda: stage.relay.metrics()["scaleplex_relay_jobs"] == 1)


def test_a_fallback_is_kept_where_a_restart_of_the_host_does_not_reach(stage: Stage, job: Job) -> None:
    event = {"time_ms": 1, "event": "fallback", "reason": "no-secret", "session": "s", "job": "j", "worker": ""}
    with (stage.runtime / "events.jsonl").open("a") as file:
        file.write("\n" + json.dumps({**event, "detail": "/media/A Film.mkv"}) + "\n")
    until(lambda: (stage.runtime / "fallbacks.jsonl").exists())
    until(lambda: json.loads((stage.runtime / "fallbacks.jsonl").read_text().splitlines()[-1]) == event)


def test_the_token_is_in_no_log_answer_or_metric(relay: Service, plex: FakePlex, job: Job) -> None:
    plex.down()
    try:
        answer = relay.request("PUT", job.target("progress", "progress=1.0"))
    finally:
        plex.up()
    metrics = relay.request("GET", "/metrics", sign=False)
    assert TOKEN.encode() not in answer.body + metrics.body
    assert TOKEN not in relay.log()
    assert "cb/1/" not in relay.log(), relay.log()
