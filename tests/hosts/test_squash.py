"""Which workers have an account with numbers of their own, read off the inventory by the role; no host is needed."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.hosts.places import REPOSITORY

pytestmark = pytest.mark.skipif(
    shutil.which("ansible-playbook") is None, reason="needs Ansible, as tests/hosts/run has it"
)


def own_accounts(directory: Path, **variables: Any) -> dict[str, bool]:
    """Return whether a worker there would have an account of its own, for each host of the example inventory."""
    roles = (("scaleplex_common", "variables"), ("scaleplex_nfs", "variables"))
    tasks: list[dict[str, Any]] = [{"ansible.builtin.import_role": {"name": n, "tasks_from": t}} for n, t in roles]
    skipped = {"ansible.builtin.import_role": {"name": "scaleplex_worker", "tasks_from": "state"}, "when": False}
    shown = {"ansible.builtin.debug": {"msg": "<{{ inventory_hostname }}={{ __scaleplex_worker_own_account }}>"}}
    play = {"hosts": "all", "gather_facts": False, "connection": "local", "tasks": [*tasks, skipped, shown]}
    (directory / "play.yml").write_text(yaml.safe_dump([play]))
    inventory = str(REPOSITORY / "inventory.example")
    argv = ["ansible-playbook", "-i", inventory, str(directory / "play.yml"), "-e", json.dumps(variables)]
    more = {"ANSIBLE_ROLES_PATH": str(REPOSITORY / "roles"), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(argv, env={**os.environ, **more}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = [line.partition("<")[2].partition(">")[0] for line in done.stdout.splitlines() if '"msg": "<' in line]
    return {host: said == "True" for host, _, said in (word.partition("=") for word in found)}


def test_clients_of_a_server_of_ours_have_accounts_of_their_own_and_the_server_has_not(tmp_path: Path) -> None:
    assert own_accounts(tmp_path) == {"plex": False, "worker1": True, "worker2": True}


def test_an_export_with_options_of_the_operators_counts_as_what_it_says(tmp_path: Path) -> None:
    exports = [{"path": "/transcode", "options": "sync"}, {"path": "/media", "read_only": True}]
    assert not any(own_accounts(tmp_path, scaleplex_nfs_exports=exports).values())
    exports[0]["options"] = "sync,all_squash,anonuid=997,anongid=997"
    assert own_accounts(tmp_path, scaleplex_nfs_exports=exports)["worker1"]


def test_workers_of_another_file_server_have_plexs_uid_unless_the_operator_says_that_it_is_mapped(
    tmp_path: Path,
) -> None:
    assert not any(own_accounts(tmp_path, scaleplex_nfs_mode="check").values())
    assert all(own_accounts(tmp_path, scaleplex_nfs_mode="check", scaleplex_nfs_squash=True).values())
