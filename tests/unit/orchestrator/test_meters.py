"""What the orchestrator's gauges say of the fleet."""

import pytest

from scaleplex.common.metrics import Metrics
from scaleplex.orchestrator.meters import Meters
from scaleplex.orchestrator.registry import View
from scaleplex.protocol.messages import Capability


def view(state: str, sessions: int = 0, problem: str | None = None) -> View:
    capability = Capability("w", "1", state, "sw", sessions, 4)
    return View(f"http://{state}:1", "list", state if problem is None else "lost", 0.0, capability, problem, 0)


def lines(*views: View) -> list[str]:
    metrics = Metrics()
    Meters(metrics).watch(lambda: list(views))
    return [line.removeprefix("scaleplex_orchestrator_") for line in metrics.render().splitlines()]


@pytest.mark.parametrize("state", ["ready", "starting", "draining", "unknown", "lost"])
def test_an_empty_fleet_has_0_workers_of_every_state(state: str) -> None:
    assert f'workers{{state="{state}"}} 0' in lines()


def test_a_state_keeps_its_0_when_its_last_worker_leaves() -> None:
    fleet = [view("ready")]
    metrics = Metrics()
    Meters(metrics).watch(lambda: fleet)
    assert 'scaleplex_orchestrator_workers{state="ready"} 1' in metrics.render()
    fleet.clear()
    assert 'scaleplex_orchestrator_workers{state="ready"} 0' in metrics.render()


def test_only_ready_workers_have_room() -> None:
    found = lines(view("ready", 3), view("draining", 2), view("ready", 9), view("ready", 0, "lost: refused"))
    assert "sessions 14" in found
    assert "sessions_max 8" in found
    assert "sessions_free 1" in found


def test_a_state_a_worker_made_up_is_no_label_of_its_own() -> None:
    assert 'workers{state="unknown"} 1' in lines(view("made-up"))
