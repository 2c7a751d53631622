"""A command line without our options gives the bytes that stock FFmpeg gives, under the same names."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.ffmpeg.programs import run, stock_ffmpeg

COMMON = ("-map", "0:v", "-map", "0:a", "-c", "copy", "-fflags", "+bitexact")
OUTPUTS = {
    "segments in mpegts": ("-f", "segment", "-segment_time", "2", "-segment_list", "list.csv", "s-%03d.ts"),
    "segments in matroska": (
        *("-f", "ssegment", "-segment_format", "matroska", "-individual_header_trailer", "0", "-segment_time", "2"),
        *("-segment_header_filename", "header", "-segment_list", "l.csv", "-segment_list_size", "3", "s-%03d"),
    ),
    "segments in mp4": ("-f", "segment", "-segment_time", "3", "-segment_list", "list.m3u8", "s-%03d.mp4"),
    "segments after a seek": ("-reset_timestamps", "1", "-f", "segment", "-segment_list", "list.csv", "s-%03d.ts"),
    "dash": ("-f", "dash", "-seg_duration", "2", "-window_size", "3", "-extra_window_size", "1", "out.mpd"),
    "dash in one file": ("-f", "dash", "-seg_duration", "2", "-single_file", "1", "out.mpd"),
}


def files(ffmpeg: Path, clip: Path, folder: Path, arguments: Sequence[str], seek: Sequence[str]) -> dict[str, bytes]:
    folder.mkdir()
    ended = run(ffmpeg, [*seek, "-i", str(clip), *COMMON, *arguments], folder)
    assert ended.returncode == 0, ended.stderr
    return {path.name: without_clock(path) for path in folder.iterdir()}


def without_clock(path: Path) -> bytes:
    lines = path.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if b"availabilityStartTime" not in line and b"publishTime" not in line)


@pytest.mark.parametrize("name", OUTPUTS)
def test_files_are_those_of_stock(ffmpeg: Path, clip: Path, tmp_path: Path, name: str) -> None:
    seek = ("-ss", "20.5", "-copyts") if "seek" in name else ()
    arguments = ("-to", "30", *OUTPUTS[name]) if seek else ("-t", "12", *OUTPUTS[name])
    ours = files(ffmpeg, clip, tmp_path / "ours", arguments, seek)
    assert ours == files(stock_ffmpeg(), clip, tmp_path / "stock", arguments, seek)
