"""When a worker refuses, is lost, or cannot be reached: the next one, the end, or the real transcoder."""

import json
import socket
import time
from collections.abc import Callable

import pytest

from scaleplex.protocol import wire
from scaleplex.shim import placement
from tests.integration.shim.fakes import (
    JOB,
    SECRET,
    SESSION,
    Host,
    Request,
    Server,
    announced,
    answer,
    exit_frame,
    place,
    refuse,
    send_frame,
    spawned,
    start_stream,
    stream,
)

Serve = Callable[..., Server]
GOOD = stream(spawned(), exit_frame(0))
REFUSALS = [
    (400, "bad-field"),
    (401, "unauthorized"),
    (403, "bad-ticket"),
    (422, "policy"),
    (422, "input-missing"),
    (422, "cwd-missing"),
    (422, "cwd-not-writable"),
    (500, "internal"),
    (503, "full"),
    (503, "starting"),
    (503, "draining"),
]


@pytest.mark.parametrize(("status", "code"), REFUSALS)
def test_a_refused_task_goes_to_the_next_worker_with_the_same_attempt(
    host: Host, serve: Serve, status: int, code: str
) -> None:
    first, second = serve(refuse(status, code)), serve(GOOD)
    orchestrator = serve(place(first.url), place(second.url))
    host.configure(orchestrators=orchestrator.url)
    assert host.run().code == 0
    assert orchestrator.requests[1].json["exclude"] == [first.url]
    assert second.requests[0].json["attempt"] == 1
    assert host.event_names() == [("refused", code), ("placed", "accepted"), ("ended", "ended")]


@pytest.mark.parametrize(("status", "code"), [(422, "local-only"), (413, "too-large")])
def test_a_task_no_worker_can_serve_runs_here_without_asking_further(
    host: Host, serve: Serve, status: int, code: str
) -> None:
    first, second = serve(refuse(status, code)), serve(GOOD)
    orchestrator = serve(place(first.url), place(second.url))
    host.configure(orchestrators=orchestrator.url)
    assert host.run().code == 7
    assert host.real_ran()
    assert second.requests == []
    assert host.event_names() == [("fallback", code)]


def test_a_task_whose_session_moved_on_ends_at_once_with_a_failure(host: Host, serve: Serve) -> None:
    worker = serve(refuse(409, "superseded"))
    host.configure(orchestrators=serve(place(worker.url)).url)
    assert host.run().code == 1
    assert not host.real_ran()


def test_a_job_the_orchestrator_knows_to_be_replaced_ends_at_once_with_a_failure(host: Host, serve: Serve) -> None:
    idle = serve(GOOD)
    host.configure(orchestrators=serve(refuse(409, "superseded")).url, workers_list=idle.url)
    assert host.run().code == 1
    assert not host.real_ran()
    assert idle.requests == []


def test_a_task_too_large_to_send_runs_here(host: Host, serve: Serve) -> None:
    worker = serve(GOOD)
    host.configure(orchestrators=serve(place(worker.url)).url)
    args = [
        "-i",
        "/media/Film.mkv",
        "-f",
        "dash",
        "-progressurl",
        f"http://127.0.0.1:32400/video/:/transcode/session/{SESSION}/{JOB}/progress",
    ]
    assert host.run([*args, *["-metadata", "x" * 100_000] * 11, "dash"]).code == 7
    assert worker.requests == []


@pytest.mark.parametrize("ending", ["close", "reset"])
def test_a_stream_that_breaks_before_anything_began_goes_to_the_next_worker_as_a_new_attempt(
    host: Host, serve: Serve, ending: str
) -> None:
    first, second = serve(stream((wire.HEARTBEAT, b""), ending=ending)), serve(GOOD)
    orchestrator = serve(place(first.url), place(second.url))
    host.configure(orchestrators=orchestrator.url)
    assert host.run().code == 0
    assert (orchestrator.requests[1].json["attempt"], orchestrator.requests[1].json["exclude"]) == (2, [first.url])
    task = second.requests[0].json
    assert task["attempt"] == 2
    assert task["callback"] == wire.callback_base("http://10.0.0.5:32482", SECRET, SESSION, JOB, 2)


def test_the_job_file_names_the_attempt_that_runs(host: Host, serve: Serve) -> None:
    attempts = []

    def run(connection: socket.socket, request: Request) -> None:
        attempts.append(json.loads(host.job_file().read_text())["attempt"])
        GOOD(connection, request)

    host.configure(orchestrators=serve(place(serve(stream()).url), place(serve(run).url)).url)
    assert host.run().code == 0
    assert attempts == [2]


@pytest.mark.parametrize("ending", ["close", "reset"])
def test_a_stream_that_breaks_after_ffmpeg_began_fails_the_job(host: Host, serve: Serve, ending: str) -> None:
    worker = serve(stream(spawned(), ending=ending))
    host.configure(orchestrators=serve(place(worker.url)).url)
    assert host.run().code == wire.EXIT_LOST_WORKER
    assert not host.real_ran()
    assert host.event_names()[-1] == ("lost", "broken")


def test_output_counts_as_a_beginning_even_without_an_information_frame(host: Host, serve: Serve) -> None:
    host.configure(orchestrators=serve(place(serve(stream((wire.STDERR, b"x"))).url)).url)
    assert host.run().code == wire.EXIT_LOST_WORKER


def test_a_worker_that_falls_silent_before_anything_began_is_replaced(host: Host, serve: Serve) -> None:
    first, second = serve(stream(ending="silence")), serve(GOOD)
    host.configure(orchestrators=serve(place(first.url), place(second.url)).url, silence_seconds="0.4")
    assert host.run().code == 0
    assert ("lost", "silent") in host.event_names()


def test_a_worker_that_falls_silent_after_ffmpeg_began_fails_the_job(host: Host, serve: Serve) -> None:
    host.configure(
        orchestrators=serve(place(serve(stream(spawned(), ending="silence")).url)).url, silence_seconds="0.4"
    )
    assert host.run().code == wire.EXIT_LOST_WORKER


def test_heartbeats_keep_a_quiet_job_alive(host: Host, serve: Serve) -> None:
    def beat(connection: socket.socket, request: Request) -> None:
        start_stream(connection)
        for frame in (spawned(), *[(wire.HEARTBEAT, b"")] * 6, exit_frame(0)):
            time.sleep(0.2)
            send_frame(connection, *frame)

    host.configure(orchestrators=serve(place(serve(beat).url)).url, silence_seconds="0.8")
    assert host.run().code == 0


def test_a_film_that_plays_needs_no_orchestrator_any_more(host: Host, serve: Serve) -> None:
    orchestrators: list[Server] = []

    def play(connection: socket.socket, request: Request) -> None:
        start_stream(connection)
        send_frame(connection, *spawned())
        orchestrators[0].close()
        send_frame(connection, wire.STDOUT, b"on and on")
        send_frame(connection, *exit_frame(0))

    orchestrators.append(serve(place(serve(play).url)))
    host.configure(orchestrators=orchestrators[0].url)
    done = host.run()
    assert (done.code, done.stdout) == (0, b"on and on")


def test_bytes_that_are_no_frames_are_a_broken_stream(host: Host, serve: Serve) -> None:
    def babble(connection: socket.socket, request: Request) -> None:
        start_stream(connection)
        connection.sendall(b"5\r\nhello\r\n")

    host.configure(orchestrators=serve(place(serve(babble).url), place(serve(GOOD).url)).url)
    assert host.run().code == 0
    assert ("lost", "broken") in host.event_names()


def test_a_draining_worker_hands_over_before_it_began(host: Host, serve: Serve) -> None:
    first = serve(stream(exit_frame(255, reason="draining", retry=True)))
    host.configure(orchestrators=serve(place(first.url), place(serve(GOOD).url)).url)
    assert host.run().code == 0


@pytest.mark.parametrize("reason", ["draining", "callback-refused"])
def test_a_worker_whose_ffmpeg_has_ended_hands_over_as_long_as_nothing_was_announced(
    host: Host, serve: Serve, reason: str
) -> None:
    first = serve(stream(spawned(), exit_frame(137, signal=9, reason=reason, retry=True)))
    second = serve(GOOD)
    host.configure(orchestrators=serve(place(first.url), place(second.url)).url)
    assert host.run().code == 0
    assert second.requests[0].json["attempt"] == 2
    assert ("refused", reason) in host.event_names()


def test_a_draining_worker_fails_the_job_after_something_was_announced_even_with_code_0(
    host: Host, serve: Serve
) -> None:
    first = serve(stream(spawned(), announced(), exit_frame(0, reason="draining", retry=True)))
    host.configure(orchestrators=serve(place(first.url), place(serve(GOOD).url)).url)
    assert host.run().code == wire.EXIT_LOST_WORKER
    assert not host.real_ran()


def test_a_job_lost_three_times_before_it_began_runs_here(host: Host, serve: Serve) -> None:
    workers = [serve(stream()) for _ in range(4)]
    host.configure(orchestrators=serve(*[place(worker.url) for worker in workers]).url)
    assert host.run().code == 7
    assert [len(worker.requests) for worker in workers] == [1, 1, 1, 0]


def test_the_next_orchestrator_is_asked_when_the_first_does_not_answer(host: Host, serve: Serve, dead_url: str) -> None:
    host.configure(orchestrators=f"{dead_url},{serve(place(serve(GOOD).url)).url}")
    assert host.run().code == 0


@pytest.mark.parametrize(
    "nonsense",
    [
        answer(200, []),
        answer(200, {"worker": "ftp://x", "ticket": "v1"}),
        answer(500, {"error": "internal", "detail": "", "hint": ""}),
        refuse(401, "unauthorized"),
        lambda connection, request: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        lambda connection, request: None,
    ],
)
def test_an_orchestrator_that_makes_no_sense_is_passed_over(host: Host, serve: Serve, nonsense: object) -> None:
    host.configure(orchestrators=serve(nonsense).url, workers_list=serve(GOOD).url)
    assert host.run().code == 0


def test_a_host_name_may_have_several_addresses_of_which_one_answers(host: Host, serve: Serve) -> None:
    worker = serve(GOOD)
    host.configure(workers_list=worker.url.replace("127.0.0.1", "localhost"))
    assert host.run().code == 0


def test_a_fleet_without_a_secret_gets_unsigned_requests(host: Host, serve: Serve) -> None:
    worker = serve(GOOD)
    host.configure(workers_list=worker.url, secret_file="")
    assert host.run().code == 0
    assert wire.AUTH_HEADER not in worker.requests[0].headers


def test_an_orchestrator_that_knows_no_worker_is_believed(host: Host, serve: Serve) -> None:
    idle = serve(GOOD)
    host.configure(orchestrators=serve(refuse(503, "no-worker")).url, workers_list=idle.url)
    assert host.run().code == 7
    assert idle.requests == []
    assert host.event_names() == [("fallback", "no-worker")]


def test_an_orchestrator_that_offers_a_refused_worker_again_is_passed_over(host: Host, serve: Serve) -> None:
    full = serve(refuse(503, "full"))
    orchestrator = serve(place(full.url))
    host.configure(orchestrators=orchestrator.url)
    assert host.run().code == 7
    assert len(full.requests) == 1


def test_the_static_list_is_used_with_tickets_of_our_own_when_no_orchestrator_answers(
    host: Host, serve: Serve, dead_url: str
) -> None:
    full, good = serve(refuse(503, "full")), serve(GOOD)
    host.configure(orchestrators=dead_url, workers_list=f"{full.url}, {good.url}, {dead_url}")
    assert host.run().code == 0
    task, now = good.requests[0].json, time.time_ns() // 1_000_000
    authority = wire.authority(good.url)
    assert wire.ticket_problem(SECRET, task["ticket"], authority, SESSION, JOB, 1, now) is None
    assert task["callback"] == wire.callback_base("http://10.0.0.5:32482", SECRET, SESSION, JOB, 1)
    assert task["reason"] == "static-list"


def test_the_orchestrators_reason_for_a_worker_reaches_that_worker(host: Host, serve: Serve) -> None:
    worker = serve(GOOD)
    host.configure(orchestrators=serve(place(worker.url)).url)
    assert host.run().code == 0
    assert worker.requests[0].json["reason"] == "least-loaded"


def test_a_search_after_a_lost_worker_has_its_full_time_again(host: Host, serve: Serve) -> None:
    beats = [(wire.HEARTBEAT, b"")]
    first, second = serve(stream(*beats, seconds=placement.SEARCH_SECONDS + 0.5)), serve(GOOD)
    host.configure(orchestrators=serve(place(first.url), place(second.url)).url)
    assert host.run().code == 0
    assert host.event_names()[-1] == ("ended", "ended")
