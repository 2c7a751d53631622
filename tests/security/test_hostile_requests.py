"""Hostile requests to every service: none is accepted, is an error of ours, or disturbs what runs beside it."""

import pytest

from tests.security.attack import judge
from tests.security.conftest import ORCHESTRATOR, RELAY, WORKER, Attacked, all_cases, cases_of
from tests.security.hostile_requests import Service

SERVICES = {"worker": WORKER, "orchestrator": ORCHESTRATOR, "relay": RELAY}
pytestmark = pytest.mark.xdist_group("hostile-requests")


def check(target: Service, attacked: Attacked, name: str) -> None:
    case = next(case for case in all_cases(target, lambda *_: "") if case.name == name)
    judge(case, attacked.outcomes[name])


@pytest.mark.parametrize("name", cases_of(WORKER))
def test_the_worker_refuses(attacked_worker: Attacked, name: str) -> None:
    check(WORKER, attacked_worker, name)


@pytest.mark.parametrize("name", cases_of(ORCHESTRATOR))
def test_the_orchestrator_refuses(attacked_orchestrator: Attacked, name: str) -> None:
    check(ORCHESTRATOR, attacked_orchestrator, name)


@pytest.mark.parametrize("name", cases_of(RELAY))
def test_the_relay_refuses(attacked_relay: Attacked, name: str) -> None:
    check(RELAY, attacked_relay, name)


@pytest.mark.parametrize("service", SERVICES)
def test_there_are_at_least_sixty_for_each_service(service: str) -> None:
    names = cases_of(SERVICES[service])
    assert len(names) == len(set(names)) >= 60


@pytest.mark.parametrize("service", SERVICES)
def test_the_work_beside_them_goes_on_undisturbed_and_health_answers(
    service: str, request: pytest.FixtureRequest
) -> None:
    attacked: Attacked = request.getfixturevalue(f"attacked_{service}")
    assert attacked.work == []
    assert attacked.healthy == [True]


@pytest.mark.parametrize("service", SERVICES)
def test_none_is_an_error_of_ours_or_floods_the_log(service: str, request: pytest.FixtureRequest) -> None:
    attacked: Attacked = request.getfixturevalue(f"attacked_{service}")
    assert "Traceback" not in attacked.log
    assert "error of ours" not in attacked.log
    alarms = [line for line in attacked.log.splitlines() if not line.startswith("INFO")]
    assert len(alarms) < len(attacked.outcomes) / 2
