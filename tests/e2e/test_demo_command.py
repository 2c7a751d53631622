"""``scaleplex demo`` leaves nothing behind, however it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scaleplex.demo.measure import time_until
from scaleplex.demo.players import ensure_players
from scaleplex.demo.tools import ToolMissingError, find_chromium, find_ffmpeg

pytestmark = [pytest.mark.browser, pytest.mark.ffmpeg, pytest.mark.slow, pytest.mark.xdist_group("fleet")]
COMMAND = [sys.executable, "-m", "scaleplex.cli.main", "demo", "--once"]
LIMIT_SECONDS = 90.0
STOP_SECONDS = 20.0


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    """Skip where the demo cannot run."""
    try:
        find_chromium()
        find_ffmpeg()
        ensure_players()
    except ToolMissingError as missing:
        pytest.skip(str(missing))


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of processes that work in a fleet's directory or below it."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd").startswith(str(folder)):
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_the_demo_ends_well_with_a_table_and_screenshots(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--keep", str(tmp_path / "fleet"), "--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DASH, dash.js" in done.stdout
    assert "HLS, hls.js" in done.stdout
    assert "WRONG" not in done.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"dash.png", "hls.png", "report.json"}
    assert processes_of(tmp_path / "fleet") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_demo_that_is_ended_in_the_middle_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    fleet = tmp_path / "fleet"
    demo = subprocess.Popen([*COMMAND, "--keep", str(fleet), "--output", str(tmp_path / "out")], stderr=subprocess.PIPE)
    sessions = fleet / "transcode/Transcode/Sessions"
    assert time_until(lambda: sessions.exists() and any(sessions.iterdir()), LIMIT_SECONDS) < LIMIT_SECONDS
    time.sleep(0.5)  # in the middle of a transcode
    demo.send_signal(number)
    demo.communicate(timeout=STOP_SECONDS)
    assert demo.returncode != 0
    assert time_until(lambda: processes_of(fleet) == [], STOP_SECONDS) < STOP_SECONDS
