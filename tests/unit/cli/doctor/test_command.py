import argparse
import json
import threading
import time
from pathlib import Path

import pytest

from scaleplex.cli import doctor
from scaleplex.cli.doctor import checks, output, running
from scaleplex.cli.doctor.checks import CHECKS, Check
from scaleplex.cli.doctor.findings import Finding, Skip, ok, problem, warning, worst
from scaleplex.cli.doctor.host import PLEX_HOST, ROLES, WORKER_ROLE, Host, Places, dial, installed_roles, read
from scaleplex.common.errors import ScaleplexError


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    doctor.add_parser(parser.add_subparsers())
    return parser.parse_args(["doctor", *words])


def host(etc: Path, *roles: str) -> Host:
    return read(Host(Places(etc=etc), frozenset(roles)))


def test_every_check_has_one_name_a_known_subject_known_roles_and_a_line_in_the_reference() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    for check in CHECKS:
        assert check.name.partition(".")[0] in output.SUBJECTS
        assert set(check.roles) <= set(ROLES)
        assert f"| `{check.name}` |" in doctor.reference()


def test_a_host_has_the_roles_whose_env_files_it_has(tmp_path: Path) -> None:
    assert installed_roles(tmp_path) == frozenset()
    (tmp_path / "relay.env").touch()
    (tmp_path / "worker.env").touch()
    assert installed_roles(tmp_path) == {PLEX_HOST, WORKER_ROLE}


def test_a_host_with_nothing_of_scaleplex_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(ScaleplexError, match=r"worker\.env"):
        doctor.run(parse("--etc", str(tmp_path)))


@pytest.mark.parametrize("words", [("--only", "storage.spaec"), ("--relay", "10.0.0.5"), ("--relay", "http://a/b")])
def test_a_misspelt_check_or_url_is_wrong_use(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "worker.env").touch()
    with pytest.raises(ScaleplexError):
        doctor.run(parse("--etc", str(tmp_path), *words))


def test_only_takes_a_check_or_a_subject() -> None:
    chosen = doctor.choose(["gpu", "ffmpeg.runs"], frozenset({WORKER_ROLE}))
    assert [check.name for check in chosen] == ["ffmpeg.runs", "gpu.nodes"]


def test_a_misspelt_setting_is_found_and_the_rest_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "worker.env").write_text("SCALEPLEX_WORKER_MAX_SESSION=2\nwhat is this\n")
    (files,) = [check for check in CHECKS if check.name == "settings.files"]
    found = running.run_all([files], host(tmp_path, WORKER_ROLE))
    assert [finding.severity for finding in found] == ["problem", "problem"]
    assert "did you mean SCALEPLEX_WORKER_MAX_SESSIONS" in found[1].seen
    (runs,) = [check for check in CHECKS if check.name == "ffmpeg.runs"]
    assert running.run_one(runs, host(tmp_path, WORKER_ROLE))[0].severity == "skipped"


def test_the_shims_settings_are_read_as_the_shim_reads_them(tmp_path: Path) -> None:
    (tmp_path / "shim.env").write_text('# a comment\nSCALEPLEX_SHIM_WORKERS_LIST="http://10.0.0.6:32481,junk"\n')
    (tmp_path / "relay.env").write_text("SCALEPLEX_RELAY_BIND=0.0.0.0:32482\n")
    found = host(tmp_path, PLEX_HOST)
    assert found.shim_settings().workers == ("http://10.0.0.6:32481",)
    assert found.relay_config().bind == "0.0.0.0:32482"
    assert len(found.problems["shim.env"]) == 1
    assert found.problems["relay.env"] == []


def test_a_secret_that_is_too_short_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "worker.env").touch()
    (tmp_path / "fleet-secret").write_text("short")
    found = host(tmp_path, WORKER_ROLE)
    assert "at least 16" in found.secret_problem
    assert found.secret is None


@pytest.mark.parametrize(
    ("bind", "address"),
    [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.0.0.5:1", "10.0.0.5:1"), ("127.0.0.1:1", "127.0.0.1:1")],
)
def test_a_service_is_called_where_it_listens(bind: str, address: str) -> None:
    assert dial(bind) == address


def test_checks_run_side_by_side_and_one_that_hangs_is_a_problem(tmp_path: Path) -> None:
    over = threading.Event()

    def hang(_: Host) -> list[Finding]:
        over.wait(20)
        return []

    made = [Check("storage.hangs", (), "", "", hang), Check("storage.well", (), "", "", lambda _: [ok("well")])]
    began = time.monotonic()
    found = running.run_all(made, Host(Places(), frozenset()), limit_seconds=0.2)
    over.set()
    assert time.monotonic() - began < 5
    assert [(finding.check, finding.severity) for finding in found] == [
        ("storage.hangs", "problem"),
        ("storage.well", "ok"),
    ]


def test_whatever_happens_in_a_check_becomes_a_finding() -> None:
    def fails(exc: Exception) -> Check:
        def run(_: Host) -> list[Finding]:
            raise exc

        return Check("storage.fails", (), "", "", run)

    host = Host(Places(), frozenset())
    severities = [
        running.run_one(fails(exc), host)[0].severity
        for exc in (Skip("not here"), PermissionError(13, "Permission denied", "/x"), ValueError("what"))
    ]
    assert severities == ["skipped", "problem", "problem"]


def test_findings_are_grouped_each_fix_under_what_it_mends_and_colour_only_on_a_terminal() -> None:
    found = [
        Finding("problem", "it leaks", "Mend it.", "storage.space"),
        Finding("ok", "it runs", "", "ffmpeg.runs"),
    ]
    text = output.table(found, [WORKER_ROLE], colour=False)
    lines = text.splitlines()
    place = next(i for i, line in enumerate(lines) if "it leaks" in line)
    assert lines[place + 1].strip() == "fix: Mend it."
    assert lines[-1] == "1 problem(s), 0 warning(s), 1 ok, 0 skipped"
    assert "\033" not in text
    assert "\033" in output.table(found, [WORKER_ROLE], colour=True)


def test_a_program_gets_every_finding_and_the_gravest_severity() -> None:
    value = json.loads(output.as_json([Finding("warning", "s", "f", "gpu.nodes")], [WORKER_ROLE]))
    assert value == {
        "roles": ["worker"],
        "worst": "warning",
        "findings": [{"check": "gpu.nodes", "severity": "warning", "seen": "s", "fix": "f"}],
    }


def test_a_problem_outweighs_a_warning_and_nothing_is_well() -> None:
    assert worst([ok(""), problem("", ""), warning("", "")]) == "problem"
    assert worst([]) == "ok"


def test_every_role_has_a_check_of_its_ports() -> None:
    (port,) = [check for check in checks.CHECKS if check.name == "service.port"]
    assert set(port.roles) == set(ROLES)
