"""The demo itself: a fleet on loopback, a browser that plays and seeks, and a table of what was seen."""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaleplex.common.errors import ScaleplexError
from scaleplex.demo import browser
from scaleplex.demo.browser import Played
from scaleplex.demo.fleet import Fleet
from scaleplex.demo.media import ensure_library
from scaleplex.demo.players import ensure_players

PROTOCOLS = ("dash", "hls")
SEEK_TO_SECONDS = 45.0  # of 60: three quarters, and beyond what has been made by then
WATCH_SECONDS = 2.0
# PMS lets a transcode run 60 s ahead, which is the whole clip; a far seek must find it unfinished.
DEMO_SETTINGS = {"THROTTLE_BUFFER_SECONDS": "10"}
HEADINGS = (
    *("player", "worker", "click to first frame", "seek to first frame", "frames seen", "speed", "dropped"),
    *("frame numbers", "breaches"),
)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    played: Played
    workers: tuple[str, ...]
    speed: float | None
    violations: tuple[str, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        played = self.played
        return (
            {"dash": "DASH, dash.js", "hls": "HLS, hls.js"}[played.protocol],
            ", ".join(self.workers) or "-",
            f"{played.start.first_frame_ms / 1000:.2f} s",
            f"{played.seek.first_frame_ms / 1000:.2f} s",
            f"{played.start.frames} + {played.seek.frames}",
            f"{self.speed:.1f}x" if self.speed is not None else "-",
            f"{played.dropped} of {played.total}",
            "all right" if played.right else "WRONG",
            str(len(self.violations)),
        )

    @property
    def holes(self) -> list[str]:
        """Return what is missing or wrong in this row, as sentences."""
        played, name = self.played, self.played.protocol.upper()
        out = []
        if not self.workers:
            out.append(f"{name}: no worker ran it.")
        if not played.start.frames or not played.seek.frames:
            out.append(f"{name}: no frames were seen.")
        elif not played.right:
            out.append(f"{name}: frame numbers do not agree with the time line: {played.start}, {played.seek}.")
        if self.speed is None:
            out.append(f"{name}: no speed was reported.")
        if not played.audio_bytes:
            out.append(f"{name}: no sound was decoded.")
        out += [f"{name}: the player complained: {words}." for words in played.errors]
        out += [f"{name}: breach of Plex's contract: {words}." for words in self.violations]
        return out


def run(*, once: bool, keep: Path | None, output: Path | None, say: Say = print) -> int:
    """Show the demo and return the exit code.

    Args:
        once: end after the table; otherwise, on a terminal, stay up until Ctrl-C.
        keep: where the fleet's files (logs, sessions, settings) stay; a temporary directory that is removed otherwise.
        output: where screenshots and the report go; a fresh directory below /tmp otherwise.
        say: takes each line meant for the person.

    Raises:
        ScaleplexError: something needed is missing, or a part did not come up.
    """
    folder = output or Path(tempfile.mkdtemp(prefix="scaleplex-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    media = ensure_library(say=lambda line: print(line, file=sys.stderr))
    started = time.monotonic()
    with Fleet.running(base=keep, media_dir=media, players_dir=ensure_players(), pms_settings=DEMO_SETTINGS) as fleet:
        say(f"A Plex stand-in, a relay, an orchestrator and {len(fleet.workers)} workers run on this machine.")
        rows, holes = play_all(fleet, folder)
        report = fleet.report()
        (folder / "report.json").write_text(json.dumps(report, indent=1))
        say("\n" + table([HEADINGS, *(row.cells for row in rows)]) + "\n")
        holes += [hole for row in rows for hole in row.holes]
        say(f"Screenshots and the stand-in's report: {folder}")
        say(f"Took {time.monotonic() - started:.1f} s.")
        for hole in holes:
            print(hole, file=sys.stderr)
        if not once and sys.stdin.isatty() and sys.stdout.isatty():
            say(f"Watch it yourself: {fleet.pms.url}/  (Ctrl-C ends it)")
            wait_for_ctrl_c()
    return 1 if holes else 0


def play_all(fleet: Fleet, folder: Path) -> tuple[list[Row], list[str]]:
    """Play the first clip with both players; return the table's rows, and what failed before there was one."""
    rows, failures = [], []
    with browser.open_page(fleet.pms.url) as page:
        for protocol in PROTOCOLS:
            shot = folder / f"{protocol}.png"
            try:
                played = browser.play(page, protocol, SEEK_TO_SECONDS, WATCH_SECONDS, shot)
            except browser.PlaybackFailed as failure:
                page.screenshot(path=str(shot))
                failures.append(failure.detail)
                failures += [f"{v['code']}: {v['detail']}" for v in violations_of(fleet.report(), None)]
            else:
                rows.append(row_of(fleet, played))
            browser.stop(page)
    return rows, failures


def row_of(fleet: Fleet, played: Played) -> Row:
    report = fleet.report()
    jobs: list[dict[str, Any]] = [job for job in list_of(report, "jobs") if job["session"] == played.session]
    speeds = [float(q["speed"]) for job in jobs for _, kind, q, _ in job["callbacks"] if "speed" in q]
    workers = {fleet.worker_name(job["worker"]): None for job in jobs if job["worker"]}
    breaches = [f"{v['code']}: {v['detail']}" for v in violations_of(report, played.session)]
    return Row(played, tuple(workers), statistics.median(speeds) if speeds else None, tuple(breaches))


def list_of(report: dict[str, object], key: str) -> list[dict[str, Any]]:
    value = report[key]
    assert isinstance(value, list)
    return value


def violations_of(report: dict[str, object], session: str | None) -> list[dict[str, Any]]:
    return [v for v in list_of(report, "violations") if session in (None, v["session"])]


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows with aligned columns; the first is the heading."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def wait_for_ctrl_c() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return


def explain(error: ScaleplexError, say: Say) -> int:
    """Say why the demo could not run, and return the exit code."""
    say(error.detail)
    say(error.hint)
    return 1
