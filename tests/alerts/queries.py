"""What rules and dashboard ask Prometheus for."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

SELECTOR = re.compile(r"\b(scaleplex_[a-z_]+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'([a-z_]+)\s*(=~|!~|=|!=)\s*"([^"]*)"')


def alerts(path: Path) -> list[dict[str, Any]]:
    """Return the alerts of a file of rules."""
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def dashboard_queries(path: Path) -> list[str]:
    """Return the queries of a dashboard's panels."""
    panels = json.loads(path.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def selectors(query: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return each metric of a query with the label values it names, one pair for each alternative."""
    found = []
    for name, matchers in SELECTOR.findall(query):
        values = [(label, value) for label, _, text in MATCHER.findall(matchers) for value in text.split("|")]
        found.append((name, values))
    return found
