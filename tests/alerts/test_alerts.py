"""Alerts ask for metrics that exist from the start, and each has its page and its tests."""

import re
from typing import Any

import pytest
import yaml

from scaleplex.common.metrics import Metrics
from scaleplex.orchestrator.meters import Meters as OrchestratorMeters
from scaleplex.relay.meters import FALLBACK_REASONS
from scaleplex.relay.meters import Meters as RelayMeters
from scaleplex.worker.metrics import WorkerMetrics
from tests.alerts import DASHBOARD, REPOSITORY, RULES
from tests.alerts.queries import alerts, dashboard_queries, selectors

PAGE = REPOSITORY / "docs/how-to/alerts.md"
ALERTS = alerts(RULES)
HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")


def metrics_at_the_start() -> str:
    orchestrator, relay = Metrics(), Metrics()
    OrchestratorMeters(orchestrator).watch(list)
    RelayMeters(relay)
    return orchestrator.render() + relay.render() + WorkerMetrics().all.render()


def section(alert: str) -> str:
    """Return the text of an alert's section, empty if it has none."""
    parts = re.split(r"^## (\S+)$", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True)).get(alert, "")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_how_bad_it_is_and_names_a_section_that_says_what_to_do(alert: dict[str, Any]) -> None:
    name = alert["alert"]
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert set(alert["annotations"]) == {"summary", "description", "page"}
    assert alert["annotations"]["page"] == f"docs/how-to/alerts.md#{name.lower()}"
    text = section(name)
    assert alert["labels"]["severity"] in text.split("\n\n")[1]
    assert "**What it means.**" in text
    assert "**What to do.**" in text
    assert re.search(r"```\n\S", text), "a section names command lines"


def test_the_page_has_no_section_of_an_alert_that_is_gone() -> None:
    sections = re.findall(r"^## (Scaleplex\S+)$", PAGE.read_text(), flags=re.MULTILINE)
    assert sections == [alert["alert"] for alert in ALERTS]


@pytest.mark.parametrize("query", [alert["expr"] for alert in ALERTS] + dashboard_queries(DASHBOARD))
def test_what_a_query_asks_for_is_there_from_the_start_with_0(query: str) -> None:
    lines = metrics_at_the_start().splitlines()
    names = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    for name, values in selectors(query):
        bare = next((name.removesuffix(part) for part in HISTOGRAM_PARTS if name.removesuffix(part) in names), name)
        assert bare in names
        for label, value in values:
            found = [line for line in lines if line.startswith(name + "{") and f'{label}="{value}"' in line]
            assert found, f"{name} has no sample with {label}={value} before the first one is counted"
            assert all(line.endswith(" 0") for line in found)


def test_every_alert_is_tried_firing() -> None:
    tried = (REPOSITORY / "tests/alerts/firing.yml").read_text()
    assert [alert["alert"] for alert in ALERTS if f'alertname="{alert["alert"]}"' not in tried] == []


def test_a_fallback_of_every_reason_the_shim_knows_can_be_seen_by_an_alert() -> None:
    text = (REPOSITORY / "scaleplex/shim/main.py").read_text()
    named = set(re.findall(r'step_aside\(\s*spawn, settings, log, "([a-z-]+)"', text))
    named |= set(re.findall(r'return \("([a-z-]+)",', text)) | {"too-large", "local-only"}
    assert "no-worker" in named
    assert named <= set(FALLBACK_REASONS)


def test_every_file_of_tests_reads_the_rules_that_are_installed() -> None:
    files = sorted((REPOSITORY / "tests/alerts").glob("*.yml"))
    assert files
    for path in files:
        named = yaml.safe_load(path.read_text())["rule_files"]
        assert [(path.parent / name).resolve() for name in named] == [RULES]
