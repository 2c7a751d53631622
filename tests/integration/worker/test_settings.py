"""What a worker makes of its settings: readiness, registration, and refusals in a sentence."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.integration.worker.stand import FakeRelay, Job, Worker, wait_for

MakeJob = Callable[..., Job]
Start = Callable[..., Worker]
GUNICORN = [
    sys.executable,
    "-m",
    "gunicorn",
    "-c",
    "python:scaleplex.worker.gunicorn_conf",
    "scaleplex.worker.app:create()",
]


def test_a_worker_registers_with_its_orchestrators(start_worker: Start, relay: FakeRelay) -> None:
    orchestrator = relay  # it records just as well
    start_worker(ORCHESTRATORS=orchestrator.url, ADVERTISE_URL="http://10.0.0.6:32481", WORKER_ID="attic")
    wait_for(lambda: orchestrator.calls)
    call = orchestrator.calls[0]
    assert (call.method, call.path) == ("POST", "/register")
    assert call.auth
    content = json.loads(call.body)
    assert (content["url"], content["ttl_seconds"]) == ("http://10.0.0.6:32481", 10)
    assert (content["capability"]["worker_id"], content["capability"]["max_sessions"]) == ("attic", 4)


def test_without_a_secret_a_worker_on_loopback_takes_unsigned_tasks(start_worker: Start, fake_job: MakeJob) -> None:
    worker = start_worker(secret=None)
    assert fake_job(worker, "run-1").post(ticket="").exit()["code"] == 0


def test_a_stock_ffmpeg_is_not_ready_and_readyz_says_why(
    start_worker: Start, fake_job: MakeJob, tmp_path: Path
) -> None:
    stock = tmp_path / "stock/ffmpeg"
    stock.parent.mkdir()
    stock.write_text("#!/bin/sh\necho '-y overwrite'\n")
    stock.chmod(0o755)
    stock.with_name("ffprobe").symlink_to(stock)
    worker = start_worker(stock, WARM_UP="1")

    def reason() -> str:
        status, body = worker.ask("GET", "/readyz", auth=None)
        assert status == 503
        return str(json.loads(body)["detail"])

    wait_for(lambda: "not scaleplex-ffmpeg" in reason())
    refused = fake_job(worker, "run").post()
    assert (refused.status, refused.error()) == (503, "starting")


def test_a_worker_without_a_secret_does_not_listen_to_the_network(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "SCALEPLEX_WORKER_BIND": "0.0.0.0:0", "HOME": str(tmp_path)}
    done = subprocess.run(GUNICORN, env=env, capture_output=True, text=True, timeout=20, cwd=tmp_path)
    assert done.returncode != 0
    assert "without a fleet secret" in done.stderr


def test_a_backend_nobody_knows_is_refused_in_a_sentence(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "SCALEPLEX_WORKER_BACKEND": "qsv", "HOME": str(tmp_path)}
    done = subprocess.run(GUNICORN, env=env, capture_output=True, text=True, timeout=20, cwd=tmp_path)
    assert done.returncode != 0
    assert "SCALEPLEX_WORKER_BACKEND" in done.stderr
