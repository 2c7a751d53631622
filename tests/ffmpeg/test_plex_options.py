"""Patch 0001: the options of Plex's own transcoder are accepted and change nothing."""

from pathlib import Path

import pytest

from tests.ffmpeg.programs import run

pytestmark = pytest.mark.patch("0001-accept-plex-options")

SOURCE = ("-f", "lavfi", "-i", "testsrc2=size=64x36:rate=10:duration=0.5")
SINK = ("-f", "framemd5", "-")
OPTIONS = (
    ("-loglevel_plex", "error"),
    ("-progressurl", "http://127.0.0.1:9/video/:/transcode/session/s/j/progress"),
    ("-strict_ts:0", "0"),
    ("-strict_ts", "0"),
    ("-eae_prefix:1", "session_"),
    ("-hwaccel_fallback_threshold:0", "10"),
    ("-hwaccel_fallback_threshold:#0x01", "10"),
    ("-xioerror",),
)


@pytest.mark.parametrize("option", OPTIONS, ids=" ".join)
@pytest.mark.parametrize("place", ["before the input", "before the output"])
def test_an_option_of_plex_is_accepted_wherever_it_stands(
    ffmpeg: Path, tmp_path: Path, option: tuple[str, ...], place: str
) -> None:
    words = [*option, *SOURCE, *SINK] if place == "before the input" else [*SOURCE, *option, *SINK]
    ended = run(ffmpeg, words, tmp_path)
    assert ended.returncode == 0, ended.stderr


def test_the_options_of_plex_change_no_frame(ffmpeg: Path, tmp_path: Path) -> None:
    plain = run(ffmpeg, [*SOURCE, *SINK], tmp_path)
    with_all = run(ffmpeg, [*(word for option in OPTIONS for word in option), *SOURCE, *SINK], tmp_path)
    assert with_all.stdout == plain.stdout


@pytest.mark.guard
def test_an_option_nobody_knows_still_ends_with_status_8(ffmpeg: Path, tmp_path: Path) -> None:
    assert run(ffmpeg, ["-loglevel_plexus", "error", *SOURCE, *SINK], tmp_path).returncode == 8
