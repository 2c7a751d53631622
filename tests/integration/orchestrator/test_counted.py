"""What the orchestrator counts."""

from collections.abc import Callable

from tests.integration.orchestrator.conftest import Fleet
from tests.integration.relay.service import until

SUPERSEDED = "scaleplex_orchestrator_superseded_total"
POLLS = "scaleplex_orchestrator_polls_total"


def test_looks_at_workers_are_counted_by_what_came_of_them(orchestrate: Callable[..., Fleet]) -> None:
    fleet = orchestrate(2)
    fleet.workers[1].down()
    until(lambda: fleet.service.metrics().get(POLLS + '{outcome="failed"}', 0) >= 2)
    assert fleet.service.metrics()[POLLS + '{outcome="answered"}'] >= 1


def test_jobs_that_newer_ones_replace_are_counted_by_what_came_of_it(orchestrate: Callable[..., Fleet]) -> None:
    fleet = orchestrate(1)
    old, new = "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11", "2d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11"
    fleet.workers[0].run("f168tc7v", old)
    until(lambda: fleet.service.metrics()["scaleplex_orchestrator_sessions"] == 1)
    assert fleet.place("f168tc7v", new).status == 200
    until(lambda: sum(value for name, value in fleet.service.metrics().items() if name.startswith(SUPERSEDED)) == 1)
