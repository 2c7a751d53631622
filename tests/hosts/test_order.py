"""A second run changes nothing: no order that a hash decides gets into a file or a choice. No host is needed."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.hosts.places import REPOSITORY

ROLES = REPOSITORY / "roles"
SEEDS = range(20)
# Ansible makes sets of their lists, so what comes out is ordered by hash.
UNORDERED = re.compile(r"\|\s*(?:ansible\.builtin\.)?(difference|intersect|union|symmetric_difference)\b")
SETTLED = re.compile(r"\A\s*\([^|]*\)[\s)]*\|\s*(sort|length|count)\b", re.DOTALL)
HOSTS = ["plex", "worker1", "worker2", "worker3"]
WORKERS = HOSTS[1:]
# Two media roots, one of them for Optimize jobs, three workers, and a host with GPUs of two kinds.
GIVEN: dict[str, Any] = {
    "ansible_facts": {"distribution": "Debian", "distribution_release": "bookworm"},
    "role_path": str(ROLES / "scaleplex_common"),
    "scaleplex_common_secret": "a-secret-of-this-test",
    "scaleplex_common_source_dir": str(REPOSITORY),
    "scaleplex_common_media_roots": ["/media/films", "/media/series"],
    "scaleplex_common_plex_uid": 997,
    "scaleplex_common_plex_gid": 996,
    "scaleplex_ffmpeg_deb": str(REPOSITORY / "pyproject.toml"),
    "scaleplex_nfs_mode": "{{ 'server' if inventory_hostname == 'plex' else 'client' }}",
    "scaleplex_worker_optimize_roots": ["/media/series"],
    "scaleplex_worker_groups": ["films", "series"],
    "scaleplex_worker_push": True,
    "__scaleplex_common_release": "1-py3.11",
    "__scaleplex_gpu_seen": {
        "stdout_lines": [
            "/dev/nvidia0 nvidia video",
            "/dev/dri/renderD128 0x10de render",
            "/dev/dri/renderD129 0x8086 render",
        ]
    },
}


def texts() -> list[Path]:
    """Return every file whose expressions decide what is written, or which host or device is chosen."""
    found = [path for top in ("roles", "playbooks") for path in (REPOSITORY / top).rglob("*")]
    return sorted(path for path in found if path.suffix in (".yml", ".j2"))


def unsettled(text: str) -> list[str]:
    """Return the filters in a text whose order comes from a hash and is not settled at once."""
    return [match[1] for match in UNORDERED.finditer(text) if not SETTLED.match(text[match.end() :])]


@pytest.mark.parametrize("path", texts(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_filter_that_orders_by_hash_decides_anything(path: Path) -> None:
    assert not unsettled(path.read_text()), "use select('in', ...) or reject('in', ...), which keep the order"


def test_an_unordered_filter_is_noticed_unless_it_is_sorted_or_counted_at_once() -> None:
    assert unsettled("{{ a | difference(b) }}") == ["difference"]
    assert unsettled("{{ a | union(b | default([])) | map('upper') }}") == ["union"]
    assert unsettled("{% for x in a | intersect(b) %}") == ["intersect"]
    assert unsettled("{{ a | difference(b) | sort }} {{ a | ansible.builtin.union(b) | length }}") == []


def contents(task: Any) -> Iterator[str]:
    """Return the texts of files that a task writes without a template of its own."""
    if isinstance(task, list):
        for item in task:
            yield from contents(item)
    elif isinstance(task, dict):
        for key, value in task.items():
            if key == "content" and "{%" in str(value):
                yield str(value)
            else:
                yield from contents(value)


@pytest.fixture(scope="module")
def playbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A playbook that prints every template and every variable of every role, for the Plex host and a worker."""
    directory = tmp_path_factory.mktemp("order")
    names = [name for path in ROLES.glob("*/*/main.yml") if path.parent.name in ("defaults", "vars")
             for name in yaml.safe_load(path.read_text())]  # fmt: skip
    tasks = sorted(ROLES.glob("*/tasks/*.yml"))
    written = [text for path in tasks for text in contents(yaml.safe_load(path.read_text()))]
    templates = sorted(map(str, ROLES.glob("*/templates/*.j2")))
    assert len(templates) >= 8, "the templates are somewhere else"
    assert written, "the files without a template are somewhere else"
    shown = {Path(path).name: f"{{{{ lookup('ansible.builtin.template', '{path}') }}}}" for path in templates}
    shown |= {f"content {number}": text for number, text in enumerate(written)}
    shown |= {name: f"{{{{ lookup('ansible.builtin.vars', '{name}') | to_json }}}}" for name in sorted(set(names))}
    play = {
        "hosts": "plex:worker1",
        "gather_facts": False,
        "vars_files": [str(path) for kind in ("defaults", "vars") for path in sorted(ROLES.glob(f"*/{kind}/main.yml"))],
        "tasks": [{"name": "All of it", "ansible.builtin.debug": {"msg": shown}}],
    }
    (directory / "play.yml").write_text(yaml.safe_dump([play]))
    lines = {host: {"ansible_host": f"192.168.1.{number}"} for number, host in enumerate(HOSTS, 10)}
    groups = {"scaleplex_plex": ["plex"], "scaleplex_orchestrators": ["plex"], "scaleplex_workers": WORKERS}
    inventory = {"all": {"hosts": lines, "vars": {"ansible_connection": "local"}}}
    inventory |= {group: {"hosts": dict.fromkeys(hosts)} for group, hosts in groups.items()}
    (directory / "hosts.yml").write_text(yaml.safe_dump(inventory))
    (directory / "given.json").write_text(json.dumps(GIVEN))
    return directory / "play.yml"


def rendered(playbook: Path, seed: int) -> str:
    """Return what the playbook prints under a hash seed."""
    directory = playbook.parent
    argv = ["ansible-playbook", "-i", str(directory / "hosts.yml"), "-e", f"@{directory}/given.json", str(playbook)]
    more = {
        "PYTHONHASHSEED": str(seed),
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        "ANSIBLE_FILTER_PLUGINS": str(ROLES / "scaleplex_common/filter_plugins"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORKS": "1",
    }
    done = subprocess.run(argv, env={**os.environ, **more}, capture_output=True, text=True, check=False, cwd=directory)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def first(playbook: Path) -> str:
    text = rendered(playbook, SEEDS[0])
    plain = text.replace("\\", "")
    assert '"__scaleplex_gpu_kind_found": ""nvidia""' in plain
    assert 'BindReadOnlyPaths="-/media/films"' in plain
    return text


@pytest.mark.skipif(shutil.which("ansible-playbook") is None, reason="needs Ansible, as tests/hosts/run has it")
@pytest.mark.parametrize("seed", [*SEEDS[1:3], *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS[3:])])
def test_every_template_and_every_choice_is_the_same_under_twenty_hash_seeds(
    playbook: Path, first: str, seed: int
) -> None:
    assert rendered(playbook, seed) == first
