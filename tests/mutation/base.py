"""What changed since the commit that was last known to be good."""

import os
import re
import subprocess
from pathlib import Path

from tests.mutation.slot import ROOT


def base(named: str = "") -> str:
    """Return the commit to compare with.

    Args:
        named: this one. Empty: the one that last passed on this machine, or where the branch left main, or the one
            before.
    """
    if named:
        return git("rev-parse", "--verify", f"{named}^{{commit}}").strip()
    here = git("rev-parse", "HEAD").strip()
    for commit in (_passed(), _said("merge-base", "origin/main", "HEAD"), _said("merge-base", "main", "HEAD")):
        if commit and commit != here and _said("merge-base", commit, "HEAD") == commit:
            return commit
    return _said("rev-parse", "--verify", "HEAD~1") or here


def changed_lines(commit: str, root: Path = ROOT) -> dict[str, set[int]]:
    """Return the files below scaleplex that differ from a commit, with the numbers of their new lines."""
    found: dict[str, set[int]] = {}
    path = ""
    words = ("diff", "--unified=0", "--no-color", "--no-ext-diff", commit, "--", "scaleplex")
    for line in git(*words, root=root).splitlines():
        if line.startswith("+++ "):
            path = line.removeprefix("+++ b/")
        elif hunk := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            found.setdefault(path, set()).update(range(first, first + count))
    return found


def _passed() -> str:
    own = os.environ.get("SCALEPLEX_CACHE")
    cache = Path(own or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scaleplex")
    try:
        return _said("rev-parse", "--verify", f"{(cache / 'ci-passed').read_text().strip()}^{{commit}}")
    except OSError:
        return ""


def _said(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def git(*words: str, root: Path = ROOT) -> str:
    """Return what git prints."""
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout
