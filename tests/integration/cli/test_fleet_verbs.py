"""``status``, ``drain``, ``undrain`` and ``kill`` against real services: what they print and their exit codes."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from scaleplex.cli.main import main
from tests.integration.cli.conftest import Fleet
from tests.integration.worker.stand import Job
from tests.support.loopback import LoopbackServer

MakeJob = Callable[..., Job]
Capture = pytest.CaptureFixture[str]


def states(fleet: Fleet) -> list[object]:
    return [json.loads(worker.ask("GET", "/capability")[1])["state"] for worker in fleet.workers]


# --- drain and undrain ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("naming", ["name", "url", "host and port"])
def test_a_worker_is_drained_and_undrained_by_name_url_or_host(fleet: Fleet, capsys: Capture, naming: str) -> None:
    text = {"name": "worker1", "url": fleet.url(0), "host and port": fleet.workers[0].authority}[naming]
    assert fleet.run("drain", text) == 0
    assert capsys.readouterr().out == f"worker1 ({fleet.url(0)}) is draining; no jobs run there.\n"
    assert states(fleet) == ["draining", "ready"]
    assert fleet.run("undrain", text, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"worker": fleet.url(0), "name": "worker1", "state": "ready", "sessions": 0}
    assert states(fleet) == ["ready", "ready"]


def test_a_host_with_two_workers_is_not_one_worker(fleet: Fleet, capsys: Capture) -> None:
    assert fleet.run("drain", "127.0.0.1") == 2
    said = capsys.readouterr().err
    assert "127.0.0.1 names 2 workers" in said
    assert "Give the URL" in said
    assert states(fleet) == ["ready", "ready"]


def test_a_name_nobody_has_is_wrong_use_and_the_known_ones_are_listed(fleet: Fleet, capsys: Capture) -> None:
    assert fleet.run("drain", "worker3") == 2
    said = capsys.readouterr().err
    assert "No worker is called worker3." in said
    assert f"worker1 ({fleet.url(0)}), worker2 ({fleet.url(1)})" in said


def test_drain_waits_until_nothing_runs(fleet: Fleet, fake_job: MakeJob, capsys: Capture) -> None:
    stream = fake_job(fleet.workers[0], "run").post()
    stream.spawned()
    assert fleet.run("drain", "worker1", "--wait", "--timeout", "0.05") == 75
    said = capsys.readouterr().err
    assert "1 job runs on worker1" in said
    assert "--end" in said
    codes: list[int] = []
    waiting = threading.Thread(target=lambda: codes.append(fleet.run("drain", "worker1", "--wait")))
    waiting.start()
    stream.vanish()
    waiting.join(20)
    assert codes == [0]
    assert states(fleet) == ["draining", "ready"]


def test_a_time_limit_without_waiting_is_wrong_use(fleet: Fleet) -> None:
    assert fleet.run("drain", "worker1", "--timeout", "5") == 2
    assert states(fleet) == ["ready", "ready"]


def test_drain_with_end_ends_what_runs_and_says_that_another_worker_may_go_on(
    fleet: Fleet, fake_job: MakeJob, capsys: Capture
) -> None:
    stream = fake_job(fleet.workers[0], "deaf").post()
    stream.spawned()
    assert fleet.run("drain", "worker1", "--end", "--wait") == 0
    content = stream.exit()
    assert (content["reason"], content["retry"]) == ("draining", True)
    assert "no jobs run there" in capsys.readouterr().out


def test_a_drain_with_a_wrong_body_changes_nothing(fleet: Fleet) -> None:
    status, body = fleet.workers[0].ask("POST", "/drain", b'{"end_running": "yes"}')
    assert (status, json.loads(body)["error"]) == (400, "bad-field")
    assert states(fleet) == ["ready", "ready"]


def test_without_an_orchestrator_the_static_list_names_the_workers(fleet: Fleet, capsys: Capture) -> None:
    fleet.orchestrator.stop()
    assert fleet.run("drain", "worker2") == 0
    assert states(fleet) == ["ready", "draining"]


def test_a_worker_that_does_not_answer_may_be_tried_later(fleet: Fleet, capsys: Capture) -> None:
    fleet.workers[1].stop()
    assert fleet.run("drain", "worker2") == 75
    assert f"worker2 ({fleet.url(1)}) does not answer" in capsys.readouterr().err


def test_another_secret_is_refused_and_the_fix_is_named(fleet: Fleet, capsys: Capture) -> None:
    (fleet.etc / "fleet-secret").write_bytes(b"another-fleet-secret")
    assert fleet.run("drain", fleet.url(0)) == 1
    said = capsys.readouterr().err
    assert "refuses this host's signature" in said
    assert "sha256sum" in said
    assert states(fleet) == ["ready", "ready"]


# --- kill -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["job", "session"])
def test_a_job_is_killed_by_its_id_or_its_sessions(fleet: Fleet, fake_job: MakeJob, capsys: Capture, what: str) -> None:
    job, other = fake_job(fleet.workers[0], "run"), fake_job(fleet.workers[1], "run")
    stream, untouched = job.post(), other.post()
    stream.spawned()
    untouched.spawned()
    fleet.until_sessions(2)
    assert fleet.run("kill", getattr(job, what)) == 0
    assert capsys.readouterr().out == f"{job.job} on {fleet.url(0)} ends.\n"
    assert stream.exit()["reason"] == "killed"
    assert json.loads(fleet.workers[1].ask("GET", "/tasks")[1])["tasks"][0]["job"] == other.job


def test_kill_looks_only_at_the_named_worker(fleet: Fleet, fake_job: MakeJob, capsys: Capture) -> None:
    job = fake_job(fleet.workers[0], "run")
    stream = job.post()
    stream.spawned()
    assert fleet.run("kill", job.job, "--worker", "worker2") == 2
    assert "runs on the worker worker2" in capsys.readouterr().err
    assert fleet.run("kill", job.job, "--worker", "worker1", "--json") == 0
    answer = {"session": job.session, "job": job.job, "worker": fleet.url(0), "outcome": "ended"}
    assert json.loads(capsys.readouterr().out) == {"jobs": [answer]}
    stream.exit()


def test_a_worker_that_does_not_answer_keeps_no_other_job_of_the_session_alive(
    fleet: Fleet, fake_job: MakeJob, capsys: Capture
) -> None:
    lost = fake_job(fleet.workers[0], "run")
    lost.post().spawned()
    other = fake_job(fleet.workers[1], "run", session=lost.session)
    stream = other.post(kind="subtitle")
    stream.spawned()
    fleet.until_sessions(2)
    fleet.workers[0].stop()
    assert fleet.run("kill", lost.session) == 75
    captured = capsys.readouterr()
    assert captured.out == f"{other.job} on {fleet.url(1)} ends.\n"
    assert f"{fleet.url(0)} does not answer" in captured.err
    assert stream.exit()["reason"] == "killed"


def test_kill_works_without_an_orchestrator(fleet: Fleet, fake_job: MakeJob, capsys: Capture) -> None:
    fleet.orchestrator.stop()
    job = fake_job(fleet.workers[1], "run")
    stream = job.post()
    stream.spawned()
    assert fleet.run("kill", job.job) == 0
    assert stream.exit()["reason"] == "killed"


def test_an_id_that_runs_nowhere_is_wrong_use(fleet: Fleet, capsys: Capture) -> None:
    assert fleet.run("kill", "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11") == 2
    assert "`scaleplex status` lists what runs" in capsys.readouterr().err


# --- status -----------------------------------------------------------------------------------------------------------


def test_status_lists_workers_and_what_they_run(fleet: Fleet, fake_job: MakeJob, capsys: Capture) -> None:
    job = fake_job(fleet.workers[0], "run")
    stream = job.post()
    stream.spawned()
    fleet.until_sessions(1)
    assert fleet.run("status") == 0
    head, *workers, gap, jobs, running = capsys.readouterr().out.splitlines()
    first, second = sorted(workers)
    assert head.split() == ["WORKER", "URL", "STATE", "BACKEND", "SESSIONS"]
    assert first.split() == ["worker1", fleet.url(0), "ready", "sw", "1/4"]
    assert second.split() == ["worker2", fleet.url(1), "ready", "sw", "0/4"]
    assert gap == ""
    assert jobs.split() == ["SESSION", "JOB", "KIND", "WORKER"]
    assert running.split() == [job.session, job.job, "video", fleet.url(0)]
    stream.vanish()


def test_status_says_what_is_wrong_with_a_worker_and_ends_with_1_when_none_is_ready(
    fleet: Fleet, capsys: Capture
) -> None:
    fleet.workers[0].stop()
    fleet.until_states("lost", "ready")
    assert fleet.run("status") == 0
    assert f"{fleet.url(0):<32} lost       sw       0/4  lost: " in capsys.readouterr().out
    assert fleet.run("drain", "worker2") == 0
    fleet.until_states("lost", "draining")
    capsys.readouterr()
    assert fleet.run("status", "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert sorted(worker["state"] for worker in answer["workers"]) == ["draining", "lost"]
    assert answer["sessions"] == []


def test_status_on_the_plex_host_shows_why_jobs_left_the_fleet_in_the_last_days(
    fleet: Fleet, tmp_path: Path, capsys: Capture
) -> None:
    (fleet.etc / "relay.env").write_text(f"SCALEPLEX_RELAY_STATE_DIR={tmp_path}\n")
    now_ms, day_ms = time.time_ns() // 1_000_000, 24 * 3600 * 1000
    events = [(0, "fallback", "no-worker"), (6, "fallback", "no-worker"), (1, "lost", "silent"), (8, "lost", "broken")]
    lines = [json.dumps({"time_ms": now_ms - age * day_ms, "event": e, "reason": r}) for age, e, r in events]
    (tmp_path / "fallbacks.jsonl").write_text("\n".join(lines) + "\n")
    assert fleet.run("status") == 0
    head, first, second = capsys.readouterr().out.splitlines()[-3:]
    assert head.split() == ["IN", "7", "DAYS", "REASON", "JOBS"]
    assert first.split() == ["ran", "on", "the", "Plex", "host", "no-worker", "2"]
    assert second.split() == ["lost", "their", "worker", "silent", "1"]
    assert fleet.run("status", "--json") == 0
    shown = json.loads(capsys.readouterr().out)["fallbacks"]
    assert shown[0] == {"event": "fallback", "reason": "no-worker", "jobs": 2}


def test_status_asks_the_next_orchestrator_when_the_first_does_not_answer(fleet: Fleet, capsys: Capture) -> None:
    dead = fleet.url(0)
    fleet.workers[0].stop()
    assert fleet.run("status", "--orchestrator", dead, "--orchestrator", fleet.orchestrator.url) == 0
    assert "worker2" in capsys.readouterr().out


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"workers": 1}', b'{"workers": [{"url": "x"}]}'])
@pytest.mark.parametrize("verb", [["status"], ["drain", "worker1"]])
def test_another_service_at_the_orchestrators_address_is_a_sentence(
    tmp_path: Path, capsys: Capture, verb: list[str], body: bytes
) -> None:
    class Other(LoopbackServer):
        def answer(self, handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

    other = Other(0)
    try:
        url = f"http://127.0.0.1:{other.port}"
        assert main([*verb, "--etc", str(tmp_path), "--orchestrator", url]) == 1
        assert f"{url} answers, but not with a list of workers." in capsys.readouterr().err
    finally:
        other.down()


def test_status_ends_with_75_when_nobody_answers(fleet: Fleet, capsys: Capture) -> None:
    fleet.orchestrator.stop()
    assert fleet.run("status") == 75
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"No orchestrator answers. {fleet.orchestrator.url}: " in captured.err
    assert "systemctl start scaleplex-orchestrator" in captured.err


def test_status_ends_with_1_when_it_is_refused(fleet: Fleet, capsys: Capture) -> None:
    (fleet.etc / "fleet-secret").write_bytes(b"another-fleet-secret")
    assert fleet.run("status") == 1
    assert f"The orchestrator {fleet.orchestrator.url} refuses this host's signature" in capsys.readouterr().err


def test_a_url_that_is_none_is_wrong_use(fleet: Fleet, capsys: Capture) -> None:
    assert fleet.run("status", "--orchestrator", "plex:32480") == 2
    assert "Give it as http://HOST:PORT." in capsys.readouterr().err
