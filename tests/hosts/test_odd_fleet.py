"""A fleet that is odd in many ways at once works: IPv6 alone, the Plex host is a worker too, Plex runs as somebody
else, and a worker that may be off is off.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.hosts import lifecycle
from tests.hosts.fleet import PLEX_PACKAGE, Fleet, fleet

GROUPS = {
    "scaleplex_plex": ["plex"],
    "scaleplex_orchestrators": ["plex"],
    "scaleplex_workers": ["plex", "worker1", "worker2"],
    "scaleplex_monitoring": ["plex"],
}
SOMEBODY = {"scaleplex_common_plex_user": "media"}
RULES = "/etc/prometheus/rules-of-mine.yml"


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    share, net = os.environ["SCALEPLEX_HOSTS_SHARE"], os.environ["SCALEPLEX_HOSTS_NET"]
    shared = {"bind": [f"{share}/transcode:/transcode", f"{share}/media:/media"]}
    names: dict[str, dict[str, Any]] = {"plex": shared, "worker1": shared, "worker2": shared}
    subnet6 = f"fd99:{net.rpartition('.')[2]}::/64"
    with fleet(names, tmp_path_factory.mktemp("fleet"), subnet6=subnet6) as made:
        # An operator who runs Plex as an account of his own, and has a Prometheus.
        drop_in = "/etc/systemd/system/plexmediaserver.service.d"
        script = f"""
            useradd --system --user-group --home-dir /var/lib/plexmediaserver media
            mkdir -p {drop_in} /etc/prometheus
            printf '[Service]\\nUser=media\\nGroup=media\\n' >{drop_in}/mine.conf
            echo groups: >{RULES}
            apt-get -q update
            apt-get -q -y --no-install-recommends install {PLEX_PACKAGE}
            chown -R media:media /var/lib/plexmediaserver /transcode
            systemctl restart plexmediaserver"""
        made.execute("plex", "sh", "-ec", script)
        made.inventory |= {**SOMEBODY, "scaleplex_monitoring_directory": "/etc/prometheus"}
        made.own["worker2"] = {"scaleplex_worker_optional": True}
        lifecycle.fault(made.run_id, "worker2", "poweroff")
        yield made


def film(hosts: Fleet) -> dict[str, Any]:
    """Let Plex play a film and return what came of it."""
    wish = json.dumps({"input": "/media/clip.mkv", "root": "/transcode", "scheme": "hls"})
    call = ("curl", "--silent", "--fail", "--max-time", "150", "--data", wish, "http://127.0.0.1:32400/test/play")
    played: dict[str, Any] = json.loads(hosts.execute("plex", *call))
    return played


def test_it_is_installed_without_the_worker_that_is_off(hosts: Fleet) -> None:
    played = hosts.play("site.yml", GROUPS)
    assert played.code == 0, played.text
    assert played.says("worker2 is off and left out, as it may be")
    assert "Could not match supplied host pattern" not in played.text


def test_a_second_run_changes_nothing(hosts: Fleet) -> None:
    played = hosts.play("site.yml", GROUPS)
    assert played.code == 0, played.text
    assert set(played.changes().values()) == {0}, played.text


def test_a_film_plays_for_the_account_plex_runs_as(hosts: Fleet) -> None:
    uid = int(hosts.execute("plex", "id", "-u", "media"))
    played = film(hosts)
    assert (played["exit"], played["stderr"], played["owners"]) == (0, "", [uid])
    assert played["calls"]["manifest"] >= 5
    story = ("journalctl", "--output", "cat", f"SCALEPLEX_JOB={played['job']}", "--unit", "scaleplex-worker")
    assert any(hosts.execute(host, *story, check=False) for host in ("plex", "worker1")), "no worker took it"


def test_every_url_has_its_ipv6_address_in_brackets(hosts: Fleet) -> None:
    files = "/etc/scaleplex/*.env /etc/prometheus/targets.json"
    lines = hosts.execute("plex", "sh", "-c", f"grep -h fd99: {files}").splitlines()
    assert len(lines) >= 6
    assert not [line for line in lines if "[fd99:" not in line]


def test_verify_passes_with_the_plex_host_as_a_worker(hosts: Fleet) -> None:
    played = hosts.play("playbooks/verify.yml", GROUPS)
    assert played.code == 0, played.text
    assert played.text.count("segments from ") == 2, played.text


def test_an_upgrade_passes_and_drains_nobody_for_nothing(hosts: Fleet) -> None:
    played = hosts.play("playbooks/upgrade.yml", GROUPS)
    assert played.code == 0, played.text
    assert set(played.changes().values()) == {0}, played.text


def test_a_worker_that_has_to_be_there_and_is_off_stops_the_run_before_anything_is_changed(hosts: Fleet) -> None:
    for playbook in ("site.yml", "playbooks/upgrade.yml"):
        played = hosts.play(playbook, GROUPS, "-e", "scaleplex_worker_optional=false")
        assert played.code != 0
        assert set(played.changes().values()) == {0}, played.text
        assert played.says("worker2 does not answer, and nothing has been changed anywhere")
        assert played.says("--limit '!worker2'")


def test_a_host_that_is_off_can_be_left_out_once(hosts: Fleet) -> None:
    words = ("--limit", "!worker2", "-e", "scaleplex_worker_optional=false")
    played = hosts.play("playbooks/preflight.yml", GROUPS, *words)
    assert played.code == 0, played.text


def test_a_rollback_goes_on_without_a_host_that_is_off_and_leaves_the_operators_files(hosts: Fleet) -> None:
    played = hosts.play("playbooks/rollback.yml", GROUPS)
    assert "unreachable=1" in played.text
    assert hosts.execute("plex", "sh", "-c", "ls /etc/prometheus") == f"{RULES.rpartition('/')[2]}\n"
    units = hosts.execute("worker1", "sh", "-c", "systemctl list-unit-files --no-legend 'scaleplex*' || true")
    assert units == ""
    assert (
        hosts.execute("plex", "head", "-n", "2", "/usr/lib/plexmediaserver/Plex Transcoder").count("Plex Transcoder")
        == 1
    )
