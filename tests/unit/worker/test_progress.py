"""ffmpeg's progress into PMS's requests: fields, formats and the time line."""

from dataclasses import replace

import pytest

from scaleplex.worker import progress
from scaleplex.worker.progress import BlockReader, Sample, StreamDetail, Track, periodic

BLOCK = b"frame=50\nfps=25\nout_time_us=2000000\nout_time=00:00:02\ntotal_size=N/A\nspeed=1x\nprogress=continue\n"


def test_blocks_come_out_whole_whatever_the_pieces() -> None:
    whole = BlockReader().feed(BLOCK * 2, 5.0)
    reader = BlockReader()
    pieces = [sample for byte in BLOCK * 2 for sample in reader.feed(bytes([byte]), 5.0)]
    assert whole == pieces == [Sample(5.0, 2.0, None, 50)] * 2


def test_values_ffmpeg_does_not_know_are_none() -> None:
    (sample,) = BlockReader().feed(b"out_time_us=N/A\ntotal_size=4096\nprogress=end\n", 1.0)
    assert sample == Sample(1.0, None, 4096, 0, ended=True)


def fields_of(track: Track, sample: Sample, throttled: bool = False) -> dict[str, str]:
    return dict(periodic(track, sample, throttled)[0])


TRACK = Track(100.0, 40.0, last=Sample(10.0, 42.0, None))


def test_the_place_is_on_the_films_own_time_line() -> None:
    assert fields_of(TRACK, Sample(10.5, 44.0, None))["progress"] == "44.0"


def test_progress_counts_whole_seconds() -> None:
    assert fields_of(Track(5412.32), Sample(1.0, 666.9, None))["progress"] == "12.3"


def test_speed_is_that_of_the_last_interval() -> None:
    assert fields_of(TRACK, Sample(10.5, 44.4, None))["speed"] == "4.8"


def test_speed_is_left_out_while_throttled_and_everything_else_stays() -> None:
    assert set(fields_of(TRACK, Sample(10.5, 44.0, None), throttled=True)) == {"progress", "size", "remaining"}


def test_the_first_report_has_no_speed() -> None:
    assert "speed" not in fields_of(Track(100.0), Sample(1.0, 3.0, None))


@pytest.mark.parametrize("sample", [Sample(10.0, 44.0, None), Sample(9.0, 44.0, None), Sample(10.5, 41.0, None)])
def test_an_interval_that_cannot_be_measured_gives_no_speed_and_never_inf_or_nan(sample: Sample) -> None:
    text = " ".join(fields_of(TRACK, sample).values())
    assert "speed" not in fields_of(TRACK, sample)
    assert "inf" not in text
    assert "nan" not in text


def test_segmented_outputs_have_no_size_and_single_files_have_theirs() -> None:
    assert fields_of(TRACK, Sample(10.5, 44.0, None))["size"] == "-22"
    assert fields_of(TRACK, Sample(10.5, 44.0, 1234))["size"] == "1234"


def test_an_unknown_duration_is_minus_one() -> None:
    found = fields_of(Track(None, last=Sample(1.0, 0.5, None)), Sample(1.5, 1.0, None))
    assert (found["progress"], found["remaining"]) == ("-1.0", "-1")
    assert fields_of(Track(0.4), Sample(1.5, 1.0, None))["progress"] == "-1.0"


def test_remaining_is_averaged_with_the_last_value_before_smoothing() -> None:
    track = Track(100.0, last=Sample(0.0, 0.0, None))
    first, track = periodic(track, Sample(1.0, 10.0, None), False)
    assert dict(first)["remaining"] == "9"  # 90 s at 10 times real time
    second, track = periodic(track, Sample(2.0, 40.0, None), False)
    assert dict(second)["remaining"] == "5"  # 60 s at 30 times is 2 s; with the 9 s before: 5.5
    third, _ = periodic(track, Sample(3.0, 70.0, None), False)
    assert dict(third)["remaining"] == "1"  # 1 s and the raw 2 s, not the smoothed 5.5


def test_remaining_is_minus_one_beyond_the_end() -> None:
    track = Track(10.0, last=Sample(0.0, 9.0, None))
    assert fields_of(track, Sample(1.0, 20.0, None))["remaining"] == "-1"


def test_a_standstill_keeps_the_last_estimate() -> None:
    track = replace(Track(100.0, last=Sample(0.0, 50.0, None)), raw_remaining=7.0)
    assert fields_of(track, Sample(1.0, 50.0, None))["remaining"] == "7"


def test_before_anything_is_written_the_place_is_where_the_job_begins() -> None:
    _, track = periodic(Track(100.0, 40.0), Sample(0.5, None, None), False)
    assert track.position_seconds == 40.0
    _, track = periodic(track, Sample(1.0, 0.0, None), False)
    assert track.position_seconds == 40.0
    fields, track = periodic(track, Sample(1.5, 44.0, None), False)
    assert track.position_seconds == 44.0
    assert dict(fields)["speed"] == "8.0"


def test_a_report_without_time_keeps_the_place() -> None:
    _, track = periodic(TRACK, Sample(10.5, None, None, ended=True), False)
    assert track.position_seconds == 42.0


VIDEO = StreamDetail(
    0, "hevc", "video", profile="Main 10", language="eng", width=3840, height=2160, sar="1:1", level=153,
    frame_rate=24000 / 1001, dispositions=("default",),
)  # fmt: skip


def test_stream_detail_is_the_contracts_example_word_for_word() -> None:
    assert progress.query(progress.stream_detail_fields(VIDEO)) == (
        "index=0&id=0&codec=hevc&type=video&profile=Main%2010&language=eng&width=3840&height=2160&interlaced=0&sar=1:1"
        "&level=153&frameRate=23.976&disp_default=1"
    )


def test_audio_details_come_in_the_contracts_order() -> None:
    audio = StreamDetail(
        1, "truehd", "audio", container_id=4352, bitrate=4000, width=9, channels=6, layout="5.1(side)",
        sample_rate=48000, bit_depth=24, dispositions=("default", "forced"),
    )  # fmt: skip
    assert progress.query(progress.stream_detail_fields(audio)) == (
        "index=1&id=4352&codec=truehd&type=audio&bitrate=4000&channels=6&layout=5.1%28side%29&sampleRate=48000&bitDepth=24"
        "&disp_default=1&disp_forced=1"
    )


def test_a_subtitle_has_neither_size_nor_channels() -> None:
    text = StreamDetail(2, "subrip", "subtitle", language="ger", width=0, height=0)
    assert progress.query(progress.stream_detail_fields(text)) == "index=2&id=0&codec=subrip&type=subtitle&language=ger"


def test_stream_tells_index_id_codec_and_type() -> None:
    assert progress.query(progress.stream_fields(VIDEO)) == "index=0&id=0&codec=hevc&type=video"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5412.32, "5412.320000"), (None, "-1.000000"), (0.0, "-1.000000"), (float("inf"), "-1.000000")],
)
def test_duration_is_printed_as_the_original_does(seconds: float | None, text: str) -> None:
    assert progress.duration_fields(seconds) == (("duration", text),)


def test_the_width_is_corrected_for_the_sample_aspect_ratio() -> None:
    assert progress.size_fields(720, 576, "64:45") == (("width", "1024"), ("height", "576"))
    assert progress.size_fields(1920, 1080, "0:1") == (("width", "1920"), ("height", "1080"))


def test_a_log_line_is_cut_at_2047_bytes_between_characters() -> None:
    (_, (_, message)) = progress.log_fields(0, "ä" * 2000)
    assert message == "ä" * 1023
    assert progress.query(progress.log_fields(1, "a b&c")) == "level=1&message=a%20b%26c"


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        ("[h264 @ 0x5] [error] bad", 0, "[h264 @ 0x5] bad"),
        ("[warning] x", 1, "x"),
        ("[info] x", 2, "x"),
        ("[mp4 @ 0x1] [verbose] x", 4, "[mp4 @ 0x1] x"),
        ("x", 0, "x"),
    ],
)
def test_the_level_of_a_line_is_plexs_number_and_the_mark_goes(line: str, level: int, message: str) -> None:
    assert progress.log_line(line) == (level, message)
