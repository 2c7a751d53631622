"""A few hosts for the tests of playbooks: Plex on one, directories all of them see, an inventory, ansible-playbook."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.hosts import lifecycle, network
from tests.hosts.places import REPOSITORY

PLEX_PACKAGE = "/opt/plex/plexmediaserver_1.40.0.1-aaaaaaaaa_all.deb"
LIMIT_SECONDS = 900


@dataclass
class Played:
    """What came of a playbook."""

    code: int
    text: str

    def changes(self) -> dict[str, int]:
        """Return how much was changed on each host."""
        recap = self.text.partition("PLAY RECAP")[2]
        rows = [line.split() for line in recap.splitlines() if "changed=" in line]
        return {row[0]: int(next(word for word in row if word.startswith("changed="))[8:]) for row in rows}

    def says(self, words: str) -> bool:
        """Tell whether the words were said, however the lines were broken."""
        return " ".join(words.split()) in " ".join(self.text.split())


class Fleet:
    """Running hosts and an inventory of them."""

    def __init__(self, run_id: str, net: str, directory: Path) -> None:
        self.run_id, self.net, self.directory = run_id, net, directory
        self.inventory: dict[str, Any] = {}
        self.own: dict[str, dict[str, Any]] = {}  # further variables of single hosts
        self.environment: dict[str, str] = {}  # of ansible-playbook

    def execute(self, host: str, *argv: str, check: bool = True) -> str:
        """Run a command on a host and return what it said."""
        command = lifecycle.execute(self.run_id, host, list(argv))
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{host}: {argv}: {done.stderr or done.stdout}"
        return done.stdout

    def play(self, playbook: str, groups: dict[str, list[str]], *words: str, **variables: Any) -> Played:
        """Run a playbook of the repository.

        Args:
            playbook: path in the repository.
            groups: the hosts of each group of the inventory.
            words: further arguments of ansible-playbook.
            variables: of all hosts.
        """
        hosts = {host for names in groups.values() for host in names}
        spec = lifecycle.load(self.run_id)
        addresses = {host: spec["hosts"][host]["address"] for host in sorted(hosts)}
        lines = {
            host: {"ansible_host": network.address6(spec, address) or address, **self.own.get(host, {})}
            for host, address in addresses.items()
        }
        inventory = {
            "all": {"hosts": lines, "vars": {**self.inventory, **variables}},
            **{group: {"hosts": dict.fromkeys(names)} for group, names in groups.items()},
        }
        path = self.directory / "hosts.yml"
        path.write_text(yaml.safe_dump(json.loads(json.dumps(inventory))))
        argv = ["ansible-playbook", "-i", str(path), str(REPOSITORY / playbook), *words]
        config = {"ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        environment = {**os.environ, **config, **self.environment}
        options: Any = {"capture_output": True, "text": True, "timeout": LIMIT_SECONDS, "cwd": self.directory}
        done = subprocess.run(argv, env=environment, check=False, **options)
        return Played(done.returncode, done.stdout + done.stderr)


@contextmanager
def fleet(names: dict[str, dict[str, Any]], directory: Path, **more: Any) -> Iterator[Fleet]:
    """Bring hosts up, take them down afterwards.

    Args:
        names: the hosts, and what their spec adds.
        directory: for the inventory and the fleet secret.
        more: what the spec of the run adds.
    """
    run_id, net = os.environ["SCALEPLEX_HOSTS_RUN"], os.environ["SCALEPLEX_HOSTS_NET"]
    share = Path(os.environ["SCALEPLEX_HOSTS_SHARE"])
    for name in ("transcode", "media"):
        (share / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(os.environ["SCALEPLEX_HOSTS_CLIP"], share / "media/clip.mkv")
    spec = {
        "run": run_id,
        "subnet": f"{net}.0/24",
        "controller": f"{net}.1",
        "debs": os.environ["SCALEPLEX_HOSTS_DEBS"],
        "wheels": os.environ["SCALEPLEX_HOSTS_WHEELS"],
        "bind_ro": [f"{os.environ['SCALEPLEX_HOSTS_PLEX']}:/opt/plex"],
        "hosts": {name: {"address": f"{net}.{number}", **own} for number, (name, own) in enumerate(names.items(), 10)},
        **more,
    }
    lifecycle.down(run_id)
    made = lifecycle.up(spec)
    try:
        hosts = Fleet(run_id, net, directory)
        hosts.inventory = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": made["key"],
            "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "
            f"-o ControlPath={directory}/%C",
            "ansible_python_interpreter": "/usr/bin/python3",
            "scaleplex_common_source_dir": os.environ["SCALEPLEX_HOSTS_SOURCE"],
            "scaleplex_common_secret_file": str(directory / "fleet-secret"),
            "scaleplex_ffmpeg_deb": os.environ["SCALEPLEX_HOSTS_FFMPEG"],
        }
        yield hosts
    finally:
        lifecycle.down(run_id)
        shutil.rmtree(share, ignore_errors=True)
