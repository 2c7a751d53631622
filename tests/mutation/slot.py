"""A copy of the tree to put a mutant into, and pytest run on it so that every process of the tests runs the mutant.

The copy has a virtual environment of its own, which finds the copy first and then what the real one has installed: a
service started by ``sys.executable`` runs the mutant too, whatever environment and directory the test gives it.
The rest of the repository is linked.
"""

import gc
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import count
from pathlib import Path
from types import TracebackType

from tests.mutation import warden

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("scaleplex", "tests")

#: pytest's exit codes: a test failed, or a test file could not be imported.
_FAILED = (1, 2)
#: Seconds since the epoch of the first file written; far from any real one, so that no compiled file seems current.
_FIRST_TIME = 1_000_000_000


class Verdict(Enum):
    """What the tests said."""

    PASSED = "passed"
    FAILED = "failed"
    TOO_LONG = "too long"
    NO_TESTS = "no tests"


class Slot:
    """One copy of the tree; a context manager that removes it."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="scaleplex-mutant-"))
        self.tree = self.home / "tree"
        self._times = count(_FIRST_TIME)
        self._fill()
        self._make_environment()

    def __enter__(self) -> "Slot":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Remove the copy."""
        _unmount(self.home)
        shutil.rmtree(self.home, ignore_errors=True)

    def _fill(self) -> None:
        self.tree.mkdir()
        skipped = shutil.ignore_patterns("__pycache__", "node_modules", "*.so")
        for entry in ROOT.iterdir():
            if entry.name in COPIED:
                shutil.copytree(entry, self.tree / entry.name, ignore=skipped, symlinks=True)
            elif entry.name not in (".git", ".venv"):
                (self.tree / entry.name).symlink_to(entry)

    def _make_environment(self) -> None:
        """Make a virtual environment by hand; the module venv would copy pip for two seconds."""
        place = self.home / "python"
        packages = place / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
        packages.mkdir(parents=True)
        (place / "bin").mkdir()
        self.python = place / "bin" / "python"
        base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
        self.python.symlink_to(base)
        (place / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
        real = sysconfig.get_path("purelib")
        (packages / "tree.pth").write_text(f"{self.tree}\nimport site; site.addsitedir({real!r})\n")

    def write(self, path: str, text: str) -> None:
        """Put a text in place of a file.

        Args:
            path: below the repository.
        """
        file = self.tree / path
        file.write_text(text, encoding="utf-8")
        when = next(self._times)
        os.utime(file, (when, when))

    def restore(self, path: str) -> None:
        """Put the file of the repository back."""
        self.write(path, (ROOT / path).read_text(encoding="utf-8"))

    def run(
        self,
        tests: Sequence[str],
        seconds: float,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        stop: bool = True,
    ) -> tuple[Verdict, str]:
        """Run tests, and end every process they leave.

        Args:
            tests: files or tests, as pytest takes them.
            seconds: that all of them may take.
            arguments: more of them for pytest.
            environ: variables that are added.
            stop: at the first test that fails.

        Returns:
            The verdict, and what pytest printed.
        """
        scratch = self.home / "tmp"
        scratch.mkdir()
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "PYTHON"))}
        variables = kept | {"TMPDIR": str(scratch)} | dict(environ or {})
        command = [str(self.python), "-m", "pytest", "-q", "-p", "no:xdist", "--no-header", "-m", "not slow"]
        command += [*(["-x"] if stop else []), f"--basetemp={scratch / 'pytest'}", *arguments, *tests]
        output = self.home / "output"
        try:
            with output.open("wb") as sink:
                code = warden.run(command, self.tree, variables, sink.fileno(), seconds)
        finally:
            _unmount(scratch)
            shutil.rmtree(scratch, ignore_errors=True)
        return _verdict(code), output.read_text(errors="replace")


def leave_nothing_when_ended() -> None:
    """Have SIGTERM end this process with the copies it has made; what runs in them ends with it."""

    def end(*_: object) -> None:
        # Not by an exception: it would wait for the tests that run.
        for slot in [found for found in gc.get_objects() if isinstance(found, Slot)]:
            shutil.rmtree(slot.home, ignore_errors=True)
        os._exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)


def _verdict(code: int | None) -> Verdict:
    if code is None:
        return Verdict.TOO_LONG
    if code == 0:
        return Verdict.PASSED
    return Verdict.FAILED if code in _FAILED or code < 0 else Verdict.NO_TESTS


def _unmount(place: Path) -> None:
    """Unmount what a test that was ended had mounted."""
    mounts = [line.split(" ")[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if mount.startswith(f"{place}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False)
