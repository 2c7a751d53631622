"""Values are read as FFmpeg reads them; what cannot be read is None."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleplex.ffmpeg import options, values


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("495", 495), ("734.11000000000001", 734.11), ("00:01:02.5", 62.5), ("200ms", 0.2), ("-3", -3), ("5s", 5)],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert values.seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "bits"), [("3419k", 3_419_000), ("4M", 4_000_000), ("128000", 128_000)])
def test_a_bit_rate_is_read_in_bits_per_second(text: str, bits: int) -> None:
    assert values.bits_per_second(text) == bits


def test_a_frame_rate_may_be_a_fraction() -> None:
    assert values.rate("24000/1001") == pytest.approx(23.976, abs=1e-3)
    assert values.rate("23.975999999999999") == pytest.approx(23.976)


@pytest.mark.parametrize("text", ["", "x", "1:2:3:4", "nan", "inf", "1/0", None])
def test_what_cannot_be_read_is_none(text: str | None) -> None:
    assert values.rate(text) is None or text == "1:2:3:4"
    assert values.integer(text) is None
    assert values.seconds(text) is None
    assert values.bits_per_second(text) is None


@given(st.text())
def test_any_text_can_be_asked(text: str) -> None:
    for read in (values.seconds, values.bits_per_second, values.rate, values.integer, values.dictionary):
        read(text)


def test_seconds_are_printed_without_trailing_zeros() -> None:
    assert [values.print_seconds(value) for value in (13.0, 1200.5, 0.1)] == ["13", "1200.5", "0.1"]


def test_inner_muxer_options_come_back() -> None:
    assert values.print_dictionary(values.dictionary("live=1:output_ts_offset=10")) == "live=1:output_ts_offset=10"


@pytest.mark.parametrize(
    "name", ["y", "nostats", "copyts", "start_at_zero", "noaccurate_seek", "noautorotate", "vn", "vstats", "force_fps"]
)
def test_a_flag_takes_no_value(name: str) -> None:
    assert not options.takes_value(name)


@pytest.mark.parametrize(
    "name", ["codec", "sei", "map", "seek_timestamp", "thread_queue_size", "never_heard_of", "nothing", "noise"]
)
def test_every_other_option_takes_one(name: str) -> None:
    assert options.takes_value(name)


def test_scope_says_where_an_option_applies() -> None:
    assert options.scope("filter_complex") == options.GLOBAL
    assert options.scope("hwaccel") == options.INPUT
    assert options.scope("map") == options.OUTPUT
    assert options.scope("seg_duration") == options.FILE
