"""What starting the shim costs: every module it loads is on a list, under every python3 it may meet.

How long it takes is measured by ``python -m tests.bench``: time never decides a test.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.shim.fakes import ARGS, LOCAL_ARGS, PYTHON, Host, Server, exit_frame, place, spawned, stream

OURS = {
    "scaleplex",
    "scaleplex.protocol",
    "scaleplex.protocol.wire",
    "scaleplex.shim",
    *(
        f"scaleplex.shim.{name}"
        for name in (
            "classify",
            "config",
            "fallback",
            "http",
            "jobfile",
            "journal",
            "listing",
            "main",
            "placement",
            "playback",
        )
    ),
}
# C modules, and what 3.13 and newer load themselves to run a script.
ALLOWED = OURS | {"_json", "_sha256", "_sha2", "_socket", "errno", "fcntl", "select", "time"}
VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


def interpreter(version: str) -> str:
    """Return a python3 of a version on this machine, or skip."""
    names = [PYTHON, sys.executable, shutil.which(f"python{version}") or ""]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    names += sorted(str(path) for path in pyenv.glob(f"{version}.*/bin/python3"))
    for name in filter(os.path.exists, filter(None, names)):
        command = [name, "-IS", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.stdout.strip() == version:
            return name
    pytest.skip(f"no python{version} on this machine")


def modules(command: list[str], host: Host) -> set[str]:
    done = subprocess.run(command, cwd=host.session_dir, env={}, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3, 7), done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.split("|")[-1].strip() for line in lines[1:]}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_transcode_loads_the_allowed_modules_only(version: str, tmp_path: Path) -> None:
    python = interpreter(version)
    host = Host(tmp_path)
    worker = Server(stream(spawned(), exit_frame(3)))
    orchestrator = Server(place(worker.url))
    try:
        host.configure(orchestrators=orchestrator.url)
        bare = modules([python, "-IS", "-X", "importtime", "-c", "pass"], host)
        script = host.base / "empty.py"
        script.write_text("")
        bare |= modules([python, "-IS", "-X", "importtime", str(script)], host)
        loaded = modules([python, "-IS", "-X", "importtime", str(host.shim), *ARGS], host)
    finally:
        worker.close()
        orchestrator.close()
    assert worker.requests, "the shim did not come as far as the task"
    assert loaded >= OURS
    assert loaded - bare - ALLOWED == set()


@pytest.mark.parametrize("version", VERSIONS)
def test_the_shim_works_under_every_python3_it_may_meet(version: str, tmp_path: Path) -> None:
    host = Host(tmp_path, interpreter(version))
    worker = Server(stream(spawned(), (b"O", bytes(range(256))), exit_frame(3)))
    orchestrator = Server(place(worker.url))
    try:
        host.configure(orchestrators=orchestrator.url)
        done = host.run()
    finally:
        worker.close()
        orchestrator.close()
    assert (done.code, done.stdout) == (3, bytes(range(256)))
    assert host.run(LOCAL_ARGS).code == 7


def test_the_stub_is_short_enough_to_be_compiled_at_every_start(tmp_path: Path) -> None:
    for_python = Host(tmp_path).shim.read_text().rpartition("'''")[2]
    compiled, _, last_resort = for_python.partition('exec(r"""')
    assert last_resort
    assert len(compiled.splitlines()) < 35
