"""What a role takes away again, and what it leaves: whatever is somebody else's."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.fleet import Fleet, fleet

DROP_IN = "/etc/systemd/system/scaleplex-worker.service.d/10-mounts.conf"
MOUNTS = [{"path": f"/{name}", "source": f"nas:/export/{name}"} for name in ("transcode", "media")]
CONTROL = """\
Package: backup
Version: 1
Architecture: all
Maintainer: Operator <operator@localhost>
Depends: nfs-common
Description: what an operator installs
"""


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    share = os.environ["SCALEPLEX_HOSTS_SHARE"]
    exports = {f"nas:/export/{name}": f"{share}/{name}" for name in ("transcode", "media")}
    with fleet({"worker1": {}}, tmp_path_factory.mktemp("fleet"), nfs=exports) as made:
        made.execute("worker1", "sh", "-c", f"echo {made.net}.1 nas >>/etc/hosts; mkdir -p /media/cdrom")
        yield made


def play(hosts: Fleet, role: str, tasks: str, **variables: Any) -> None:
    """Run a part of a role on the worker."""
    task = {"ansible.builtin.import_role": {"name": role, "tasks_from": tasks}}
    playbook = Path(hosts.directory) / "part.yml"
    playbook.write_text(json.dumps([{"hosts": "scaleplex_workers", "tasks": [task]}]))
    user = {"scaleplex_common_plex_uid": 870, "scaleplex_common_plex_gid": 870}
    played = hosts.play(str(playbook), {"scaleplex_workers": ["worker1"]}, **user, **variables)
    assert played.code == 0, played.text


def worker_has(hosts: Fleet, test: str) -> bool:
    return hosts.execute("worker1", "sh", "-c", f"if {test}; then echo yes; fi") == "yes\n"


def test_a_worker_whose_directories_become_local_does_not_wait_for_mounts_any_more(hosts: Fleet) -> None:
    play(hosts, "scaleplex_nfs", "main", scaleplex_nfs_mode="client", scaleplex_nfs_mounts=MOUNTS)
    assert worker_has(hosts, f"test -e {DROP_IN} && mountpoint -q /transcode && mountpoint -q /media")
    play(hosts, "scaleplex_nfs", "main", scaleplex_nfs_mode="none")
    assert not worker_has(hosts, f"test -e {DROP_IN}")


def test_mounts_go_and_a_directory_that_was_there_before_stays(hosts: Fleet) -> None:
    play(hosts, "scaleplex_nfs", "main", scaleplex_nfs_mode="client", scaleplex_nfs_mounts=MOUNTS)
    play(hosts, "scaleplex_nfs", "uninstall", scaleplex_nfs_mode="client", scaleplex_nfs_mounts=MOUNTS)
    assert not worker_has(hosts, "grep nas: /etc/fstab || test -e /transcode || mountpoint -q /media")
    assert worker_has(hosts, "test -d /media/cdrom")


def test_a_package_that_came_along_stays_with_what_the_operator_installed_on_top_of_it(hosts: Fleet) -> None:
    for package in ("nfs-common", "acl"):
        play(hosts, "scaleplex_common", "packages", __scaleplex_common_packages=[package])
    script = 'mkdir -p b/DEBIAN; printf %s "$0" >b/DEBIAN/control; dpkg-deb -b b b.deb; dpkg -i b.deb; rm -r b b.deb'
    hosts.execute("worker1", "sh", "-c", script, CONTROL)
    play(hosts, "scaleplex_common", "uninstall")
    assert worker_has(hosts, "dpkg --status backup nfs-common >/dev/null")
    assert not worker_has(hosts, "dpkg --status acl >/dev/null 2>&1")
    assert hosts.execute("worker1", "apt-mark", "showauto", "nfs-common") == "nfs-common\n"
