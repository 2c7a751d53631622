"""The order of `.ci/run`, with programs in place of ./dev and tests/hosts/run that note what is asked of them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# `setup` is the long one: it ends only when the checks are over, so a run that awaited it first would never end.
# The checks end only when it has begun, so that there is something to end with them.
DEV = """\
#!/bin/sh
echo "$*" >>"$LOG"
case "$1" in
  check)
    until [ -s setup.pid ]; do sleep 0.02; done
    touch checked
    exit "${CHECK:-0}"
    ;;
  setup)
    [ "$2" != --light ] || exit 0
    echo $$ >setup.pid
    until [ -e checked ]; do sleep 0.02; done
    sleep "${SETUP:-0}"
    ;;
esac
"""
HOSTS = """\
#!/bin/sh
case "$1" in
  --rest) echo upgrade ;;
  *) echo "hosts $*" >>"$LOG" ;;
esac
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "repository"
    for name, text in (("dev", DEV), ("tests/hosts/run", HOSTS)):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
        (place / name).chmod(0o755)
    shutil.copytree(ROOT / ".ci", place / ".ci")
    (tmp_path / "cache").mkdir()
    git = ("git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    subprocess.run([*git, "init", "--quiet"], cwd=place, check=True)
    subprocess.run([*git, "add", "."], cwd=place, check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "one"], cwd=place, check=True)
    return place


def run(repository: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    log = repository.parent / "log"
    variables = os.environ | {"LOG": str(log), "SCALEPLEX_CACHE": str(repository.parent / "cache")} | environ
    return subprocess.run([".ci/run"], cwd=repository, env=variables, capture_output=True, text=True, check=False)


def asked(repository: Path) -> list[str]:
    return (repository.parent / "log").read_text().splitlines()


def test_the_checks_run_while_the_long_set_up_does_and_the_rest_follows(repository: Path) -> None:
    done = run(repository)
    assert done.returncode == 0, done.stdout + done.stderr
    said = asked(repository)
    assert said[0] == "setup --light"
    assert set(said[1:4]) == {"setup", "check", "hosts --caches"} if os.geteuid() == 0 else {"setup", "check"}
    rest = ["test --slow-slice 1/20", "mutants --changed", "molecule", "molecule --one upgrade"]
    assert [line for line in said if line in rest] == rest
    assert "part 1/20 of the slow tests and upgrade" in done.stdout
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True, check=True)
    assert (repository.parent / "cache/ci-passed").read_text() == head.stdout


def test_a_check_that_fails_ends_the_run_and_what_runs_beside_it(repository: Path) -> None:
    done = run(repository, CHECK="1", SETUP="600")
    assert done.returncode == 1
    assert not [line for line in asked(repository) if line.startswith(("test", "molecule", "mutants"))]
    pid = (repository / "setup.pid").read_text().strip()
    assert not Path("/proc", pid).exists()
    assert not (repository.parent / "cache/ci-passed").exists()
