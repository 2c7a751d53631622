"""Placements by a real orchestrator over fake workers."""

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable

import pytest

from scaleplex.protocol import wire
from scaleplex.protocol.signing import wall_clock_ms
from tests.integration.orchestrator.conftest import Fleet
from tests.integration.orchestrator.workers import FakeWorker
from tests.integration.relay.service import SECRET, signature, until

Orchestrate = Callable[..., Fleet]


def test_a_placement_names_a_ready_worker_and_holds_a_ticket_for_it(orchestrate: Orchestrate) -> None:
    fleet = orchestrate(1)
    answer = fleet.place("f168tc7vl2desp78pov5ktwu", "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11")
    assert answer.status == 200
    assert set(answer.json) == {"worker", "ticket", "backend", "reason"}
    assert answer.json["worker"] == fleet.workers[0].url
    ticket = str(answer.json["ticket"])
    host = f"127.0.0.1:{fleet.workers[0].port}"
    ids = ("f168tc7vl2desp78pov5ktwu", "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11", 1)
    assert wire.ticket_problem(SECRET, ticket, host, *ids, wall_clock_ms()) is None
    assert fleet.workers[0].unsigned == 0


def test_the_very_first_placement_after_a_start_waits_for_the_first_look_at_the_workers(
    orchestrate: Orchestrate,
) -> None:
    fleet = orchestrate(2, POLL_SECONDS="60")
    assert fleet.place().status == 200


def test_an_excluded_worker_is_not_chosen_and_nobody_is_when_all_are_excluded(orchestrate: Orchestrate) -> None:
    fleet = orchestrate(2)
    first, second = (worker.url for worker in fleet.workers)
    for _ in range(4):
        assert fleet.place(exclude=[first]).json["worker"] == second
    answer = fleet.place(exclude=[first, second])
    assert (answer.status, answer.json["error"]) == (503, "no-worker")
    assert f"{first}: excluded" in str(answer.json["detail"])


def test_the_journal_tells_where_a_job_went_and_why_and_why_one_went_nowhere(orchestrate: Orchestrate) -> None:
    fleet = orchestrate(1)
    url = fleet.workers[0].url
    placed = fleet.place("f168tc7vl2desp78pov5ktwu", "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11")
    assert placed.json["reason"] == "only-one"
    story = "session=f168tc7vl2desp78pov5ktwu job=1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11 attempt=1 kind=video"
    assert f"INFO job placed {story} worker={url} backend=sw reason=only-one" in fleet.service.log()
    fleet.place("f168tc7vl2desp78pov5ktwu", "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b12", exclude=[url])
    line = next(line for line in fleet.service.log().splitlines() if "job not placed" in line)
    assert "outcome=no-worker" in line
    assert "excluded: it refused this job or lost it" in line


def test_a_burst_within_one_poll_is_spread_evenly(orchestrate: Orchestrate) -> None:
    fleet = orchestrate(2, max_sessions=10, POLL_SECONDS="60")
    until(lambda: all(worker.polls for worker in fleet.workers))
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append(str(fleet.place().json.get("worker")))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(answers) == {worker.url: 10 for worker in fleet.workers}


def test_two_idle_workers_take_turns(orchestrate: Orchestrate) -> None:
    fleet = orchestrate(2)
    assert Counter(fleet.place().json["worker"] for _ in range(6)) == {worker.url: 3 for worker in fleet.workers}


def test_a_draining_and_a_starting_worker_get_nothing(orchestrate: Orchestrate) -> None:
    fleet = orchestrate(2)
    fleet.workers[0].state = "draining"
    fleet.workers[1].state = "starting"
    fleet.until_state(fleet.workers[0].url, "draining")
    fleet.until_state(fleet.workers[1].url, "starting")
    detail = str(fleet.place().json["detail"])
    assert f"{fleet.workers[0].url}: draining" in detail
    assert f"{fleet.workers[1].url}: starting" in detail


def test_a_dead_worker_is_noticed_with_the_next_poll_and_believed_again_when_it_is_back(
    orchestrate: Orchestrate,
) -> None:
    fleet = orchestrate(2)
    dead, alive = fleet.workers
    fleet.until_state(dead.url, "ready")
    dead.down()
    fleet.until_state(dead.url, "lost")
    assert fleet.views()[dead.url]["problem"] == "lost: connection refused"
    assert {fleet.place().json["worker"] for _ in range(3)} == {alive.url}
    fleet.workers[0] = FakeWorker(port=dead.port)
    fleet.until_state(dead.url, "ready")
    assert "worker does not answer" in fleet.service.log()
    until(lambda: "worker answers again" in fleet.service.log())


def test_a_worker_that_registers_is_used_and_forgotten_after_its_ttl(orchestrate: Orchestrate) -> None:
    fleet = orchestrate(1, listed=False)
    worker = fleet.workers[0]
    assert fleet.place().json["error"] == "no-worker"
    message = {"url": worker.url, "capability": worker.capability(), "ttl_seconds": 1}
    assert fleet.service.post("/register", message).status == 204
    assert fleet.views()[worker.url]["source"] == "push"
    assert fleet.place().json["worker"] == worker.url
    until(lambda: not fleet.views())
    assert "No worker is known" in str(fleet.place().json["detail"])


def test_every_address_of_a_name_is_a_worker(orchestrate: Orchestrate) -> None:
    worker = FakeWorker()
    try:
        fleet = orchestrate(0, WORKERS_DNS=f"localhost:{worker.port}")
        fleet.until_state(worker.url, "ready")
        assert fleet.views()[worker.url]["source"] == "dns"
        assert fleet.place().json["worker"] == worker.url
    finally:
        worker.down()


def test_a_newer_job_of_a_session_ends_the_older_one_wherever_it_runs_and_no_other(orchestrate: Orchestrate) -> None:
    fleet = orchestrate(2)
    old, other = fleet.workers
    old.run("s1", "job-old")
    old.run("s1", "job-subtitle", "subtitle")
    other.run("s2", "job-foreign")
    other.run("s1", "job-new")  # the job about to be placed, seen already: it must survive
    until(lambda: len(fleet.service.request("GET", "/sessions").json["sessions"]) == 4)  # type: ignore[arg-type]
    assert fleet.place("s1", "job-new").status == 200
    until(lambda: superseded(fleet) == 1, 30)  # whatever is to be told was told then
    assert old.kills == [("job-old", {"reason": "superseded", "attempt": 1})]
    assert other.kills == []
    assert old.unsigned == 0


def test_a_job_that_is_still_on_its_way_to_its_worker_is_ended_when_it_arrives(orchestrate: Orchestrate) -> None:
    fleet = orchestrate(1, POLL_SECONDS="60")
    worker = fleet.workers[0]
    fleet.place("s1", "job-1")
    fleet.place("s1", "job-2")
    until(lambda: bool(worker.kills))
    worker.run("s1", "job-1")
    until(lambda: not worker.tasks)
    assert {job for job, _ in worker.kills} == {"job-1"}


def test_a_later_attempt_of_a_replaced_job_is_refused_and_ends_nothing(orchestrate: Orchestrate) -> None:
    fleet = orchestrate(2)
    fleet.place("s1", "job-1")
    fleet.place("s1", "job-2")
    answer = fleet.place("s1", "job-1", attempt=2)
    assert (answer.status, answer.json["error"]) == (409, "superseded")
    until(lambda: superseded(fleet) == 1, 30)  # job-1, when job-2 was placed
    assert "job-2" not in {job for worker in fleet.workers for job, _ in worker.kills}


def superseded(fleet: Fleet) -> float:
    """Return how many jobs the orchestrator is through with telling workers to end."""
    metrics = fleet.service.metrics()
    words = ("ended", "gone", "failed")
    return sum(metrics.get(f'scaleplex_orchestrator_superseded_total{{outcome="{word}"}}', 0) for word in words)


def test_two_orchestrators_over_the_same_workers_know_the_same(orchestrate: Orchestrate) -> None:
    one = orchestrate(2)
    urls = ",".join(worker.url for worker in one.workers)
    two = orchestrate(0, WORKERS_LIST=urls)
    first, second = one.workers
    for worker in one.workers:
        two.until_state(worker.url, "ready")
    # A film placed by one of them and running is replaced through the other.
    first.run("s1", "job-1")
    until(lambda: len(two.service.request("GET", "/sessions").json["sessions"]) == 1)  # type: ignore[arg-type]
    assert two.place("s1", "job-2").status == 200
    until(lambda: superseded(two) == 1, 30)
    assert first.kills == [("job-1", {"reason": "superseded", "attempt": 1})]
    assert second.kills == []
    # One is lost: the other goes on, and what is lost knows the fleet again as soon as it is back.
    one.service.restart()
    one.until_state(first.url, "ready")
    assert one.place("s1", "job-3").status == 200
    assert one.place("s2", "job-4").json["worker"] in urls.split(",")


def test_every_placement_is_timed_and_counted(orchestrate: Orchestrate) -> None:
    fleet = orchestrate(4, max_sessions=1000)
    for _ in range(50):
        fleet.place()
    metrics = fleet.service.metrics()
    assert metrics["scaleplex_orchestrator_placement_seconds_count"] == 50
    assert metrics['scaleplex_orchestrator_placement_seconds_bucket{le="+Inf"}'] == 50
    assert metrics["scaleplex_orchestrator_placement_seconds_sum"] > 0
    assert metrics['scaleplex_orchestrator_placements_total{outcome="placed"}'] == 50
    assert metrics['scaleplex_orchestrator_workers{state="ready"}'] == 4


def test_polls_jobs_room_and_kills_are_in_the_metrics(orchestrate: Orchestrate) -> None:
    fleet = orchestrate(2)
    here, away = fleet.workers
    here.run("s1", "job-old")
    until(lambda: len(fleet.service.request("GET", "/sessions").json["sessions"]) == 1)  # type: ignore[arg-type]
    metrics = fleet.service.metrics()
    assert metrics["scaleplex_orchestrator_sessions"] == 1
    assert metrics["scaleplex_orchestrator_sessions_max"] == 8
    assert metrics["scaleplex_orchestrator_sessions_free"] == 7
    assert metrics['scaleplex_orchestrator_polls_total{outcome="answered"}'] >= 2
    assert metrics['scaleplex_orchestrator_superseded_total{outcome="ended"}'] == 0
    assert fleet.place("s1", "job-new").status == 200
    until(lambda: fleet.service.metrics()['scaleplex_orchestrator_superseded_total{outcome="ended"}'] == 1)
    away.down()
    fleet.until_state(away.url, "lost")
    metrics = fleet.service.metrics()
    assert metrics['scaleplex_orchestrator_polls_total{outcome="failed"}'] >= 1
    assert metrics["scaleplex_orchestrator_sessions_max"] == 4


@pytest.fixture(scope="module")
def lone(tmp_path_factory: pytest.TempPathFactory):
    from tests.integration.relay.service import Service

    service = Service("orchestrator", tmp_path_factory.mktemp("lone"), {})
    yield Fleet(service.start(), [])
    service.stop()


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"job": "j", "attempt": 1}, "'session'"),
        ({"session": "s", "attempt": 1}, "'job'"),
        ({"session": "s", "job": "j"}, "'attempt'"),
        ({"session": 1, "job": "j", "attempt": 1}, "'session'"),
        ({"session": "s", "job": "j", "attempt": "1"}, "'attempt'"),
        ({"session": "s", "job": "j", "attempt": 0}, "'attempt'"),
        ({"session": "a\nb", "job": "j", "attempt": 1}, "'session'"),
        ({"session": "s", "job": "../x", "attempt": 1}, "'job'"),
        ({"session": "s", "job": "j", "attempt": 1, "kind": "audio"}, "'kind'"),
        ({"session": "s", "job": "j", "attempt": 1, "exclude": "x"}, "'exclude'"),
        ({"session": "s", "job": "j", "attempt": 1, "needs": {"video_encode": 1}}, "'needs.video_encode'"),
    ],
)
def test_a_missing_or_mistyped_field_is_named(lone: Fleet, body: dict[str, object], named: str) -> None:
    answer = lone.service.post("/placement", body)
    assert (answer.status, answer.json["error"]) == (400, "bad-field")
    assert named in str(answer.json["detail"])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'"x"'])
def test_a_body_that_is_no_json_object_is_refused(lone: Fleet, body: bytes) -> None:
    for path in ("/placement", "/register"):
        answer = lone.service.request("POST", path, body)
        assert (answer.status, answer.json["error"]) == (400, "bad-json")


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"url": "10.0.0.6"}, "'url'"), ({"ttl_seconds": 0}, "'ttl_seconds'"), ({"capability": None}, "'capability'")],
)
def test_a_registration_that_cannot_be_used_is_refused(lone: Fleet, changed: dict[str, object], named: str) -> None:
    capability = {"worker_id": "w", "version": "1", "state": "ready", "backend": "sw", "sessions": 0, "max_sessions": 1}
    answer = lone.service.post("/register", {"url": "http://w:1", "capability": capability, **changed})
    assert answer.status == 400
    assert named in str(answer.json["detail"])


def test_nothing_but_health_and_the_page_is_answered_unsigned(lone: Fleet) -> None:
    for method, path in (("POST", "/placement"), ("POST", "/register"), ("GET", "/workers"), ("GET", "/sessions")):
        assert lone.service.request(method, path, sign=False).status == 401
        forged = signature(lone.service.url, method, path, secret=b"another-secret-of-a-fleet")
        assert lone.service.request(method, path, sign=False, headers=forged).status == 401
    for path in ("/healthz", "/metrics", "/"):
        assert lone.service.request("GET", path, sign=False).status == 200
    assert lone.service.request("GET", "/readyz", sign=False).status == 503


def test_the_page_shows_workers_and_no_more_of_a_job_than_an_operator_needs(orchestrate: Orchestrate) -> None:
    fleet = orchestrate(1)
    fleet.workers[0].run("f168tc7vl2desp78pov5ktwu", "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11")
    fleet.until_state(fleet.workers[0].url, "ready")
    until(lambda: b"f168tc7v" in fleet.service.request("GET", "/", sign=False).body)
    answer = fleet.service.request("GET", "/", sign=False)
    assert fleet.workers[0].url.encode() in answer.body
    assert b"1d0b0e9b-" not in answer.body
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_the_page_can_be_switched_off(orchestrate: Orchestrate) -> None:
    assert orchestrate(0, PAGE="off").service.request("GET", "/", sign=False).status == 404


def test_without_a_secret_it_refuses_to_listen_beyond_loopback_in_a_clear_sentence() -> None:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("SCALEPLEX_")}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "gunicorn", "--config", "python:scaleplex.orchestrator.gunicorn_conf"),
            "scaleplex.orchestrator.app:create()",
        ],
        env=environ | {"SCALEPLEX_ORCHESTRATOR_BIND": "0.0.0.0:0"},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode != 0
    assert "refusing to listen on 0.0.0.0:0 without a fleet secret" in done.stderr
