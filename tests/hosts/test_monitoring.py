"""What Prometheus is told to look at, rendered from an inventory without a host."""

import json
import runpy
from typing import Any

from jinja2 import Environment

from tests.hosts.places import REPOSITORY

TEMPLATE = REPOSITORY / "roles/scaleplex_monitoring/templates/targets.json.j2"
PLUGIN = REPOSITORY / "roles/scaleplex_common/filter_plugins/scaleplex_names.py"
HOSTS: dict[str, dict[str, Any]] = {
    "plex": {"ansible_host": "10.0.0.5"},
    "worker1": {"ansible_host": "10.0.0.6"},
    "worker2": {"ansible_host": "10.0.0.7", "scaleplex_worker_optional": True},
    "worker3": {"ansible_host": "10.0.0.8", "scaleplex_worker_optional": False},
}


def targets(**groups: list[str]) -> list[tuple[dict[str, str], list[str]]]:
    """Return the labels and targets that the template makes of groups of hosts."""
    environment = Environment(trim_blocks=True)
    environment.filters |= runpy.run_path(str(PLUGIN))["FilterModule"]().filters()
    # Ansible's own: it makes lists of what Jinja yields one by one.
    environment.filters["extract"] = lambda host, variables: variables[host]
    environment.filters["to_nice_json"] = lambda value: json.dumps(value, default=list)
    hostvars = {host: {"inventory_hostname": host, **variables} for host, variables in HOSTS.items()}
    text = environment.from_string(TEMPLATE.read_text()).render(groups=groups, hostvars=hostvars)
    return [(entry["labels"], entry["targets"]) for entry in json.loads(text)]


def test_a_worker_that_may_be_off_is_marked_so_that_it_raises_no_alert() -> None:
    workers = ["worker1", "worker2", "worker3"]
    found = targets(scaleplex_workers=workers, scaleplex_orchestrators=["plex"], scaleplex_plex=["plex"])
    assert found == [
        ({"part": "worker"}, ["10.0.0.6:32481", "10.0.0.8:32481"]),
        ({"part": "worker", "optional": "yes"}, ["10.0.0.7:32481"]),
        ({"part": "orchestrator"}, ["10.0.0.5:32480"]),
        ({"part": "relay"}, ["10.0.0.5:32482"]),
    ]


def test_a_fleet_without_workers_has_no_targets_for_them() -> None:
    assert [hosts for _, hosts in targets(scaleplex_plex=["plex"])] == [[], [], [], ["10.0.0.5:32482"]]
