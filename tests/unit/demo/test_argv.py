"""The stand-in writes the argv PMS writes; the orders below are those of recorded command lines."""

import itertools
from pathlib import Path

import pytest

from scaleplex.demo.pms.argv import write_argv
from scaleplex.demo.pms.decision import Decision, decide
from scaleplex.ffmpeg import argv as ffmpeg_argv
from tests.unit.demo.samples import JOB, ORIGIN, SESSION, decision, film

CWD = Path("/transcode/Transcode/Sessions") / f"plex-transcode-{SESSION}-{JOB}"
# PMS on WSL2, 2026-05: HEVC HDR10 with E-AC-3 to 720p in a browser, software.
DASH_CAPTURE = [
    "-codec:0",
    "-codec:1",
    "-eae_prefix:1",
    "-analyzeduration",
    "-probesize",
    "-i",
    "-start_at_zero",
    "-copyts",
    "-fps_mode",
    "-y",
    "-nostats",
    "-loglevel",
    "-loglevel_plex",
    "-progressurl",
    "-filter_complex",
    "-map",
    "-metadata:s:0",
    "-codec:0",
    "-crf:0",
    "-maxrate:0",
    "-bufsize:0",
    "-r:0",
    "-preset:0",
    "-x264opts:0",
    "-force_key_frames:0",
    "-filter_complex",
    "-map",
    "-metadata:s:1",
    "-codec:1",
    "-b:1",
    "-f",
    "-seg_duration",
    "-dash_segment_type",
    "-init_seg_name",
    "-media_seg_name",
    "-window_size",
    "-delete_removed",
    "-skip_to_segment",
    "-manifest_name",
    "-avoid_negative_ts",
    "-map_metadata",
    "-map_chapters",
]
HLS_TAIL = [
    "-segment_format",
    "-f",
    "-individual_header_trailer",
    "-segment_time",
    "-segment_start_number",
    "-segment_time_delta",
    "-segment_list",
    "-segment_list_type",
    "-segment_list_size",
    "-segment_list_separate_stream_times",
    "-segment_list_unfinished",
    "-max_delay",
    "-avoid_negative_ts",
    "-map_metadata",
    "-map_chapters",
]


def written(made: Decision) -> list[str]:
    return write_argv(made, SESSION, JOB, CWD, ORIGIN)


def names(argv: list[str]) -> list[str]:
    return [word for word in argv if word.startswith("-") and not word[1:].isdigit()]


def after(argv: list[str], name: str) -> list[str]:
    return [value for word, value in itertools.pairwise(argv) if word == name]


def test_dash_has_the_options_of_a_recorded_argv_in_their_order() -> None:
    assert names(written(decision(film(codec="hevc", hdr=True, audio="eac3")))) == DASH_CAPTURE


def test_hls_ends_as_recorded() -> None:
    argv = written(decision(protocol="hls"))
    assert names(argv)[-len(HLS_TAIL) :] == HLS_TAIL
    assert argv[-1] == "media-%05d.ts"


@pytest.mark.parametrize("protocol", ["dash", "hls", "hls-mkv"])
@pytest.mark.parametrize("number", [0, 7])
def test_seek_and_first_number_belong_together(protocol: str, number: int) -> None:
    argv = written(decision(protocol=protocol, number=number))
    assert after(argv, "-ss") == ([str(3 * number)] if number else [])
    assert ("-fps_mode" in argv) == (number == 0)
    if protocol == "dash":
        assert after(argv, "-skip_to_segment") == [str(number + 1)]
    else:
        assert after(argv, "-segment_start_number") == [str(number)]


def test_every_input_is_sought_along() -> None:
    argv = written(decision(number=4, subtitle="side-channel"))
    assert after(argv, "-ss") == ["12", "12"]
    assert after(argv, "-i")[1] == str(CWD / "temp-0.srt")


def test_dolby_sound_is_decoded_through_the_helper_of_this_session() -> None:
    argv = written(decision(film(audio="eac3")))
    assert after(argv, "-codec:1") == ["eac3_eae", "aac"]
    assert after(argv, "-eae_prefix:1") == [f"{SESSION}_"]


def test_the_second_sound_track_is_named_by_its_place_in_the_file() -> None:
    made = decide(film(), {"audioStreamIndex": "2"}, "dash", 3)
    argv = written(made)
    assert after(argv, "-codec:2") == ["aac"]
    assert "[0:2] aresample=" in " ".join(after(argv, "-filter_complex"))


@pytest.mark.parametrize("hdr", [False, True])
def test_every_graph_label_is_mapped_once_and_they_count_on(hdr: bool) -> None:
    argv = written(decision(film(hdr=hdr)))
    graphs, maps = after(argv, "-filter_complex"), after(argv, "-map")
    assert [graph.rpartition("[")[2] for graph in graphs] == [label.lstrip("[") for label in maps]
    assert [int(label.strip("[]")) for label in maps] == ([2, 3] if hdr else [1, 2])


def test_the_buffer_is_twice_the_rate() -> None:
    argv = written(decision())
    assert int(after(argv, "-bufsize:0")[0][:-1]) == 2 * int(after(argv, "-maxrate:0")[0][:-1])


def test_the_frame_rate_is_printed_as_a_double() -> None:
    assert after(written(decision()), "-r:0") == ["23.975999999999999"]


def test_a_second_try_leaves_something_out() -> None:
    first, second = decision(), decision().at(0, cautious=True)
    assert set(names(written(first))) - set(names(written(second))) == {"-x264opts:0"}


def test_our_own_parser_understands_every_shape_and_gives_it_back() -> None:
    for protocol in ("dash", "hls", "hls-mkv"):
        argv = written(decision(protocol=protocol, number=3, subtitle="side-channel"))
        assert list(ffmpeg_argv.emit(ffmpeg_argv.parse(argv))) == argv
