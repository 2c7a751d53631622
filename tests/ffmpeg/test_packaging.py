"""The package installs beside the distribution's ffmpeg, runs, and goes away without a trace.

All of it happens in a root of its own that lies over this machine's and is forgotten: see tests/support/throwaway.py.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ffmpeg.programs import build_dir
from tests.support.throwaway import CannotMountError, ThrowAway, throw_away_root

PACKAGE = "scaleplex-ffmpeg7"
INSTALLED = "/usr/lib/scaleplex-ffmpeg"
DEB = "/package.deb"

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("dpkg"), reason="installing a package needs root and dpkg"
)


@pytest.fixture
def deb() -> Path:
    """The built package."""
    (built,) = build_dir().resolve().glob("*.deb")
    return built


@pytest.fixture
def root(tmp_path: Path, deb: Path) -> Iterator[ThrowAway]:
    """A root with the package file in it, where the package is not installed."""
    before = on_this_machine()
    try:
        with throw_away_root(tmp_path) as made:
            made.put(deb, DEB)
            made.run("dpkg", "-P", PACKAGE)  # as this machine may have it
            yield made
    except CannotMountError as exc:
        pytest.skip(f"cannot mount here: {exc}")
    assert on_this_machine() == before


def on_this_machine() -> tuple[object, ...]:
    """Return what this machine's own package database and file system know of the package."""
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", PACKAGE]
    lists = sorted(path.name for path in Path("/var/lib/dpkg/info").glob(f"{PACKAGE}.*"))
    known = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    return known, lists, Path(INSTALLED).exists(), Path(DEB).exists(), list(Path("/usr/share/doc").glob(PACKAGE))


def dpkg(root: ThrowAway, *arguments: str) -> None:
    done = root.run("dpkg", *arguments)
    assert done.returncode == 0, done.stderr


def output(root: ThrowAway, *command: str) -> str:
    return root.run(*command).stdout


def files_of(root: ThrowAway, package: str) -> set[str]:
    listed = output(root, "dpkg-query", "-L", package)
    return set(output(root, "sh", "-c", 'for file in $1; do [ -d "$file" ] || echo "$file"; done', "x", listed).split())


def test_the_package_installs_runs_and_leaves_nothing_behind(root: ThrowAway) -> None:
    for goodbye in ("-r", "-P"):
        dpkg(root, "-i", DEB)
        assert output(root, "dpkg-query", "-W", "-f", "${db:Status-Status}", PACKAGE) == "installed"
        for program in ("ffmpeg", "ffprobe"):
            assert output(root, f"{INSTALLED}/{program}", "-version").startswith(f"{program} version 7.1")
        assert output(root, "dpkg", "--verify", PACKAGE) == ""
        dpkg(root, goodbye, PACKAGE)
        assert root.run("ls", INSTALLED).returncode != 0
        assert root.run("ls", f"/usr/share/doc/{PACKAGE}").returncode != 0


def test_the_distributions_ffmpeg_is_not_touched(root: ThrowAway) -> None:
    theirs = ("ffmpeg", "libavcodec59", "libavcodec60", "libavcodec61")

    def seen() -> dict[str, tuple[str, str]]:
        query = ("dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}")
        return {name: (output(root, *query, name), output(root, "dpkg", "--verify", name)) for name in theirs}

    before = seen()
    dpkg(root, "-i", DEB)
    ours = files_of(root, PACKAGE)
    assert ours
    assert all(name.startswith((f"{INSTALLED}/", f"/usr/share/doc/{PACKAGE}/")) for name in ours)
    assert not ours & set().union(*(files_of(root, name) for name in theirs))
    assert seen() == before


def test_the_package_asks_for_no_library_of_another_ffmpeg(deb: Path) -> None:
    query = ["dpkg-deb", "-f", str(deb), "Depends"]
    depends = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    assert "libx264" in depends
    assert not [name for name in ("libavcodec", "libavformat", "libavfilter", "libavutil") if name in depends]
