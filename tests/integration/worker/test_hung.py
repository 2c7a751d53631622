"""A file server that is away: tasks are refused, slots come back, the worker says so and can be ended."""

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from scaleplex.worker.storage import HUNG_MAX
from tests.integration.worker.stand import Job, Worker, alive, wait_for
from tests.support.hung import HungMount

MakeJob = Callable[..., Job]
BOUND_SECONDS = 30.0  # far above every limit, far below for ever


def running(worker: Worker) -> list[object]:
    tasks: list[object] = json.loads(worker.ask("GET", "/tasks")[1])["tasks"]
    return tasks


def test_a_transcode_directory_that_hangs_makes_the_worker_unready_until_it_answers(
    worker: Worker, fake_job: MakeJob
) -> None:
    job = fake_job(worker, "run")

    def readiness() -> tuple[int, str]:
        status, body = worker.ask("GET", "/readyz", auth=None)
        return status, body.decode()

    assert readiness()[0] == 200
    with HungMount(worker.root / "transcode"):
        wait_for(lambda: readiness()[0] == 503, BOUND_SECONDS)
        assert f"{worker.root}/transcode hangs" in readiness()[1]
        refused = job.post()
        assert (refused.status, refused.error()) == (503, "starting")
        assert json.loads(worker.ask("GET", "/capability")[1])["state"] == "starting"
    wait_for(lambda: readiness()[0] == 200, BOUND_SECONDS)
    assert "the transcode directory answers again" in worker.log()


def test_a_session_directory_that_hangs_is_a_refusal_and_holds_no_slot(worker: Worker, fake_job: MakeJob) -> None:
    job = fake_job(worker, "run")
    with HungMount(job.cwd):
        refused = job.post()
        assert (refused.status, refused.error()) == (503, "storage-hung")
        assert str(job.cwd) in json.loads(refused.body)["detail"]
        assert running(worker) == []
    assert fake_job(worker, "run-1").post().exit()["code"] == 0


def test_a_task_whose_directory_hangs_at_its_end_gives_its_slot_back(worker: Worker, fake_job: MakeJob) -> None:
    job = fake_job(worker, "deaf")
    stream = job.post()
    pid = stream.spawned()["pid"]
    wait_for(lambda: (job.cwd / "chunk-stream0-00001.m4s.tmp").exists())
    with HungMount(job.cwd):
        os.kill(worker.process.pid, signal.SIGTERM)  # drains: removes what is staged, counts segments
        began = time.monotonic()
        assert stream.exit()["reason"] == "draining"
        worker.process.wait(BOUND_SECONDS)
        assert time.monotonic() - began < BOUND_SECONDS
        assert not alive(pid)


def test_the_doctors_questions_about_a_mount_that_hangs_are_answered_and_cost_tasks_nothing(
    worker: Worker, fake_job: MakeJob
) -> None:
    name = f"marker-{'0' * 32}"
    films = {"films": [str(worker.root / "media/hung/film.mkv")]}
    (worker.root / "media/hung").mkdir()
    with HungMount(worker.root / "media/hung"), ThreadPoolExecutor(HUNG_MAX + 1) as pool:
        questions = [
            pool.submit(worker.ask, "GET", "/doctor/storage") if number % 2 else
            pool.submit(worker.ask, "POST", "/doctor/films", json.dumps(films).encode())
            for number in range(HUNG_MAX + 1)
        ]  # fmt: skip
        answers = [question.result(BOUND_SECONDS) for question in questions]
        assert {(status, json.loads(body)["error"]) for status, body in answers} == {(503, "storage-hung")}
        assert fake_job(worker, "run-1").post().exit()["code"] == 0
    with HungMount(worker.root / "transcode"), ThreadPoolExecutor(3) as pool:
        markers = [
            pool.submit(worker.ask, "GET", f"/doctor/marker?name={name}"),
            pool.submit(worker.ask, "POST", "/doctor/marker", json.dumps({"name": name}).encode()),
            pool.submit(worker.ask, "DELETE", f"/doctor/marker?name={name}"),
        ]
        answers = [question.result(BOUND_SECONDS) for question in markers]
        assert {(status, json.loads(body)["error"]) for status, body in answers} == {(503, "storage-hung")}
