"""A fleet for the commands that talk to one, started for each test and stopped in the end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scaleplex.cli.doctor.survey import ask
from scaleplex.cli.main import main
from scaleplex.common.log import Secret
from tests.integration.relay.service import Service, until
from tests.integration.worker.conftest import fake_job, relay, start_worker  # noqa: F401
from tests.integration.worker.stand import SECRET, Worker


@dataclass(frozen=True, slots=True)
class Fleet:
    """Two workers and an orchestrator, and a host whose settings name them."""

    etc: Path
    orchestrator: Service
    workers: tuple[Worker, Worker]

    def url(self, index: int) -> str:
        return f"http://{self.workers[index].authority}"

    def run(self, *words: str) -> int:
        """Run ``scaleplex`` on that host and return its exit code."""
        return main([*words, "--etc", str(self.etc)])

    def listed(self, what: str) -> list[dict[str, object]]:
        """Return the orchestrator's list of ``workers`` or ``sessions``."""
        listed: list[dict[str, object]] = ask("GET", f"{self.orchestrator.url}/{what}", Secret(SECRET)).body[what]
        return listed

    def until_sessions(self, number: int) -> None:
        """Wait until the orchestrator lists so many jobs."""
        until(lambda: len(self.listed("sessions")) == number)

    def until_states(self, *states: str) -> None:
        """Wait until the orchestrator sees the workers in these states."""
        until(
            lambda: (
                {view["url"]: view["state"] for view in self.listed("workers")}
                == dict(zip([self.url(0), self.url(1)], states, strict=True))
            )
        )

    def settings(self, text: str) -> None:
        (self.etc / "shim.env").write_text(text)


@pytest.fixture
def fleet(start_worker: Callable[..., Worker], tmp_path: Path) -> Iterator[Fleet]:  # noqa: F811
    workers = start_worker(WORKER_ID="worker1"), start_worker(WORKER_ID="worker2")
    listed = ",".join(f"http://{worker.authority}" for worker in workers)
    directory = tmp_path / "orchestrator"
    directory.mkdir()
    orchestrator = Service("orchestrator", directory, {"WORKERS_LIST": listed, "POLL_SECONDS": "0.1"})
    (directory / "secret").write_bytes(SECRET)
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "fleet-secret").write_bytes(SECRET)
    made = Fleet(etc, orchestrator, workers)
    made.settings(f"SCALEPLEX_SHIM_ORCHESTRATORS={orchestrator.url}\nSCALEPLEX_SHIM_WORKERS_LIST={listed}\n")
    try:
        orchestrator.start()
        made.until_states("ready", "ready")
        yield made
    finally:
        orchestrator.stop()
