"""What the worker counts."""

import re
import subprocess
import sys
from collections.abc import Callable

from tests.integration.worker.stand import Job, Worker


def samples(worker: Worker) -> dict[str, float]:
    lines = worker.ask("GET", "/metrics", auth=None)[1].decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_changes_to_command_lines_and_the_time_to_spawn_are_counted(
    worker: Worker, fake_job: Callable[..., Job]
) -> None:
    stream = fake_job(worker, "short").post()
    labels = stream.spawned()["labels"]
    assert isinstance(labels, list)
    assert stream.exit()["code"] == 0
    seen = samples(worker)
    kinds = {re.split(r"[:=]", str(label))[0] for label in labels}
    counted = {name for name, value in seen.items() if name.startswith("scaleplex_worker_labels_total{") and value}
    assert {f'scaleplex_worker_labels_total{{kind="{kind}"}}' for kind in kinds} == counted
    assert seen["scaleplex_worker_spawn_seconds_count"] == 1
    assert 0 < seen["scaleplex_worker_spawn_seconds_sum"] < 60


NOTE = """
import sys
from pathlib import Path
from scaleplex.worker.leftovers import PidFiles
PidFiles.below(Path(sys.argv[1])).write("1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11", 1, int(sys.argv[2]), sys.argv[1])
"""


def test_a_process_of_an_earlier_life_is_counted_when_it_is_ended(worker: Worker) -> None:
    assert samples(worker)["scaleplex_worker_leftovers_total"] == 0
    worker.kill_hard()
    left = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        # The process that notes it has ended when the worker looks, like a worker that was killed.
        subprocess.run([sys.executable, "-c", NOTE, worker.root / "state", str(left.pid)], check=True)
        worker.start()
        assert left.wait(10) != 0
    finally:
        left.kill()
        left.wait()
    assert samples(worker)["scaleplex_worker_leftovers_total"] == 1
