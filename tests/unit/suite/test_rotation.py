"""What the quick tier leaves out is chosen by the commit so that a run of commits goes through all of it."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
IDENTITY = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")


def words(*command: str, cwd: Path) -> list[str]:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout.split()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of 40 commits with the scripts and the names of all scenarios."""
    place = tmp_path / "repository"
    scenarios = [f"molecule/{path.parent.name}/molecule.yml" for path in ROOT.glob("molecule/*/molecule.yml")]
    for name in [".ci/rotation", "tests/hosts/run", "tests/hosts/conftest.py", *scenarios]:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, place / name)
    words("git", "init", "--quiet", cwd=place)
    words("git", "add", ".", cwd=place)
    for number in range(40):
        words("git", *IDENTITY, "commit", "--quiet", "--allow-empty", "--message", str(number), cwd=place)
    return place


def test_commits_in_a_row_go_through_all_that_the_quick_tier_leaves_out(repository: Path) -> None:
    commits = words("git", "rev-list", "HEAD", cwd=repository)
    slow = [word for commit in commits[:20] for word in words(".ci/rotation", "slow", commit, cwd=repository)]
    assert sorted(slow) == sorted(f"{part}/20" for part in range(20))
    rest = words("tests/hosts/run", "--rest", cwd=repository)
    assert {"upgrade", "rollback", "test_uninstall.py", "test_wrong_input.py"} <= set(rest)
    hosts = [word for commit in commits[: len(rest)] for word in words(".ci/rotation", "hosts", commit, cwd=repository)]
    assert sorted(hosts) == sorted(rest)
    every = {path.parent.name for path in ROOT.glob("molecule/*/molecule.yml")}
    every |= {path.name for path in ROOT.glob("tests/hosts/test_*.py")}
    collected = {path.name for path in ROOT.glob("tests/hosts/test_*.py")} - set(rest)
    quick = {"fleet"}
    assert every == set(rest) | collected | quick


def test_a_clone_without_a_past_is_not_stuck_at_one_part(repository: Path, tmp_path: Path) -> None:
    parts = set()
    for commit in words("git", "rev-list", "HEAD", cwd=repository)[:12]:
        words("git", "branch", "--force", "one", commit, cwd=repository)
        clone = tmp_path / commit
        words("git", "clone", "--quiet", "--depth=1", "--branch=one", repository.as_uri(), str(clone), cwd=tmp_path)
        parts |= set(words(".ci/rotation", "slow", cwd=clone))
    assert len(parts) > 1
