"""A whole fleet on loopback for the doctor to look at, and directories other accounts can reach."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scaleplex.cli.doctor import accounts
from scaleplex.cli.doctor.accounts import Account
from tests.integration.doctor.plex import PlexHost
from tests.integration.relay.plex import FakePlex
from tests.integration.relay.service import Service
from tests.integration.worker.conftest import fake_program


@dataclass(frozen=True, slots=True)
class Fleet:
    """Relay, worker and orchestrator under gunicorn, each with the same secret, and what they share."""

    root: Path
    relay: Service
    worker: Service
    orchestrator: Service
    plex: FakePlex

    @property
    def transcode(self) -> Path:
        return self.root / "transcode"

    @property
    def media(self) -> Path:
        return self.root / "media"

    @property
    def runtime(self) -> Path:
        return self.root / "run"


def make_fleet(root: Path) -> Iterator[Fleet]:
    """Start a fleet below a directory and stop it in the end."""
    root.chmod(0o755)
    for name in ("transcode", "media", "state", "run/jobs", "worker", "relay", "orchestrator"):
        (root / name).mkdir(parents=True)
    program = fake_program(root)
    plex = FakePlex()
    places = {"RUNTIME_DIR": str(root / "run"), "STATE_DIR": str(root / "state")}
    relay = Service("relay", root / "relay", {"PLEX_URL": plex.url, **places})
    settings = {
        "FFMPEG": str(program),
        "FFPROBE": str(program),
        "STATE_DIR": str(root / "state"),
        "MEDIA_ROOTS": str(root / "media"),
        "TRANSCODE_ROOT": str(root / "transcode"),
        "WARM_UP": "0",
    }
    worker = Service("worker", root / "worker", settings)
    listed = {"WORKERS_LIST": worker.url, "POLL_SECONDS": "0.1"}
    orchestrator = Service("orchestrator", root / "orchestrator", listed)
    try:
        yield Fleet(root, relay.start(), worker.start(), orchestrator.start(), plex)
    finally:
        for service in (orchestrator, worker, relay):
            service.stop()
        plex.down()


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    with tempfile.TemporaryDirectory(prefix="scaleplex-doctor-") as directory:
        yield from make_fleet(Path(directory))


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A directory every account can look into; pytest's own cannot be entered by others."""
    directory = Path(tempfile.mkdtemp(prefix="scaleplex-doctor-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def me() -> Account:
    return accounts.myself()


@pytest.fixture
def other() -> Account:
    """An account that is not the one the tests run as."""
    if os.geteuid() != 0:
        pytest.skip("only root can try what another account may do")
    return accounts.find("nobody")


@pytest.fixture
def mount_tmpfs(open_dir: Path) -> Iterator[Callable[..., Path]]:
    """Mount small file systems; they are unmounted in the end."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    mounted: list[Path] = []

    def mount(name: str, options: str) -> Path:
        path = open_dir / name
        path.mkdir()
        done = accounts.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)])
        if done.code != 0:
            pytest.skip(f"cannot mount here: {done.last_words}")
        mounted.append(path)
        return path

    yield mount
    for path in mounted:
        accounts.run(["umount", str(path)])


@pytest.fixture(scope="session")
def installed_plex() -> Iterator[PlexHost]:
    if os.geteuid() != 0:
        pytest.skip("only root can use dpkg, even in a directory of its own")
    with tempfile.TemporaryDirectory(prefix="scaleplex-doctor-") as directory:
        yield PlexHost(Path(directory)).install()


@pytest.fixture
def plex(installed_plex: PlexHost, open_dir: Path) -> PlexHost:
    """A Plex host as the role leaves it, to be broken."""
    return PlexHost.like(installed_plex, open_dir)
