"""The Plex host, broken in each way that happens: with a private dpkg, real stubs and real accounts."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from scaleplex.cli.doctor import diversion, services, shim
from scaleplex.cli.doctor.accounts import Account
from scaleplex.cli.doctor.findings import Finding, Skip, worst
from scaleplex.cli.doctor.host import PLEX_HOST, Host, Places, read
from tests.integration.doctor.plex import PlexHost


def everything(plex: PlexHost, account: Account) -> dict[str, list[Finding]]:
    return {
        "diversion": diversion.registered(plex.directory, plex.root),
        "shim": diversion.shim_in_place(plex.directory),
        "real": diversion.real_in_place(plex.directory, plex.root),
        "library": shim.library(plex.directory),
        "starts": shim.starts(plex.directory, account),
    }


def only(found: list[Finding]) -> Finding:
    (finding,) = found
    return finding


def test_a_plex_host_as_the_role_leaves_it_needs_nothing(plex: PlexHost, other: Account) -> None:
    found = everything(plex, other)
    assert {name: worst(findings) for name, findings in found.items()} == dict.fromkeys(found, "ok"), found


def test_an_upgrade_of_plex_keeps_everything_in_order(plex: PlexHost, other: Account) -> None:
    plex.install_plex("2.0")
    assert plex.real.read_text().endswith("echo 2.0\n")
    found = everything(plex, other)
    assert {name: worst(findings) for name, findings in found.items()} == dict.fromkeys(found, "ok"), found
    assert "2.0" in found["real"][0].seen


def test_a_shim_without_a_diversion_will_be_replaced(plex: PlexHost) -> None:
    plex.undivert()
    finding = only(diversion.registered(plex.directory, plex.root))
    assert finding.severity == "problem"
    assert "next upgrade" in finding.seen


def test_an_upgrade_that_replaced_the_shim_is_seen(plex: PlexHost) -> None:
    plex.undivert()
    plex.install_plex("2.0")
    assert "uses its own transcoder" in only(diversion.registered(plex.directory, plex.root)).seen
    assert "is not the shim" in only(diversion.shim_in_place(plex.directory)).seen
    with pytest.raises(Skip):
        shim.library(plex.directory)


def test_a_missing_shim_leaves_plex_without_a_transcoder(plex: PlexHost) -> None:
    plex.program.unlink()
    assert only(diversion.shim_in_place(plex.directory)).severity == "problem"


@pytest.mark.parametrize("mode", [0o775, 0o777, 0o700])
def test_a_shim_others_can_change_or_cannot_run_is_a_problem(plex: PlexHost, mode: int) -> None:
    plex.program.chmod(mode)
    finding = only(diversion.shim_in_place(plex.directory))
    assert finding.severity == "problem"
    assert "chmod 0755" in finding.fix


def test_a_shim_that_belongs_to_another_account_is_a_problem(plex: PlexHost, other: Account) -> None:
    os.chown(plex.program, other.uid, other.gid)
    assert only(diversion.shim_in_place(plex.directory)).severity == "problem"


def test_a_shim_of_another_version_is_a_warning(plex: PlexHost) -> None:
    plex.program.write_text(plex.program.read_text() + "# older\n")
    assert only(diversion.shim_in_place(plex.directory)).severity == "warning"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda plex: plex.real.unlink(), "is missing"),
        (lambda plex: shutil.copy(plex.program, plex.real), "is the shim itself"),
        (lambda plex: plex.real.write_bytes(b"\0" * 100), "no executable program"),
        (lambda plex: plex.real.chmod(0o644), "no executable program"),
        (lambda plex: plex.real.write_text("#!/bin/sh\necho other\n"), "not the transcoder of the installed"),
    ],
)
def test_a_real_transcoder_that_is_lost_is_a_problem(
    plex: PlexHost, spoil: Callable[[PlexHost], object], says: str
) -> None:
    spoil(plex)
    finding = only(diversion.real_in_place(plex.directory, plex.root))
    assert finding.severity == "problem"
    assert says in finding.seen
    assert "Reinstall plexmediaserver" in finding.fix


def test_a_shim_linked_to_the_place_of_the_real_one_is_a_problem(plex: PlexHost) -> None:
    plex.real.unlink()
    plex.real.hardlink_to(plex.program)
    assert "is the shim itself" in only(diversion.real_in_place(plex.directory, plex.root)).seen


def test_a_library_that_is_not_compiled_for_this_python_is_a_warning_with_the_command(plex: PlexHost) -> None:
    shutil.rmtree(plex.library / "scaleplex/shim/__pycache__")
    finding = only(shim.library(plex.directory))
    assert finding.severity == "warning"
    assert "compileall" in finding.fix


def test_a_library_that_lacks_a_module_is_a_problem(plex: PlexHost, other: Account) -> None:
    (plex.library / "scaleplex/protocol/wire.py").unlink()
    assert only(shim.library(plex.directory)).severity == "problem"
    shutil.rmtree(plex.library / "scaleplex/protocol/__pycache__")
    finding = only(shim.starts(plex.directory, other))
    assert finding.severity == "problem"
    assert "Error" in finding.seen


def test_a_library_plexs_user_cannot_read_keeps_the_shim_from_starting(plex: PlexHost, other: Account) -> None:
    plex.library.chmod(0o700)
    assert only(shim.starts(plex.directory, other)).severity == "problem"


def test_trying_the_shim_runs_nothing_and_leaves_nothing(plex: PlexHost, other: Account) -> None:
    ran = plex.root / "ran"
    plex.real.write_text(f"#!/bin/sh\ntouch {ran}\n")
    runtime = plex.root / "run"
    runtime.mkdir()
    runtime.chmod(0o777)
    plex.settings.write_text(f"SCALEPLEX_SHIM_RUNTIME_DIR={runtime}\n")
    before = sorted(path for path in plex.root.rglob("*"))
    assert only(shim.starts(plex.directory, other)).severity == "ok"
    assert sorted(path for path in plex.root.rglob("*")) == before


def test_settings_plexs_user_cannot_read_are_a_problem(plex: PlexHost, other: Account) -> None:
    assert only(services.readable_settings(plex.settings, other)).severity == "ok"
    plex.settings.chmod(0o600)
    assert "every job runs on the Plex host" in only(services.readable_settings(plex.settings, other)).seen
    plex.settings.unlink()
    assert only(services.readable_settings(plex.settings, other)).severity == "problem"


@pytest.mark.parametrize(
    ("mode", "group", "text", "severity"),
    [
        (0o640, True, b"the-secret-of-a-test-fleet\n", "ok"),
        (0o644, True, b"the-secret-of-a-test-fleet", "problem"),
        (0o640, False, b"the-secret-of-a-test-fleet", "problem"),
        (0o640, True, b"the-secret-of-another-fleet", "problem"),
    ],
)
def test_the_shims_secret_is_for_plexs_user_alone_and_the_services_own(
    open_dir: Path, other: Account, mode: int, group: bool, text: bytes, severity: str
) -> None:
    (open_dir / "fleet-secret").write_bytes(b"the-secret-of-a-test-fleet")
    host = read(Host(Places(etc=open_dir), frozenset({PLEX_HOST})))
    path = open_dir / "shim-secret"
    path.write_bytes(text)
    path.chmod(mode)
    os.chown(path, 0, other.gid if group else 0)
    assert only(services.shim_secret(str(path), host, other)).severity == severity


def test_a_secret_on_one_side_only_is_a_problem(open_dir: Path, me: Account) -> None:
    host = read(Host(Places(etc=open_dir), frozenset({PLEX_HOST})))
    assert only(services.shim_secret("", host, me)).severity == "ok"
    assert only(services.shim_secret(str(open_dir / "absent"), host, me)).severity == "problem"
    (open_dir / "fleet-secret").write_bytes(b"the-secret-of-a-test-fleet")
    host = read(Host(Places(etc=open_dir), frozenset({PLEX_HOST})))
    assert only(services.shim_secret("", host, me)).severity == "problem"


def test_a_fleet_secret_others_can_read_is_a_problem(open_dir: Path) -> None:
    path = open_dir / "fleet-secret"
    path.write_bytes(b"the-secret-of-a-test-fleet")
    for mode, severity in ((0o600, "ok"), (0o640, "ok"), (0o644, "problem")):
        path.chmod(mode)
        host = read(Host(Places(etc=open_dir), frozenset({PLEX_HOST})))
        assert only(services.secret(host, path)).severity == severity


def test_the_runtime_directory_is_for_plex_and_the_relay_alone(open_dir: Path, other: Account) -> None:
    runtime = open_dir / "run"

    def make(mode: int) -> str:
        for path in (runtime, runtime / "jobs"):
            path.mkdir(exist_ok=True)
            os.chown(path, other.uid, other.gid)
            path.chmod(mode)
        return worst(services.runtime_directory(runtime, other, other))

    assert worst(services.runtime_directory(runtime, other, other)) == "problem"
    assert make(0o2770) == "ok"
    assert make(0o2775) == "problem"
    assert make(0o770) == "problem"
    assert make(0o2500) == "problem"
