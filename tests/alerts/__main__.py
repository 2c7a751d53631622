"""Try rules, dashboard and alert tests with promtool: ``python -m tests.alerts``; part of ``./dev check``.

promtool is in the package ``prometheus`` of Debian and Ubuntu. It is taken out of the package file, which is not
installed, so that no server is started and nothing on this machine changes.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from tests.alerts import DASHBOARD, REPOSITORY, RULES
from tests.alerts.queries import dashboard_queries

PACKAGE = "prometheus"


def cache() -> Path:
    """Return the directory where promtool is kept."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("SCALEPLEX_CACHE") or f"{home}/scaleplex") / "promtool"


def promtool() -> str:
    """Return the path of promtool: the one on PATH, the one kept from earlier, or a new one.

    Raises:
        CalledProcessError: the package cannot be downloaded.
    """
    found = shutil.which("promtool")
    kept = cache() / "promtool"
    if found or kept.exists():
        return found or str(kept)
    cache().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache()) as name:
        try:
            download(name)
        except subprocess.CalledProcessError:
            as_root = [] if os.geteuid() == 0 else ["sudo"]
            subprocess.run([*as_root, "apt-get", "-q", "-o", "DPkg::Lock::Timeout=600", "update"], check=True)
            download(name)
        package = next(Path(name).glob("*.deb"))
        subprocess.run(["dpkg-deb", "-x", package, f"{name}/content"], check=True)
        Path(name, "content/usr/bin/promtool").rename(kept)
    return str(kept)


def download(directory: str) -> None:
    """Download the package file into a directory."""
    subprocess.run(["apt-get", "-q", "download", PACKAGE], cwd=directory, check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    """Run everything and return an exit code."""
    tool = promtool()
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        # promtool reads queries only as rules.
        rules = [{"record": f"dashboard:{n}", "expr": query} for n, query in enumerate(dashboard_queries(DASHBOARD))]
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        file.flush()
        checks = [
            subprocess.run([tool, "check", "rules", path], check=False).returncode for path in (str(RULES), file.name)
        ]
    tests = sorted(str(path) for path in (REPOSITORY / "tests/alerts").glob("*.yml"))
    tried = subprocess.run([tool, "test", "rules", *tests], check=False).returncode
    return 1 if any([*checks, tried]) else 0


if __name__ == "__main__":
    sys.exit(main())
