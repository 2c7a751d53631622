"""The package installs beside the distribution's ffmpeg, runs, and goes away without a trace. Needs root."""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ffmpeg.programs import build_dir

PACKAGE = "scaleplex-ffmpeg7"
INSTALLED = Path("/usr/lib/scaleplex-ffmpeg")

pytestmark = [
    pytest.mark.xdist_group("dpkg"),
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("dpkg"), reason="installing a package needs root and dpkg"
    ),
]


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout


def dpkg(*arguments: str) -> None:
    """Run dpkg; wait for whoever holds its lock."""
    deadline = time.monotonic() + 120
    while True:
        ended = subprocess.run(["dpkg", *arguments], capture_output=True, text=True, timeout=120, check=False)
        if "lock" not in ended.stderr or time.monotonic() > deadline:
            break
        time.sleep(1)
    assert ended.returncode == 0, ended.stderr


def status(package: str) -> str:
    return output("dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package)


def files_of(package: str) -> set[str]:
    return {line for line in output("dpkg-query", "-L", package).splitlines() if not Path(line).is_dir()}


@pytest.fixture
def only_one() -> Iterator[None]:
    """Keep other test runs on this machine out: what one finds installed would be the doing of the other."""
    with Path(tempfile.gettempdir(), f"{PACKAGE}.test-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def deb(only_one: None) -> Iterator[Path]:
    """The built package; afterwards it is installed if and only if it was before."""
    (built,) = build_dir().resolve().glob("*.deb")
    before = status(PACKAGE)
    version = output("dpkg-deb", "-f", str(built), "Version").strip()
    if before.startswith("installed") and before != f"installed {version}":
        pytest.skip(f"{PACKAGE} is here as {before}, and could not be put back")
    yield built
    if before.startswith("installed"):
        dpkg("-i", str(built))
    elif status(PACKAGE).startswith("installed"):
        dpkg("-P", PACKAGE)


def test_the_package_installs_runs_and_leaves_nothing_behind(deb: Path) -> None:
    for goodbye in ("-r", "-P"):
        dpkg("-i", str(deb))
        for program in ("ffmpeg", "ffprobe"):
            assert output(str(INSTALLED / program), "-version").startswith(f"{program} version 7.1")
        assert output("dpkg", "--verify", PACKAGE) == ""
        dpkg(goodbye, PACKAGE)
        assert not INSTALLED.exists()
        assert not Path("/usr/share/doc", PACKAGE).exists()


def test_the_distributions_ffmpeg_is_not_touched(deb: Path) -> None:
    theirs = ("ffmpeg", "libavcodec59", "libavcodec60", "libavcodec61")
    before = {name: (status(name), output("dpkg", "--verify", name)) for name in theirs}
    dpkg("-i", str(deb))
    ours = files_of(PACKAGE)
    assert all(name.startswith((f"{INSTALLED}/", f"/usr/share/doc/{PACKAGE}/")) for name in ours)
    assert not ours & set().union(*(files_of(name) for name in theirs))
    assert {name: (status(name), output("dpkg", "--verify", name)) for name in theirs} == before


def test_the_package_asks_for_no_library_of_another_ffmpeg(deb: Path) -> None:
    depends = output("dpkg-deb", "-f", str(deb), "Depends")
    assert "libx264" in depends
    assert not [name for name in ("libavcodec", "libavformat", "libavfilter", "libavutil") if name in depends]
