"""An argument list comes back word for word, and its options are found where they stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleplex.ffmpeg import argv
from scaleplex.ffmpeg.argv import Command, File, Option
from tests.argvgen import SHAPES, build

WORDS = st.one_of(
    st.text(),
    st.sampled_from(
        ["-i", "-", "--", "-y", "-codec:0", "-ss", "-map", "-filter_complex", "-nostats", "a.mkv", "-sei:0", "-1", ""]
    ),
)


@given(st.lists(WORDS))
def test_any_list_of_strings_comes_back_word_for_word(words: list[str]) -> None:
    assert argv.emit(argv.parse(words)) == words


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_plex_command_comes_back_word_for_word(shape) -> None:
    words = build(shape)
    assert argv.emit(argv.parse(words)) == words


def test_options_belong_to_the_file_they_stand_before() -> None:
    command = argv.parse(["-codec:0", "h264", "-i", "a", "-codec:0", "libx264", "b", "-codec:0", "copy", "c"])
    assert command.inputs[0].get("codec", "0") == "h264"
    assert [output.get("codec", "0") for output in command.outputs] == ["libx264", "copy"]


@pytest.mark.parametrize("value", ["-a53_cc", "-1", "-global_header", "-"])
def test_a_value_may_begin_with_a_dash(value: str) -> None:
    command = argv.parse(["-i", "a", "-sei:0", value, "out"])
    assert command.outputs == (File((Option("sei", "0", value),), "out"),)


def test_a_lone_dash_is_an_output() -> None:
    assert argv.parse(["-i", "a", "-f", "matroska", "-"]).outputs[0].url == "-"


def test_options_after_the_last_output_are_no_further_output() -> None:
    command = argv.parse(["-i", "a", "out", "-copyts", "-vsync", "cfr", "-y", "-loglevel", "quiet"])
    assert len(command.outputs) == 1
    assert [option.flag for option in command.trailing] == ["-copyts", "-vsync", "-y", "-loglevel"]


def test_the_short_name_of_an_option_is_the_option() -> None:
    command = argv.parse(["-i", "a", "-c:1", "aac", "out"])
    assert command.outputs[0].get("codec", "1") == "aac"
    assert argv.emit(command) == ["-i", "a", "-c:1", "aac", "out"]


def test_an_option_without_its_value_at_the_end_is_kept() -> None:
    assert argv.parse(["-i", "a", "-ss"]).trailing == (Option("ss"),)


def test_the_last_of_two_equal_options_is_the_one_ffmpeg_obeys() -> None:
    output = argv.parse(["-b:0", "1k", "-b:0", "2k", "out"]).outputs[0]
    assert output.get("b", "0") == "2k"
    assert [option.value for option in output.set("b", "0", "3k").options] == ["1k", "3k"]


def test_a_new_option_goes_to_the_end_of_the_block() -> None:
    output = argv.parse(["-y", "out"]).outputs[0].set("preset", "0", "fast")
    assert list(output.words()) == ["-y", "-preset:0", "fast", "out"]


def test_a_removed_option_takes_its_value_along() -> None:
    command = argv.parse(["-ss", "5", "-y", "-i", "a", "-ss", "6", "out"])
    assert argv.emit(command.map_options(lambda o: None if o.key == "ss" else o)) == ["-y", "-i", "a", "out"]


def test_outputs_are_numbered_without_the_inputs() -> None:
    command = argv.parse(["-i", "a", "x", "-i", "b", "y"])
    renamed = command.map_outputs(lambda number, file: File(file.options, f"{number}{file.url}"))
    assert argv.emit(renamed) == ["-i", "a", "0x", "-i", "b", "1y"]


def test_an_empty_list_is_an_empty_command() -> None:
    assert argv.parse([]) == Command(())
