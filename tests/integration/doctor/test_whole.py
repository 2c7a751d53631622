"""`scaleplex doctor` as operators and playbooks run it."""

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scaleplex.cli import doctor
from scaleplex.cli.doctor import accounts
from scaleplex.cli.doctor.checks import CHECKS
from scaleplex.cli.doctor.host import ROLES, Host, Places, read
from scaleplex.cli.doctor.running import run_all
from tests.integration.doctor.conftest import Fleet
from tests.integration.doctor.plex import PlexHost
from tests.integration.relay.service import SECRET

pytestmark = pytest.mark.xdist_group("doctor")


@pytest.fixture
def etc(plex: PlexHost, fleet: Fleet) -> Iterator[Path]:
    """The settings of a host that has every role, and its runtime directory."""
    secret = plex.etc / "fleet-secret"
    secret.write_bytes(SECRET)
    secret.chmod(0o600)
    for path in (fleet.runtime, fleet.runtime / "jobs"):
        path.chmod(0o2770)
    plex.settings.write_text(
        f"SCALEPLEX_SHIM_ORCHESTRATORS={fleet.orchestrator.url}\nSCALEPLEX_SHIM_RELAY_URL={fleet.relay.url}\n"
        f"SCALEPLEX_SHIM_SECRET_FILE={secret}\nSCALEPLEX_SHIM_RUNTIME_DIR={fleet.runtime}\n"
    )
    (plex.etc / "relay.env").write_text(
        f"SCALEPLEX_RELAY_BIND=127.0.0.1:{fleet.relay.port}\nSCALEPLEX_RELAY_PLEX_URL={fleet.plex.url}\n"
        f"SCALEPLEX_RELAY_RUNTIME_DIR={fleet.runtime}\nSCALEPLEX_RELAY_STATE_DIR={fleet.root}/state\n"
    )
    (plex.etc / "worker.env").write_text(
        f"SCALEPLEX_WORKER_BIND=127.0.0.1:{fleet.worker.port}\nSCALEPLEX_WORKER_TRANSCODE_ROOT={fleet.transcode}\n"
        f"SCALEPLEX_WORKER_MEDIA_ROOTS={fleet.media}\nSCALEPLEX_WORKER_STATE_DIR={fleet.root / 'state'}\n"
    )
    (plex.etc / "orchestrator.env").write_text(
        f"SCALEPLEX_ORCHESTRATOR_BIND=127.0.0.1:{fleet.orchestrator.port}\n"
        f"SCALEPLEX_ORCHESTRATOR_WORKERS_LIST={fleet.worker.url}\n"
    )
    (plex.root / "Preferences.xml").write_text(f'<Preferences TranscoderTempDirectory="{fleet.transcode}"/>')
    yield plex.etc
    (fleet.runtime / "events.jsonl").unlink(missing_ok=True)


def run(etc: Path, *words: str) -> int:
    parser = argparse.ArgumentParser()
    doctor.add_parser(parser.add_subparsers())
    me = accounts.myself().name
    root = etc.parents[1]
    args = parser.parse_args(
        ["doctor", "--etc", str(etc), "--plex-user", me, "--worker-user", me, "--plex-dir",
         str(root / "usr/lib/plexmediaserver"), "--plex-preferences", str(root / "Preferences.xml"), *words]
    )  # fmt: skip
    code: int = args.run(args)
    return code


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    return value


def test_a_host_with_every_role_and_a_fleet_in_order_has_no_problem_but_what_it_has_not(
    etc: Path, plex: PlexHost, fleet: Fleet
) -> None:
    me = accounts.myself().name
    places = Places(etc, plex.directory, plex.root / "Preferences.xml", plex.root, plex.root / "dev")
    host = Host(places, frozenset(ROLES), plex_user=me, worker_login=accounts.Login(me), relay_login=accounts.Login(me))
    began = time.monotonic()
    found = run_all(CHECKS, read(host))
    assert time.monotonic() - began < 15
    assert {finding.check for finding in found} == {check.name for check in CHECKS}
    unexpected = [
        finding
        for finding in found
        if finding.severity in ("problem", "skipped") and finding.subject != "ffmpeg"  # no package on this host
    ]
    assert unexpected == []


def test_json_names_each_check_with_what_was_seen_and_the_fix(
    etc: Path, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(etc, "--json", "--only", "relay", "--only", "fleet.secret", "--only", "plex.fallbacks") == 0
    value = printed(capsys)
    assert value["roles"] == ["orchestrator", "plex-host", "worker"]
    assert value["worst"] == "ok"
    assert {finding["check"] for finding in value["findings"]} == {
        "fleet.secret", "plex.fallbacks", "relay.address", "relay.refuses", "relay.workers",
    }  # fmt: skip


def test_a_warning_is_no_failure_and_a_problem_is(etc: Path, fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    now_ms = time.time_ns() // 1_000_000
    event = {"time_ms": now_ms, "event": "fallback", "reason": "no-worker", "detail": "nobody there"}
    (fleet.runtime / "events.jsonl").write_text(json.dumps(event) + "\n")
    assert run(etc, "--only", "plex.fallbacks") == 0
    assert "nobody there" in capsys.readouterr().out
    (etc / "fleet-secret").chmod(0o644)
    assert run(etc, "--only", "settings.secret") == 1
    assert "fix: chmod o=" in capsys.readouterr().out


def test_a_secret_that_differs_on_this_host_alone_is_found_with_its_fix(
    etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (etc / "fleet-secret").write_bytes(b"the-secret-of-another-fleet")
    assert run(etc, "--json", "--only", "fleet.secret") == 1
    assert all("sha256sum" in finding["fix"] for finding in printed(capsys)["findings"])


def test_a_worker_host_alone_is_told_of_the_relay_on_the_command_line(
    etc: Path, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("shim.env", "relay.env", "orchestrator.env"):
        (etc / name).unlink()
    assert run(etc, "--json", "--only", "relay") == 0
    assert [finding["severity"] for finding in printed(capsys)["findings"]] == ["skipped"]
    assert run(etc, "--json", "--only", "relay", "--relay", fleet.relay.url) == 0
    assert [finding["severity"] for finding in printed(capsys)["findings"]] == ["ok"]
    assert run(etc, "--json", "--only", "relay", "--relay", "http://127.0.0.1:9") == 1


def test_without_plexs_preferences_the_workers_name_the_transcode_directory(
    etc: Path, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    (etc.parents[1] / "Preferences.xml").unlink()
    assert run(etc, "--json", "--role", "plex-host", "--only", "storage.owner", "--only", "plex.directory") == 0
    owner, directory = printed(capsys)["findings"]
    assert (owner["severity"], directory["severity"]) == ("ok", "skipped")
    assert str(fleet.transcode) in owner["seen"]


def test_nothing_is_left_in_the_transcode_directory(
    etc: Path, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(etc, "--only", "storage.owner", "--only", "storage.shared", "--only", "storage.directories") == 0
    assert os.listdir(fleet.transcode) == []
    assert "within" not in capsys.readouterr().out
