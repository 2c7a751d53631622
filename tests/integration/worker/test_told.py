"""What a worker tells of its tasks to whoever looks: its journal, its metrics and its answers."""

import json
from collections.abc import Callable

from tests.integration.worker.stand import FakeRelay, Job, Worker, wait_for

MakeJob = Callable[..., Job]
Start = Callable[..., Worker]


def test_the_log_tells_a_tasks_whole_story_in_one_line(worker: Worker, fake_job: MakeJob) -> None:
    job = fake_job(worker, "run-1")
    job.post().exit()
    wait_for(lambda: "task ended" in worker.log())
    line = next(line for line in worker.log().splitlines() if "task ended" in line)
    for field in (
        f"job={job.job}",
        "outcome=ended",
        "throttles=0",
        "attempt=1",
        "code=0",
        "seconds=",
        "segments=",
        "spawn_ms=",
    ):
        assert field in line


def test_the_log_says_what_a_task_runs_on_and_why_it_came_here_but_no_path(worker: Worker, fake_job: MakeJob) -> None:
    job = fake_job(worker, "run-1")
    job.post(reason="least-loaded").exit()
    line = next(line for line in worker.log().splitlines() if "task started" in line)
    for field in (f"session={job.session}", f"job={job.job}", "attempt=1", "kind=video", "backend=sw", "least-loaded"):
        assert field in line
    assert str(job.cwd) not in worker.log()


def test_a_reason_that_is_no_word_stays_out_of_the_log(worker: Worker, fake_job: MakeJob) -> None:
    fake_job(worker, "run-1").post(reason="/media/A Film (2020).mkv").exit()
    assert "reason=unknown" in worker.log()
    assert "A Film" not in worker.log()


def test_what_was_done_to_a_task_is_in_the_metrics(worker: Worker, fake_job: MakeJob) -> None:
    def metrics() -> list[str]:
        lines = worker.ask("GET", "/metrics", auth=None)[1].decode().splitlines()
        return [line.removeprefix("scaleplex_worker_") for line in lines]

    for line in ("spawn_seconds_count 0", 'tasks_total{outcome="ended"} 0', 'labels_total{kind="drop"} 0'):
        assert line in metrics()
    fake_job(worker, "run-1").post().exit()
    wait_for(lambda: 'tasks_total{outcome="ended"} 1' in metrics())
    assert "spawn_seconds_count 1" in metrics()
    assert 'labels_total{kind="drop"} 0' not in metrics()  # -progressurl and others are no options of ours


def test_what_runs_can_be_looked_at(worker: Worker, fake_job: MakeJob) -> None:
    job = fake_job(worker, "run")
    stream = job.post()
    pid = stream.spawned()["pid"]
    assert [path.name for path in (worker.root / "state/running").iterdir()] == [f"{job.job}.1.json"]
    task = json.loads(worker.ask("GET", f"/task/{job.job}")[1])
    assert (task["state"], task["pid"], task["attempt"], task["kind"]) == ("running", pid, 1, "video")
    assert "drop:-progressurl" in task["labels"]
    assert task["facts"]["job"] == job.job
    capability = json.loads(worker.ask("GET", "/capability")[1])
    assert capability["tasks"] == [{"session": job.session, "job": job.job, "kind": "video", "attempt": 1}]
    assert (capability["state"], capability["sessions"], capability["max_sessions"]) == ("ready", 1, 4)
    stream.vanish()
    wait_for(lambda: not list((worker.root / "state/running").iterdir()))


def test_the_signature_of_a_callback_reaches_no_log(worker: Worker, fake_job: MakeJob, relay: FakeRelay) -> None:
    job = fake_job(worker, "run-1")
    job.post().exit()
    wait_for(lambda: "task ended" in worker.log())
    signatures = {call.path.split("/")[3] for call in relay.calls}
    assert len(signatures) == 1
    assert signatures.pop() not in worker.log()


def test_what_ffmpeg_says_of_a_callback_url_reaches_no_log_with_its_signature(
    worker: Worker, fake_job: MakeJob
) -> None:
    content = fake_job(worker, "url").post().exit()
    assert "/cb/.../video" in str(content["detail"])
    assert "0123456789abcdef" not in str(content["detail"]) + worker.log()
