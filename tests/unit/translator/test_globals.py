"""Log levels and frame rate modes: every spelling PMS or FFmpeg knows."""

import pytest

from scaleplex.translator.passes import private_options, timing
from tests.unit.translator.helpers import apply


@pytest.mark.parametrize("level", ["quiet", "panic", "fatal", "error", "-8", "0", "8", "16"])
def test_a_level_that_hides_failures_becomes_errors(level: str) -> None:
    after, labels = apply(private_options.private_options, f"-i a -loglevel {level} out")
    assert (after, labels) == ("-i a -loglevel repeat+level+error out", ("set:-loglevel=repeat+level+error",))


@pytest.mark.parametrize("level", ["verbose", "debug", "info", "32", "repeat+level+error"])
def test_a_level_that_says_more_stays(level: str) -> None:
    assert apply(private_options.private_options, f"-i a -loglevel {level} out") == (f"-i a -loglevel {level} out", ())


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("loglevel_plex", " error"),
        ("eae_prefix:1", " S_"),
        ("hwaccel_fallback_threshold:0", " 10"),
        ("strict_ts:2", " 0"),
        ("xioerror", ""),
    ],
)
def test_private_options_go(option: str, value: str) -> None:
    after, labels = apply(private_options.private_options, f"-i a -{option}{value} out")
    assert (after, labels) == ("-i a out", (f"drop:-{option}",))


@pytest.mark.parametrize(
    ("old", "mode"),
    [("-1", "auto"), ("0", "passthrough"), ("1", "cfr"), ("2", "vfr"), ("cfr", "cfr"), ("vfr", "vfr"), ("odd", "odd")],
)
def test_numbers_of_old_become_names(old: str, mode: str) -> None:
    after, labels = apply(timing.timing, f"-i a -vsync {old} -map 0:0 out")
    assert (after, labels) == (f"-i a -fps_mode {mode} -map 0:0 out", ("move:-vsync->-fps_mode",))


def test_a_trailing_mode_says_that_it_moved() -> None:
    assert apply(timing.timing, "-i a out -fps_mode cfr") == ("-i a -fps_mode cfr out", ("move:-fps_mode",))


def test_dropping_frames_by_timestamp_has_no_new_name_and_stays() -> None:
    assert apply(timing.timing, "-i a -vsync drop out") == ("-i a -vsync drop out", ())


def test_a_mode_the_first_output_has_already_is_not_doubled() -> None:
    after, _ = apply(timing.timing, "-i a -fps_mode:0 vfr out -vsync cfr")
    assert after == "-i a -fps_mode:0 vfr out"


def test_only_the_first_output_gets_the_mode() -> None:
    assert apply(timing.timing, "-i a one two -vsync cfr")[0] == "-i a -fps_mode cfr one two"


@pytest.mark.parametrize("mode", ["cfr", "1"])
def test_constant_rate_goes_on_a_seek_by_either_name(mode: str) -> None:
    after, labels = apply(timing.timing, f"-ss 9 -i a -copyts -fps_mode {mode} out")
    assert (after, labels) == ("-ss 9 -i a -copyts out", ("drop:-fps_mode=cfr",))


def test_another_rate_mode_stays_on_a_seek() -> None:
    assert apply(timing.timing, "-ss 9 -i a -copyts -fps_mode vfr out") == ("-ss 9 -i a -copyts -fps_mode vfr out", ())
