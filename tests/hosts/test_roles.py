"""What roles and units promise, read off their files; no host is needed."""

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.hosts import role_readme

REPOSITORY = Path(__file__).resolve().parents[2]
UNITS = sorted((REPOSITORY / "systemd").glob("scaleplex-*.service"))
ROLES = role_readme.names()


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("role", ROLES)
def test_specs_and_defaults_of_a_role_say_the_same(role: str) -> None:
    defaults = load(REPOSITORY / "roles" / role / "defaults/main.yml")
    assert defaults == {name: option["default"] for name, option in role_readme.specs(role)["options"].items()}


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_carries_the_name_of_its_role(role: str) -> None:
    assert all(name.startswith(f"{role}_") for name in role_readme.specs(role)["options"])


def test_the_printed_pages_of_the_roles_are_fresh() -> None:
    stale = [str(path) for path, text in role_readme.pages().items() if not path.is_file() or path.read_text() != text]
    assert not stale, "run python -m tests.hosts.role_readme"


def test_the_example_inventory_names_only_variables_that_exist() -> None:
    known = {name for role in ROLES for name in role_readme.specs(role)["options"]}
    used = {name for path in (REPOSITORY / "inventory.example/group_vars").glob("*.yml") for name in load(path)}
    assert {name for name in used if name.startswith("scaleplex_")} <= known


@pytest.mark.skipif(shutil.which("ansible-inventory") is None, reason="needs Ansible, as tests/hosts/run has it")
def test_the_fleet_secret_does_not_become_a_host_of_the_inventory(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "inventory.example", tmp_path / "inventory")
    path: str = load(REPOSITORY / "roles/scaleplex_common/defaults/main.yml")["scaleplex_common_secret_file"]
    Path(path.replace("{{ inventory_dir }}", str(tmp_path / "inventory"))).write_text("secretsecretsecretsecret\n")
    argv = ["ansible-inventory", "-i", str(tmp_path / "inventory"), "--list"]
    said = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
    assert set(said["_meta"]["hostvars"]) == {"plex", "worker1", "worker2"}


def test_a_url_has_the_port_that_host_is_given_or_else_the_default_of_its_role() -> None:
    filters = runpy.run_path(str(REPOSITORY / "roles/scaleplex_common/filter_plugins/scaleplex_names.py"))
    hostvars = {"a": {"ansible_host": "10.0.0.6"}, "b": {"scaleplex_worker_port": 32500}}
    urls = filters["scaleplex_urls"](["a", "b"], hostvars, "scaleplex_worker_port")
    assert urls == ["http://10.0.0.6:32481", "http://b:32500"]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_can_be_uninstalled(role: str) -> None:
    assert (REPOSITORY / "roles" / role / "tasks/uninstall.yml").is_file()


@pytest.mark.parametrize("role", ROLES)
def test_preflight_changes_nothing(role: str) -> None:
    path = REPOSITORY / "roles" / role / "tasks/preflight.yml"
    looking = {"assert", "stat", "command", "script", "include_role", "import_tasks"}
    for task in load(path) if path.is_file() else []:
        modules = {key.removeprefix("ansible.builtin.") for key in task if key.startswith("ansible.builtin.")}
        assert modules <= looking
        assert not modules & {"command", "script"} or task["changed_when"] is False


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (package systemd)")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_closed_as_far_as_a_score_below_2_5(unit: Path) -> None:
    argv = ["systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=25", str(unit)]
    said = subprocess.run(argv, capture_output=True, text=True, check=False)
    print(said.stdout.strip().splitlines()[-1])
    assert said.returncode == 0, said.stdout + said.stderr
    assert float(re.findall(r": ([0-9.]+) ", said.stdout.strip().splitlines()[-1])[0]) <= 2.5


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_tells_when_it_is_ready_and_takes_the_secret_as_a_credential(unit: Path) -> None:
    text = unit.read_text()
    assert "\nType=notify\n" in text
    assert "\nExecStartPost=" not in text  # the service itself says when it is ready
    assert "\nNotifyAccess=main\n" in text
    assert "\nWatchdogSec=60\n" in text
    assert "\nRestartPreventExitStatus=78 217 243\n" in text
    assert "\nLoadCredential=fleet-secret:/etc/scaleplex/fleet-secret\n" in text


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_service_sees_nothing_of_its_host_that_the_unit_does_not_name(unit: Path) -> None:
    text = unit.read_text()
    assert "\nTemporaryFileSystem=/:ro /run:ro\n" in text
    assert "\nProtectSystem=" not in text  # systemd would drop the empty root for it


def test_the_worker_waits_for_its_mounts_and_the_unit_lets_it_write_to_its_state_only() -> None:
    text = (REPOSITORY / "systemd/scaleplex-worker.service").read_text()
    assert "\nRequiresMountsFor=/transcode /media\n" in text
    assert re.findall(r"^BindPaths=(.*)$", text, re.MULTILINE) == ["/dev", "/var/lib/scaleplex-worker"]
    assert re.findall(r"^DeviceAllow=(.*)$", text, re.MULTILINE) == ["char-drm rw"]


def test_an_ffmpeg_that_is_killed_for_its_memory_ends_no_other_film() -> None:
    text = (REPOSITORY / "systemd/scaleplex-worker.service").read_text()
    assert "\nOOMPolicy=continue\n" in text
    assert (
        f"\nMemoryMax={load(REPOSITORY / 'roles/scaleplex_worker/defaults/main.yml')['scaleplex_worker_memory_max']}\n"
        in text
    )


def test_the_job_to_paste_into_prometheus_is_the_one_of_the_file() -> None:
    """Debian 12 has Prometheus 2.42, which does not know scrape_config_files yet."""
    page = (REPOSITORY / "docs/how-to/monitoring.md").read_text()
    pasted = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0])
    assert set(pasted) == {"rule_files", "scrape_configs"}
    text = (REPOSITORY / "roles/scaleplex_monitoring/files/scrape.yml").read_text()
    assert (
        pasted["scrape_configs"]
        == yaml.safe_load(text.replace("[targets.json]", "[scaleplex/targets.json]"))["scrape_configs"]
    )
