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
SOCKETS = sorted((REPOSITORY / "systemd").glob("scaleplex-*.socket"))
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


def test_an_ipv6_address_stands_in_brackets_before_a_port_and_without_them_in_an_export_list() -> None:
    filters = runpy.run_path(str(REPOSITORY / "roles/scaleplex_common/filter_plugins/scaleplex_names.py"))
    hostvars = {"a": {"ansible_host": "fd00::6"}, "b": {"scaleplex_common_address": "[fd00::7]"}, "c.example": {}}
    urls = filters["scaleplex_urls"](list(hostvars), hostvars, "scaleplex_worker_port")
    assert urls == ["http://[fd00::6]:32481", "http://[fd00::7]:32481", "http://c.example:32481"]
    assert filters["scaleplex_addresses"](list(hostvars), hostvars) == ["fd00::6", "fd00::7", "c.example"]
    assert [filters["scaleplex_bind"](1, address) for address in ("fd00::6", "10.0.0.6")] == ["[::]:1", "0.0.0.0:1"]


def test_the_server_of_a_mount_is_found_by_name_and_by_either_kind_of_address() -> None:
    filters = runpy.run_path(str(REPOSITORY / "roles/scaleplex_common/filter_plugins/scaleplex_names.py"))
    hostvars = {
        "plex": {"ansible_host": "fd00::6", "scaleplex_nfs_mode": "server"},
        "nas": {"ansible_host": "10.0.0.7"},
    }
    sources = ["plex:/transcode", "[fd00::6]:/transcode", "nas:/transcode", "10.0.0.7:/transcode", ""]
    assert [filters["scaleplex_server_of"](source, hostvars) for source in sources] == ["plex", "plex", "", "", ""]


def test_a_list_that_is_written_as_one_word_is_named_with_what_to_write() -> None:
    filters = runpy.run_path(str(REPOSITORY / "roles/scaleplex_common/filter_plugins/scaleplex_names.py"))
    options = filters["scaleplex_options"](REPOSITORY / "roles")
    for name, option in options.items():
        said = filters["scaleplex_words"]({name: "word"}, options)
        assert said == ([f"{name} is the word 'word', write {name}: [word]"] if option["type"] == "list" else [])
        assert filters["scaleplex_words"]({name: ["word"]}, options) == []


def test_a_collection_that_is_missing_is_missed() -> None:
    filters = runpy.run_path(str(REPOSITORY / "roles/scaleplex_common/filter_plugins/scaleplex_names.py"))
    assert filters["scaleplex_missing_collections"](["scaleplex.nowhere"]) == ["scaleplex.nowhere"]


def tasks_of(path: Path) -> list[dict[str, Any]]:
    """Return the tasks of a file, those of its blocks included."""
    found: list[dict[str, Any]] = []
    waiting = list(load(path) or [])
    while waiting:
        task = waiting.pop(0)
        found.append(task)
        waiting += [*task.get("block", []), *task.get("rescue", []), *task.get("always", [])]
    return found


def test_a_role_uses_no_collection_that_its_preflight_does_not_ask_for() -> None:
    asked: dict[str, set[str]] = {role: set() for role in ROLES}
    for role in ROLES:
        for path in (REPOSITORY / "roles" / role / "tasks").glob("*.yml"):
            modules = {key for task in tasks_of(path) for key in task if key.count(".") == 2}
            asked[role] |= {module.rpartition(".")[0] for module in modules} - {"ansible.builtin"}
    assert {role: used for role, used in asked.items() if used} == {"scaleplex_nfs": {"ansible.posix"}}
    text = (REPOSITORY / "roles/scaleplex_nfs/tasks/preflight.yml").read_text()
    assert "['ansible.posix'] | scaleplex_missing_collections" in text
    assert "`ansible-galaxy collection install ansible.posix`" in text
    # What uses it is included when it is needed: a playbook that imports it is refused as a whole.
    directory = REPOSITORY / "roles/scaleplex_nfs/tasks"
    users = {path.name for path in directory.glob("*.yml") if "ansible.posix.mount:" in path.read_text()}
    imported = {task.get("ansible.builtin.import_tasks") for path in directory.glob("*.yml") for task in tasks_of(path)}
    assert users == {"client.yml", "unmount.yml"}
    assert not users & imported


@pytest.mark.parametrize("unit", [*UNITS, *SOCKETS], ids=lambda unit: unit.name)
def test_a_unit_starts_with_the_host_as_long_as_it_is_installed(unit: Path) -> None:
    section = unit.read_text().partition("\n[Install]\n")[2]
    assert f"WantedBy={'sockets' if unit.suffix == '.socket' else 'multi-user'}.target\n" in section
    states = {True: [], False: []}  # type: dict[bool, list[str]]
    for path in (REPOSITORY / "roles").glob("*/tasks/*.yml"):
        for task in tasks_of(path):
            asked = task.get("ansible.builtin.systemd_service", {})
            named = str(asked.get("name")) == unit.name or unit.name in str(task.get("loop", ""))
            if named and "enabled" in asked:
                states[asked["enabled"]].append(path.name)
    assert states[True], "no role enables it"
    assert states[False] == ["uninstall.yml"], "uninstalling does not disable it"


def removed(task: dict[str, Any]) -> list[str]:
    """Return the paths that a task removes."""
    asked = task.get("ansible.builtin.file", {})
    if asked.get("state") != "absent":
        return []
    places = task.get("loop", [""])
    return [asked["path"].replace("{{ item }}", place) for place in (places if isinstance(places, list) else [places])]


@pytest.mark.parametrize("role", ROLES)
def test_uninstalling_removes_nothing_by_a_name_the_operator_chose(role: str) -> None:
    """``state: absent`` empties a directory: its path ends with a name of ours, not with a variable."""
    ours = {"{{ __scaleplex_nfs_drop_in }}", "{{ __scaleplex_monitoring_files }}", "{{ __scaleplex_common_list }}"}
    for name in ("uninstall.yml", "no_directories.yml"):
        path = REPOSITORY / "roles" / role / "tasks" / name
        for place in [place for task in (tasks_of(path) if path.is_file() else []) for place in removed(task)]:
            last = re.sub(r".*/(?![^{]*}})", "", place)
            assert last in ours or "{{" not in last, f"{path}: {place}"


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


def test_systemd_holds_the_relays_port_at_the_address_the_relay_is_told() -> None:
    service = (REPOSITORY / "systemd/scaleplex-relay.service").read_text()
    assert "\nRequires=scaleplex-relay.socket\n" in service
    assert re.findall(r"^After=scaleplex-relay.socket ", service, re.MULTILINE)
    assert "\nWantedBy=sockets.target\n" in (REPOSITORY / "systemd/scaleplex-relay.socket").read_text()
    role = REPOSITORY / "roles/scaleplex_plex_host"
    drop_in = (role / "templates/10-address.conf.j2").read_text()
    # The empty line takes the unit's own address away: without it there are two.
    assert "\nListenStream=\nListenStream={{ scaleplex_plex_host_relay_bind }}\n" in drop_in
    assert (
        "SCALEPLEX_RELAY_BIND={{ scaleplex_plex_host_relay_bind }}\n" in (role / "templates/relay.env.j2").read_text()
    )
    removed = yaml.safe_load((role / "tasks/uninstall.yml").read_text())
    files = next(task["loop"] for task in removed if task["name"] == "Files are gone")
    assert {f"/etc/systemd/system/scaleplex-relay.socket{end}" for end in ("", ".d")} <= set(files)


def test_the_relay_sees_the_directory_whose_files_it_waits_for() -> None:
    assert "\nTemporaryFileSystem=/:ro" in (REPOSITORY / "systemd/scaleplex-relay.service").read_text()
    role = REPOSITORY / "roles/scaleplex_plex_host"
    directory = "{{ scaleplex_common_transcode_root | to_json }}"
    drop_in = (role / "templates/10-host.conf.j2").read_text()
    assert f"\nBindReadOnlyPaths={directory}\n" in drop_in
    assert f"\nRequiresMountsFor={directory}\n" in drop_in
