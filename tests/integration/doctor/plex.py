"""A Plex host in a directory: a package under a private dpkg, the diversion, the shim, its library and settings."""

import shutil
import subprocess
from pathlib import Path

import scaleplex
from scaleplex.shim import stub

PROGRAM = "usr/lib/plexmediaserver/Plex Transcoder"
PYTHON = "/usr/bin/python3"


class PlexHost:
    """What the role for the Plex host leaves, below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.etc = root / "etc/scaleplex"
        self.directory = root / "usr/lib/plexmediaserver"
        self.program = root / PROGRAM
        self.real = root / f"{PROGRAM}.real"
        self.library = root / "usr/lib/scaleplex/shim"
        for path in (self.etc, root / "var/lib/dpkg/info", root / "var/lib/dpkg/updates", root / "var/log"):
            path.mkdir(parents=True, exist_ok=True)
        for name in ("status", "available"):
            (root / "var/lib/dpkg" / name).touch()

    @classmethod
    def like(cls, other: "PlexHost", root: Path) -> "PlexHost":
        """Return a copy of an installed one: much faster than dpkg."""
        shutil.copytree(other.root, root, dirs_exist_ok=True)
        root.chmod(0o755)
        host = cls(root)
        host.write_stub()
        return host

    def install(self) -> "PlexHost":
        """Install the package, divert its transcoder and put the shim in its place."""
        self.install_plex("1.0")
        self.divert()
        self.put_shim()
        return self

    def install_plex(self, version: str, name: str = "plexmediaserver", program: str = PROGRAM) -> None:
        """Install or upgrade a package whose program says its version."""
        tree = self.root / "build"
        target = tree / program
        target.parent.mkdir(parents=True)
        target.write_text(f"#!/bin/sh\necho {version}\n")
        target.chmod(0o755)
        control = tree / "DEBIAN/control"
        control.parent.mkdir()
        control.write_text(
            f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
            "Maintainer: nobody <nobody@localhost>\nDescription: test\n"
        )
        self._dpkg("dpkg-deb", "--root-owner-group", "-b", str(tree), str(self.root / "package.deb"))
        shutil.rmtree(tree)
        self._dpkg("dpkg", f"--root={self.root}", "--force-not-root", "-i", str(self.root / "package.deb"))
        (self.root / "package.deb").unlink()

    def divert(self) -> None:
        """Tell dpkg to unpack the transcoder beside the shim."""
        self._dpkg(
            "dpkg-divert", f"--root={self.root}", "--local", "--rename", "--divert", f"/{PROGRAM}.real", "--add",
            f"/{PROGRAM}",
        )  # fmt: skip

    def undivert(self) -> None:
        """Take the diversion back, leaving the files alone."""
        self._dpkg("dpkg-divert", f"--root={self.root}", "--local", "--no-rename", "--remove", f"/{PROGRAM}")

    def put_shim(self) -> None:
        """Install stub, library and settings."""
        source = Path(scaleplex.__file__).parent
        for name in ("__init__.py", "shim", "protocol"):
            target = self.library / "scaleplex" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            ignored = shutil.ignore_patterns("__pycache__")
            if (source / name).is_dir():
                shutil.copytree(source / name, target, ignore=ignored, dirs_exist_ok=True)
            else:
                shutil.copy(source / name, target)
        subprocess.run([PYTHON, "-m", "compileall", "-q", str(self.library)], check=True)
        self.settings.touch()
        self.write_stub()

    def write_stub(self) -> None:
        """Put the stub in the transcoder's place."""
        text = stub.stub(str(self.library), str(self.settings), PYTHON, runtime_dir=str(self.root / "run/scaleplex"))
        self.program.write_text(text)
        self.program.chmod(0o755)

    @property
    def settings(self) -> Path:
        return self.etc / "shim.env"

    def _dpkg(self, *words: str) -> None:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
