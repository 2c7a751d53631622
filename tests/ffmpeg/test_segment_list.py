"""Patch 0006: the segment muxer's lists as Plex Media Server reads them."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.ffmpeg.programs import run, sizes
from tests.ffmpeg.sink import Sink, unused_url

pytestmark = pytest.mark.patch("0006-segment-list-for-plex")

COLUMNS = ("-segment_list_separate_stream_times", "1")
STREAMS = ("-map", "0:v", "-c:0", "copy", "-map", "0:a", "-c:1", "copy")


def job(
    ffmpeg: Path,
    clip: Path,
    folder: Path,
    *,
    to: str,
    streams: Sequence[str] = STREAMS,
    options: Sequence[str] = COLUMNS,
) -> str:
    """Run a job of 2 s segments as Plex Media Server asks for it whose video starts at 20 s; return its complaints."""
    ended = run(
        ffmpeg,
        [
            *("-ss", "20.5", "-noaccurate_seek", "-i", str(clip), "-start_at_zero", "-copyts", *streams, "-to", "31.5"),
            *("-segment_format", "matroska", "-f", "ssegment", "-individual_header_trailer", "0"),
            *("-flags", "+global_header", "-segment_header_filename", "header", "-segment_time", "2"),
            *("-segment_start_number", "10", "-segment_time_delta", "0.0625", "-segment_list", to),
            *("-segment_list_type", "csv", "-segment_list_size", "3", *options),
            *("-segment_format_options", "output_ts_offset=10", "-max_delay", "5000000"),
            *("-avoid_negative_ts", "disabled", "-map_metadata", "-1", "-map_chapters", "-1", "media-%05d.ts"),
        ],
        folder,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


def rows(body: str) -> list[tuple[str, tuple[float, ...]]]:
    return [(row[0], tuple(map(float, row[1:]))) for row in csv.reader(io.StringIO(body))]


def last_list(ffmpeg: Path, clip: Path, folder: Path, **more: Sequence[str]) -> list[tuple[str, tuple[float, ...]]]:
    with Sink(folder) as sink:
        job(ffmpeg, clip, folder, to=sink.url(), **more)
    return rows(sink.bodies[-1])


def test_a_row_tells_where_audio_and_video_end(ffmpeg: Path, clip: Path, tmp_path: Path) -> None:
    *whole, _cut_off = last_list(ffmpeg, clip, tmp_path)
    for number, (name, times) in enumerate(whole):
        start = 20 + 2 * number
        assert name == f"media-{10 + number:05}.ts"
        assert times == pytest.approx((start, start + 2, start + 2, start + 2), abs=0.15)


@pytest.mark.parametrize(
    ("streams", "column"),
    [(("-map", "0:v", "-c", "copy"), 2), (("-map", "0:a", "-c", "copy"), 3)],
    ids=["no audio", "no video"],
)
def test_a_kind_that_is_not_in_the_segment_ends_at_minus_one(
    ffmpeg: Path, clip: Path, tmp_path: Path, streams: Sequence[str], column: int
) -> None:
    listed = last_list(ffmpeg, clip, tmp_path, streams=streams)
    assert {times[column] for _, times in listed} == {-1.0}
    assert all(times[5 - column] == pytest.approx(times[1], abs=0.05) for _, times in listed)


def test_the_first_row_starts_where_the_job_starts(ffmpeg: Path, clip: Path, tmp_path: Path) -> None:
    (_, first), *_ = last_list(ffmpeg, clip, tmp_path, options=())
    assert first == pytest.approx((20, 22), abs=0.1)


def test_a_url_gets_every_row_whatever_the_list_size(ffmpeg: Path, clip: Path, tmp_path: Path) -> None:
    with Sink(tmp_path) as sink:
        job(ffmpeg, clip, tmp_path, to=sink.url("/s/manifest?X-Plex-Http-Pipeline=infinite"), options=())
    assert [len(rows(body)) for body in sink.bodies] == [1, 2, 3, 4, 5, 6]
    assert {(each.method, each.path) for each in sink.requests} == {
        ("POST", "/s/manifest?X-Plex-Http-Pipeline=infinite")
    }


def test_a_url_gets_one_request_for_each_segment_without_a_list_size_too(
    ffmpeg: Path, clip: Path, tmp_path: Path
) -> None:
    with Sink(tmp_path) as sink:
        job(ffmpeg, clip, tmp_path, to=sink.url(), options=("-segment_list_size", "0"))
    assert [len(rows(body)) for body in sink.bodies] == [1, 2, 3, 4, 5, 6]


@pytest.mark.guard
def test_a_list_in_a_file_keeps_to_its_size(ffmpeg: Path, clip: Path, tmp_path: Path) -> None:
    job(ffmpeg, clip, tmp_path, to="list.csv", options=())
    assert len(rows((tmp_path / "list.csv").read_text())) == 3


def test_a_server_that_cannot_be_reached_does_not_end_the_job(ffmpeg: Path, clip: Path, tmp_path: Path) -> None:
    said = job(ffmpeg, clip, tmp_path, to=unused_url(), options=())
    assert "Failed to send segment list" in said
    assert "media-00015.ts" in sizes(tmp_path)


@pytest.mark.parametrize("size", ["0", "3"])
def test_a_server_that_hangs_up_does_not_end_the_job(ffmpeg: Path, clip: Path, tmp_path: Path, size: str) -> None:
    with Sink(tmp_path, reset=True) as sink:
        job(ffmpeg, clip, tmp_path, to=sink.url(), options=(*COLUMNS, "-segment_list_size", size))
    assert "media-00015.ts" in sizes(tmp_path)


@pytest.mark.parametrize("option", ["-segment_list_unfinished", "-segment_copyts"])
def test_what_is_only_accepted_changes_no_list(ffmpeg: Path, clip: Path, tmp_path: Path, option: str) -> None:
    with Sink(tmp_path) as plain:
        job(ffmpeg, clip, tmp_path, to=plain.url())
    with Sink(tmp_path) as with_option:
        job(ffmpeg, clip, tmp_path, to=with_option.url(), options=(*COLUMNS, option, "1"))
    assert with_option.bodies == plain.bodies
