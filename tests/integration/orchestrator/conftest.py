import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.orchestrator.workers import FakeWorker
from tests.integration.relay.service import Answer, Service, until


class Fleet:
    """An orchestrator and the workers it was told of."""

    def __init__(self, service: Service, workers: list[FakeWorker]) -> None:
        self.service = service
        self.workers = workers

    def place(self, session: str | None = None, job: str | None = None, **more: object) -> Answer:
        """Ask for a placement; ids are made up where none are given."""
        ids = {"session": session or uuid.uuid4().hex, "job": job or str(uuid.uuid4()), "attempt": 1}
        return self.service.post("/placement", {**ids, **more})

    def views(self) -> dict[str, dict[str, object]]:
        """Return ``GET /workers`` by URL."""
        found = self.service.request("GET", "/workers").json["workers"]
        assert isinstance(found, list)
        return {view["url"]: view for view in found}

    def until_state(self, url: str, state: str) -> None:
        """Wait until the orchestrator sees a worker in a state."""
        until(lambda: self.views().get(url, {}).get("state") == state)


@pytest.fixture
def orchestrate(tmp_path: Path) -> Iterator[Callable[..., Fleet]]:
    """Start an orchestrator with ``orchestrate(workers=2, SETTING="value")``; everything is stopped in the end."""
    started: list[Fleet] = []

    def start(workers: int = 2, *, max_sessions: int = 4, listed: bool = True, **settings: str) -> Fleet:
        fakes = [FakeWorker(max_sessions=max_sessions) for _ in range(workers)]
        named = {"WORKERS_LIST": ",".join(fake.url for fake in fakes)} if listed else {}
        directory = tmp_path / str(len(started))
        directory.mkdir()
        fleet = Fleet(Service("orchestrator", directory, {"POLL_SECONDS": "0.1", **named, **settings}), fakes)
        started.append(fleet)
        fleet.service.start()
        return fleet

    yield start
    for fleet in started:
        fleet.service.stop()
        for fake in fleet.workers:
            fake.down()
