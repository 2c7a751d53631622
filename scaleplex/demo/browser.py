"""Plays a clip on the demo's page in headless Chromium: a click on Play, some seconds, one far seek, a screenshot."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from scaleplex.common.errors import ScaleplexError
from scaleplex.demo.tools import ToolMissingError, find_chromium

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"),
)
WIDTH_PX, HEIGHT_PX = 1360, 860
PATIENCE_SECONDS = 30.0
# A player may put the whole film a constant step away from its own clock: hls.js does so by the decoder's delay.
OFFSET_TOLERANCE_SECONDS = {"dash": 0.002, "hls": 0.1}
SPREAD_TOLERANCE_SECONDS = 0.003


class PlaybackFailed(ScaleplexError):
    """The player never showed what it should."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What was on the screen in one stretch of playing."""

    frames: int
    unreadable: int
    first_frame_ms: float  # after the click, or after the seek
    first_number: int | None
    offset_seconds: float | None  # median of media time minus the time the frame number stands for
    spread_seconds: float | None

    def right(self, protocol: str) -> bool:
        """Return whether every frame was where it belongs."""
        if not self.frames or self.unreadable or self.offset_seconds is None or self.spread_seconds is None:
            return False
        near = abs(self.offset_seconds) <= OFFSET_TOLERANCE_SECONDS[protocol]
        return near and self.spread_seconds <= SPREAD_TOLERANCE_SECONDS


@dataclass(frozen=True, slots=True)
class Played:
    """One clip played by one player."""

    protocol: str
    session: str
    start: Shown
    seek: Shown
    seek_to_seconds: float
    dropped: int
    total: int
    audio_bytes: int
    errors: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Return whether both stretches were right, and the same step away from the player's clock."""
        if not (self.start.right(self.protocol) and self.seek.right(self.protocol)):
            return False
        assert self.start.offset_seconds is not None
        assert self.seek.offset_seconds is not None
        return abs(self.start.offset_seconds - self.seek.offset_seconds) <= SPREAD_TOLERANCE_SECONDS


@contextlib.contextmanager
def open_page(url: str) -> Iterator[Any]:
    """Open the demo's page in a fresh headless browser; closes it at the end.

    Raises:
        ToolMissingError: Playwright or Chromium is not installed.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as exc:
        raise ToolMissingError("The Python package playwright is missing.", "pip install 'scaleplex[dev]'") from exc
    with sync_playwright() as playwright:
        program = str(find_chromium())
        try:
            browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        except Error as exc:
            detail = f"{program} does not start: {str(exc).splitlines()[0]}"
            raise ToolMissingError(detail, "Try it with --headless by hand.") from exc
        try:
            page = browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX})
            page.goto(url)
            page.wait_for_function("document.title.endsWith('ready')", timeout=PATIENCE_SECONDS * 1000)
            yield page
        finally:
            browser.close()


def play(page: Any, protocol: str, seek_to: float, watch_seconds: float, screenshot: Path | None = None) -> Played:
    """Play the chosen clip from its start, then seek, and return what was seen.

    Args:
        page: from :func:`open_page`.
        protocol: ``dash`` or ``hls``.
        seek_to: seconds; outside what has been produced by then, or no new job is started.
        watch_seconds: how long to look on, before the seek and after it.
        screenshot: where a picture of the page after the seek goes.

    Raises:
        PlaybackFailed: no frame came, or none after the seek.
    """
    page.select_option("#protocol", protocol)
    rate = Fraction(*page.evaluate("demo.state.chosen.rate"))
    page.click("#play")
    await_frames(page, "() => report.frames.length > 0", None, f"{protocol}: no picture after the click on Play")
    page.wait_for_timeout(watch_seconds * 1000)
    started = frames(page)
    page.fill("#target", str(seek_to))
    page.click("#seek")
    shown = "to => report.frames.slice(report.seekFrom).some(f => f[1] >= to - 0.5 && f[1] < to + 12)"
    await_frames(page, shown, seek_to, f"{protocol}: no picture after the seek to {seek_to} s")
    page.wait_for_timeout(watch_seconds * 1000)
    if screenshot is not None:
        page.screenshot(path=str(screenshot))
    seeked_at, seek_from = page.evaluate("[report.seekedAt, report.seekFrom]")
    after = [f for f in frames(page)[seek_from:] if f[1] >= seek_to - 0.5]
    state = page.evaluate("report.state()")
    return Played(
        protocol=protocol,
        session=page.evaluate("demo.state.session"),
        start=summarise(started, rate, 0.0),
        seek=summarise(after, rate, seeked_at),
        seek_to_seconds=seek_to,
        dropped=state["dropped"],
        total=state["frames"],
        audio_bytes=state["audioBytes"],
        errors=tuple(page.evaluate("report.errors")),
    )


def frames(page: Any) -> list[tuple[float, float, int | None]]:
    return [tuple(frame) for frame in page.evaluate("report.frames")]


def await_frames(page: Any, condition: str, argument: object, failure: str) -> None:
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    try:
        page.wait_for_function(condition, arg=argument, timeout=PATIENCE_SECONDS * 1000)
    except PlaywrightTimeout as exc:
        words = "; ".join(page.evaluate("report.errors")) or "the player said nothing"
        raise PlaybackFailed(
            f"{failure} within {PATIENCE_SECONDS:.0f} s: {words}.", "See the stand-in's report."
        ) from exc


def summarise(shown: list[tuple[float, float, int | None]], rate: Fraction, since_ms: float) -> Shown:
    """Return how the frames shown agree with the times they were shown for.

    Args:
        shown: milliseconds since the click, media time, frame number.
        rate: frames per second of the clip.
        since_ms: when the stretch began, milliseconds since the click.
    """
    readable = [(media_time, number) for _, media_time, number in shown if number is not None]
    errors = sorted(media_time - float(number / rate) for media_time, number in readable)
    return Shown(
        frames=len(shown),
        unreadable=len(shown) - len(readable),
        first_frame_ms=shown[0][0] - since_ms if shown else -1.0,
        first_number=readable[0][1] if readable else None,
        offset_seconds=errors[len(errors) // 2] if errors else None,
        spread_seconds=errors[-1] - errors[0] if errors else None,
    )


def stop(page: Any) -> None:
    """Press Stop and wait until the session is gone."""
    page.evaluate("demo.stop()")
