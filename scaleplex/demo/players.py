"""Installs the page's player libraries into the cache, and prints where: ``python -m scaleplex.demo.players``."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from scaleplex.common.errors import ScaleplexError
from scaleplex.demo.tools import ToolMissingError, cache_dir

PAGE_DIR = Path(__file__).parent / "page"
LISTS = ("package.json", "package-lock.json")
SCRIPTS = ("dashjs/dist/modern/umd/dash.all.min.js", "hls.js/dist/hls.min.js")
INSTALL_SECONDS = 300


class PlayersNotInstalled(ScaleplexError):
    """npm could not install the players."""


def players_key() -> str:
    """Return the key of the versions: it changes with the lock file."""
    return hashlib.sha256(b"".join((PAGE_DIR / name).read_bytes() for name in LISTS)).hexdigest()[:16]


def ensure_players() -> Path:
    """Return the ``node_modules`` that holds dash.js and hls.js, and install it when it is not there yet.

    Raises:
        PlayersNotInstalled: npm failed.
        ToolMissingError: there is no npm.
    """
    root = cache_dir() / "players"
    target = root / players_key()
    modules = target / "node_modules"
    if complete(modules):
        return modules
    root.mkdir(parents=True, exist_ok=True)
    with (root / f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete(modules):
            install(target)
    return modules


def complete(modules: Path) -> bool:
    return all((modules / script).is_file() for script in SCRIPTS)


def install(target: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ToolMissingError(detail="npm is missing: it fetches the demo's players.", hint="apt-get install npm")
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    for name in LISTS:
        shutil.copyfile(PAGE_DIR / name, part / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=part, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode or not complete(part / "node_modules"):
        raise PlayersNotInstalled(
            detail=f"npm ci ended with {done.returncode}: {done.stderr.strip()[-600:]}",
            hint="Check that npm reaches its registry (npm ping), then run python -m scaleplex.demo.players again.",
        )
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)


def main() -> int:
    """Print the directory; 1 with the reason when there is none."""
    try:
        print(ensure_players())
    except ScaleplexError as error:
        print(f"{error.detail}\n{error.hint}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
