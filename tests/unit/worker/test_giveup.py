"""Giving up names the place: word, option, filter."""

import shlex

import pytest

from scaleplex.translator import Site, translate
from scaleplex.worker import giveup

GRAPH = "[0:0]scale=w=4:h=4[0];[0]yadif[1]"


@pytest.mark.parametrize(
    ("text", "reason", "place"),
    [
        (f"-codec:0 h264 -i a -filter_complex '{GRAPH}' -map [1] -codec:0 libx264 -f dash o",
         "filter:yadif", "word 5, -filter_complex, filter 2 (yadif)"),
        ("-i a -filter_complex [0:0]scale=1:1[0] -map [0] -codec:0 libwonder -f dash o",
         "encoder:libwonder", "word 7, -codec:0 of output 0"),
        ("-codec:0 wonder -i a -filter_complex [0:0]scale=1:1[0] -map [0] -codec:0 libx264 -f dash o",
         "decoder:wonder", "word 1, -codec:0 of input 0"),
        ("-i a -map 0:0 -codec:0 libx264 -f dash o", "no-video-graph", "word 3, -map"),
        ("-i a", "no-output", ""),
    ],
)  # fmt: skip
def test_the_place_of_what_was_not_understood_is_named(text: str, reason: str, place: str) -> None:
    words = shlex.split(text)
    assert translate(words, {}, None, "sw", Site()).bail == reason
    assert giveup.where(words, reason) == place


@pytest.mark.parametrize("reason", ["", ":", "filter:", "burn:text", "size", "no-input", "encoder:x", "?"])
@pytest.mark.parametrize("words", [[], ["-i"], ["-filter_complex"], ["-codec:0"], ["-vf", "[", "x"]])
def test_no_reason_and_no_command_makes_it_fail(words: list[str], reason: str) -> None:
    assert isinstance(giveup.where(words, reason), str)


def test_a_subtitle_in_the_picture_is_found_by_the_filter_that_draws_it() -> None:
    words = ["-i", "a", "-filter_complex", "[0:0]inlineass=font_size=1[0];[0][0:3]overlay[1]", "-f", "dash", "o"]
    assert giveup.where(words, "burn:text") == "word 3, -filter_complex, filter 1 (inlineass)"
    assert giveup.where(words, "burn:bitmap") == "word 3, -filter_complex, filter 2 (overlay)"


def test_a_codec_behind_the_last_file_is_that_of_an_output() -> None:
    words = shlex.split("-i a -codec:0 libx264 -f dash o -codec:0 libwonder")
    assert giveup.where(words, "encoder:libwonder") == "word 8, -codec:0 of output 1"
    assert giveup.where(words, "decoder:libwonder") == ""


def test_a_place_names_no_value_of_the_command() -> None:
    words = shlex.split("-i /media/Secret.mkv -vf subtitles=/media/Secret.srt -codec:0 libx264 -f dash o")
    assert "Secret" not in giveup.where(words, "filter:subtitles")


@pytest.mark.parametrize(
    "reason",
    [
        *("filter:yadif", "filter:split", "filter:unreadable", "encoder:h264_qsv", "encoder:libx264", "encoder:eac3"),
        *("encoder:copy", "encoder:ass", "decoder:vc1", "burn:text", "burn:bitmap", "no-output"),
    ],
)
def test_a_metric_tells_filters_and_codecs_apart(reason: str) -> None:
    assert giveup.counted(reason) == reason


def test_a_metric_counts_names_only() -> None:
    assert giveup.counted("encoder:/media/A Film") == "encoder:other"
    assert giveup.counted("decoder:" + "x" * 500) == "decoder:other"
