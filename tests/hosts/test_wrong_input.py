"""What an operator gets wrong stops the play before anything is changed, and the sentence says what to do."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.fleet import PLEX_PACKAGE, Fleet, Played, fleet
from tests.hosts.places import SUITE

GROUPS = {"scaleplex_plex": ["plex"], "scaleplex_orchestrators": ["plex"], "scaleplex_workers": ["worker1", "worker2"]}


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    share = os.environ["SCALEPLEX_HOSTS_SHARE"]
    shared = {"bind": [f"{share}/transcode:/transcode", f"{share}/media:/media"]}
    names: dict[str, dict[str, Any]] = {"plex": shared, "worker1": shared, "worker2": shared, "bare": {}}
    with fleet(names, tmp_path_factory.mktemp("fleet")) as made:
        made.execute("plex", "apt-get", "-q", "update")
        made.execute("plex", "apt-get", "-q", "-y", "--no-install-recommends", "install", PLEX_PACKAGE)
        made.execute("plex", "chown", "plex:plex", "/transcode")
        yield made


def refused(hosts: Fleet, *words: str, groups: dict[str, list[str]] | None = None, **variables: Any) -> Played:
    """Run site.yml, and check that it stopped with nothing changed anywhere."""
    played = hosts.play("site.yml", groups or GROUPS, *words, **variables)
    assert played.code != 0, played.text
    assert set(played.changes().values()) == {0}, played.text
    for host in {name for names in (groups or GROUPS).values() for name in names}:
        assert hosts.execute(host, "sh", "-c", "ls -d /etc/scaleplex /usr/lib/scaleplex 2>/dev/null || true") == ""
    assert not list(Path(hosts.directory).glob("fleet-secret"))
    return played


def test_a_worker_without_its_mounts_is_named_with_the_paths(hosts: Fleet) -> None:
    played = refused(hosts, groups={**GROUPS, "scaleplex_workers": ["worker1", "bare"]})
    assert played.says("Nothing is mounted at /transcode and /media on bare")
    assert played.says("set scaleplex_nfs_mode to client")


def test_a_uid_that_is_not_plexs_is_refused(hosts: Fleet) -> None:
    played = refused(hosts, scaleplex_common_plex_uid=1234, scaleplex_common_plex_gid=1234)
    assert played.says("Plex could not delete what the workers write")


def commands(played: Played) -> list[str]:
    """Return what the sentence of a refusal says to run."""
    return re.findall(r"`(.+?)`", " ".join(played.text.split()))


def test_a_uid_that_belongs_to_somebody_else_on_a_worker_is_refused_and_the_commands_it_names_help(
    hosts: Fleet,
) -> None:
    uid = hosts.execute("plex", "id", "-u", "plex").strip()
    script = f"useradd --system --uid {uid} --user-group polkitd; touch /opt/of-polkitd; chown polkitd: /opt/of-polkitd"
    unit = "systemd-run --quiet --unit polkit --property User=polkitd sleep infinity"
    hosts.execute("worker2", "sh", "-ec", f"{script}; {unit}")
    try:
        played = refused(hosts)
        assert played.says(f"On worker2 the uid {uid} of Plex's user belongs to polkitd")
        assert played.says("set scaleplex_nfs_squash to true")
        names_units, moves, *_ = commands(played)
        assert hosts.execute("worker2", "sh", "-ec", names_units).split() == ["polkit.service"]
        hosts.execute("worker2", "systemctl", "stop", "polkit.service")
        hosts.execute("worker2", "sh", "-ec", moves)
        assert hosts.execute("worker2", "stat", "-c", "%U", "/opt/of-polkitd") == "polkitd\n"
        assert hosts.execute("worker2", "stat", "-c", "%u", "/transcode") == f"{uid}\n", "what is mounted is Plex's"
        played = hosts.play("playbooks/preflight.yml", GROUPS)
        assert not played.says("belongs to polkitd"), played.text
        if played.code:
            assert played.says("belongs to the group polkitd"), played.text
            hosts.execute("worker2", "sh", "-ec", commands(played)[0])
            played = hosts.play("playbooks/preflight.yml", GROUPS)
        assert played.code == 0, played.text
    finally:
        hosts.execute("worker2", "sh", "-c", "systemctl stop polkit; userdel polkitd; rm /opt/of-polkitd", check=False)


def test_a_uid_that_is_taken_does_no_harm_where_the_file_server_acts_as_plexs_user(hosts: Fleet) -> None:
    uid = hosts.execute("plex", "id", "-u", "plex").strip()
    hosts.execute("worker2", "useradd", "--system", "--uid", uid, "--user-group", "polkitd")
    try:
        played = hosts.play("playbooks/preflight.yml", GROUPS, scaleplex_nfs_squash=True)
    finally:
        hosts.execute("worker2", "userdel", "polkitd")
    assert played.code == 0, played.text


def test_a_gid_that_belongs_to_another_group_on_a_worker_is_refused(hosts: Fleet) -> None:
    gid = hosts.execute("plex", "id", "-g", "plex").strip()
    hosts.execute("worker2", "groupadd", "--gid", gid, "docker")
    try:
        played = refused(hosts)
    finally:
        hosts.execute("worker2", "groupdel", "docker")
    assert played.says(f"On worker2 the gid {gid} of Plex's user belongs to the group docker")


def test_a_group_that_is_not_there_is_named(hosts: Fleet) -> None:
    played = refused(hosts, scaleplex_worker_groups=["films", "3000"])
    assert played.says("There is no group films and no group 3000 on worker1. Make it there")


def test_films_to_export_that_are_not_there_are_named(hosts: Fleet) -> None:
    roots = ["/media", "/srv/films"]
    played = refused(hosts, scaleplex_nfs_mode="server", scaleplex_common_media_roots=roots)
    assert played.says("plex is to export /srv/films, and there is no such directory")


def test_a_transcode_directory_plexs_user_may_not_write_to_is_refused(hosts: Fleet) -> None:
    hosts.execute("plex", "chown", "root:root", "/transcode")
    try:
        played = refused(hosts)
    finally:
        hosts.execute("plex", "chown", "plex:plex", "/transcode")
    assert played.says("/transcode on worker1 belongs to uid 0")


def test_a_required_gpu_that_is_not_there_is_missed(hosts: Fleet) -> None:
    played = refused(hosts, scaleplex_gpu_required=True, scaleplex_gpu_kind="intel")
    assert played.says("worker1 has no GPU of kind intel (no render node in /dev/dri)")


def test_an_unsupported_release_is_named(hosts: Fleet) -> None:
    hosts.execute("worker2", "sh", "-c", "cp -p /etc/debian_version /root/kept; echo 11.9 >/etc/debian_version")
    hosts.execute("worker2", "sh", "-c", "cp -p /usr/lib/os-release /root/os; sed -i s/12/11/ /usr/lib/os-release")
    try:
        played = refused(hosts)
    finally:
        hosts.execute("worker2", "sh", "-c", "mv /root/kept /etc/debian_version; mv /root/os /usr/lib/os-release")
    assert played.says("worker2 runs Debian 11")
    assert played.says("supports Debian 12, Debian 13 and Ubuntu 24.04")


def test_an_inventory_without_workers_is_refused(hosts: Fleet) -> None:
    played = refused(hosts, groups={"scaleplex_plex": ["plex"], "scaleplex_orchestrators": ["plex"]})
    assert played.says("plex would know no worker. Put hosts into the group scaleplex_workers")


def test_a_misspelt_variable_is_named_with_the_nearest_one(hosts: Fleet) -> None:
    played = refused(hosts, scaleplex_worker_max_session=3)
    assert played.says("scaleplex_worker_max_session (did you mean scaleplex_worker_max_sessions?)")


def test_a_variable_given_on_the_command_line_is_checked_too(hosts: Fleet) -> None:
    played = refused(hosts, "-e", "scaleplex_plex_host_falback=true")
    assert played.says("did you mean scaleplex_plex_host_fallback?")


def test_a_value_of_the_wrong_kind_is_refused(hosts: Fleet) -> None:
    played = refused(hosts, scaleplex_worker_max_sessions="many")
    assert played.says("scaleplex_worker_max_sessions")


def test_a_choice_that_does_not_exist_is_refused(hosts: Fleet) -> None:
    played = refused(hosts, scaleplex_nfs_mode="cleint")
    assert played.says("value of scaleplex_nfs_mode must be one of: check, client, server, none")


def test_hosts_with_different_secrets_are_named(hosts: Fleet) -> None:
    played = refused(hosts, scaleplex_common_secret="{{ 'a' * 20 if inventory_hostname == 'plex' else 'b' * 20 }}")
    assert played.says("The hosts are given different fleet secrets")


def test_a_secret_that_is_too_short_is_refused(hosts: Fleet) -> None:
    played = refused(hosts, scaleplex_common_secret="hunter2")
    assert played.says("scaleplex_common_secret has 7 characters")


def test_a_plex_host_without_plex_is_refused(hosts: Fleet) -> None:
    groups = {"scaleplex_plex": ["worker2"], "scaleplex_orchestrators": ["worker2"], "scaleplex_workers": ["worker1"]}
    played = refused(hosts, groups=groups)
    assert played.says("Install plexmediaserver there")


def test_a_worker_package_that_is_nowhere_is_missed(hosts: Fleet) -> None:
    played = refused(hosts, scaleplex_ffmpeg_deb="/nowhere/scaleplex-ffmpeg7.deb")
    assert played.says("There is no package scaleplex-ffmpeg7 for worker1")


def test_media_roots_that_are_written_as_one_word_are_shown_as_a_list(hosts: Fleet) -> None:
    played = refused(hosts, scaleplex_common_media_roots="/media")
    assert played.says(
        "scaleplex_common_media_roots is the word '/media', write scaleplex_common_media_roots: [/media]"
    )


def test_a_package_that_was_built_for_the_debian_hosts_is_refused_on_an_ubuntu_host_beside_them(hosts: Fleet) -> None:
    keep = "cp -p /usr/lib/os-release /root/os; mv /etc/debian_version /root/kept"
    names = "printf '%s\\n' NAME=Ubuntu ID=ubuntu VERSION_ID=24.04 VERSION_CODENAME=noble 'VERSION=24.04 LTS'"
    hosts.execute("worker2", "sh", "-ec", f"{keep}; {names} >/usr/lib/os-release")
    try:
        played = refused(hosts)
    finally:
        hosts.execute("worker2", "sh", "-c", "mv /root/kept /etc/debian_version; mv /root/os /usr/lib/os-release")
    assert played.says(f"worker2 runs Ubuntu noble, and its scaleplex-ffmpeg7 was built for {SUITE}")
    assert played.says("ansible-playbook playbooks/build-ffmpeg.yml -e build_host=worker2")


def test_a_collection_that_plain_ansible_core_lacks_is_named_with_the_command(hosts: Fleet) -> None:
    mounts = [{"path": path, "source": f"nas:{path}"} for path in ("/transcode", "/media")]
    hosts.environment = {"ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false", "ANSIBLE_COLLECTIONS_PATH": "/nowhere"}
    try:
        played = refused(hosts, scaleplex_nfs_mode="client", scaleplex_nfs_mounts=mounts)
        without = hosts.play("playbooks/preflight.yml", GROUPS)
    finally:
        hosts.environment = {}
    assert played.says("ansible-galaxy collection install ansible.posix")
    assert without.code == 0, "it is needed only where the role mounts something"


def test_files_of_somebody_else_are_not_overwritten_by_those_for_prometheus(hosts: Fleet) -> None:
    hosts.execute("bare", "sh", "-ec", "mkdir /etc/prometheus; echo groups: >/etc/prometheus/rules.yml")
    played = hosts.play(
        "site.yml", {"scaleplex_monitoring": ["bare"]}, scaleplex_monitoring_directory="/etc/prometheus"
    )
    assert played.code != 0
    assert played.says("/etc/prometheus on bare has a rules.yml of somebody else")
    assert hosts.execute("bare", "sh", "-c", "cat /etc/prometheus/*") == "groups:\n"
