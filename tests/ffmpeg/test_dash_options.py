"""Patch 0004: what Plex Media Server asks of the DASH muxer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.ffmpeg import boxes
from tests.ffmpeg.programs import run, sizes
from tests.ffmpeg.sink import Request, Sink, unused_url

pytestmark = pytest.mark.patch("0004-dash-plex-options")

FIRST = 21  # of segments of 1 s, after a seek to 20 s
NAMES = (
    *("-init_seg_name", "init-stream$RepresentationID$.m4s"),
    *("-media_seg_name", "chunk-stream$RepresentationID$-$Number%05d$.m4s"),
)


def job(ffmpeg: Path, clip: Path, folder: Path, *, manifest: str, seconds: int = 10, more: Sequence[str] = ()) -> str:
    """Run a job as Plex Media Server asks for it after a seek to 20 s; return what it complained about."""
    encoded = ("-codec:0", "libx264", "-preset:0", "ultrafast", "-force_key_frames:0", "expr:gte(t,n_forced*1)")
    ended = run(
        ffmpeg,
        [
            *("-ss", "20", "-i", str(clip), "-start_at_zero", "-copyts", "-map", "0:v", *encoded, "-r:0", "25"),
            *("-map", "0:a", "-codec:1", "aac", "-b:1", "64k", "-to", str(20 + seconds)),
            *("-f", "dash", "-seg_duration", "1", "-dash_segment_type", "mp4", *NAMES, "-window_size", "5"),
            *("-delete_removed", "false", "-skip_to_segment", str(FIRST), "-manifest_name", manifest, *more),
            *("-avoid_negative_ts", "disabled", "-map_metadata", "-1", "-map_chapters", "-1", "dash"),
        ],
        folder,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


def chunk(folder: Path, stream: int, number: int) -> Path:
    return folder / f"chunk-stream{stream}-{number:05}.m4s"


def whole_job(ffmpeg: Path, clip: Path, folder: Path) -> list[Request]:
    """Return the manifest requests of a job of 10 s."""
    with Sink(folder) as sink:
        job(ffmpeg, clip, folder, manifest=sink.url("/session/s/j/manifest?X-Plex-Http-Pipeline=infinite"))
    return sink.requests


def test_segments_are_numbered_from_skip_to_segment_and_none_is_deleted(
    ffmpeg: Path, clip: Path, tmp_path: Path
) -> None:
    whole_job(ffmpeg, clip, tmp_path)
    expected = {chunk(tmp_path, stream, FIRST + i).name for stream in (0, 1) for i in range(10)}
    # the audio encoder may need one chunk more for what it held back
    found = {name for name in sizes(tmp_path) if name.startswith("chunk") and not name.endswith(f"{FIRST + 10:05}.m4s")}
    assert found == expected


def test_the_first_chunk_says_it_starts_where_the_seek_went(ffmpeg: Path, clip: Path, tmp_path: Path) -> None:
    whole_job(ffmpeg, clip, tmp_path)
    for stream in (0, 1):
        assert boxes.start_of_chunk(chunk(tmp_path, stream, FIRST)) == pytest.approx((20, 20), abs=0.1)


def test_a_chunk_holds_one_fragment(ffmpeg: Path, clip: Path, tmp_path: Path) -> None:
    whole_job(ffmpeg, clip, tmp_path)
    for name in sizes(tmp_path):
        if name.startswith("chunk"):
            assert boxes.names(tmp_path / name).count("moof") == 1, name


def test_the_manifest_is_posted_to_its_url_and_to_nothing_else(ffmpeg: Path, clip: Path, tmp_path: Path) -> None:
    requests = whole_job(ffmpeg, clip, tmp_path)
    assert {(each.method, each.path) for each in requests} == {
        ("POST", "/session/s/j/manifest?X-Plex-Http-Pipeline=infinite")
    }
    assert "dash" not in sizes(tmp_path)
    assert 'type="static"' in requests[-1].body


def test_the_first_manifest_is_empty_and_sent_when_the_init_files_are_complete(
    ffmpeg: Path, clip: Path, tmp_path: Path
) -> None:
    requests = whole_job(ffmpeg, clip, tmp_path)
    early, final = requests[0], sizes(tmp_path)
    assert [(line.start_number, line.segments) for line in boxes.timelines(early.body)] == [(FIRST, ())] * 2
    for name in ("init-stream0.m4s", "init-stream1.m4s"):
        assert early.on_disk.get(name) == final[name] > 0
    assert not [name for name in early.on_disk if name.endswith(".m4s") and name.startswith("chunk")]


def test_the_start_number_moves_with_the_window_and_belongs_to_the_first_listed_segment(
    ffmpeg: Path, clip: Path, tmp_path: Path
) -> None:
    requests = whole_job(ffmpeg, clip, tmp_path)
    starts = set()
    for request in requests[1:]:
        for stream, line in enumerate(boxes.timelines(request.body)):
            if line.segments:
                assert len(line.segments) <= 5
                start, _ = boxes.start_of_chunk(chunk(tmp_path, stream, line.start_number))
                assert line.segments[0][0] == pytest.approx(start, abs=0.05)
            starts.add(line.start_number)
    assert min(starts) == FIRST
    assert max(starts) >= FIRST + 5


def test_every_listed_segment_is_complete_when_the_manifest_arrives(ffmpeg: Path, clip: Path, tmp_path: Path) -> None:
    requests = whole_job(ffmpeg, clip, tmp_path)
    final = sizes(tmp_path)
    for request in requests:
        for stream, line in enumerate(boxes.timelines(request.body)):
            for i in range(len(line.segments)):
                name = chunk(tmp_path, stream, line.start_number + i).name
                assert request.on_disk.get(name) == final[name]


def test_a_server_that_cannot_be_reached_does_not_end_the_job(ffmpeg: Path, clip: Path, tmp_path: Path) -> None:
    said = job(ffmpeg, clip, tmp_path, manifest=unused_url(), seconds=3)
    assert "Failed to send the manifest" in said
    assert chunk(tmp_path, 0, FIRST + 2).exists()


@pytest.mark.parametrize("trouble", [{"status": 500}, {"reset": True}], ids=str)
def test_a_server_in_trouble_does_not_end_the_job(
    ffmpeg: Path, clip: Path, tmp_path: Path, trouble: dict[str, Any]
) -> None:
    with Sink(tmp_path, **trouble) as sink:
        job(ffmpeg, clip, tmp_path, manifest=sink.url(), seconds=3)
    assert chunk(tmp_path, 0, FIRST + 2).exists()


def test_the_manifest_may_be_a_file_of_another_name(ffmpeg: Path, clip: Path, tmp_path: Path) -> None:
    job(ffmpeg, clip, tmp_path, manifest="other.mpd", seconds=2)
    assert 'startNumber="21"' in (tmp_path / "other.mpd").read_text()
    assert not {"dash", "other.mpd.tmp"} & set(sizes(tmp_path))


def test_what_left_the_window_is_deleted_when_that_is_asked_for(ffmpeg: Path, clip: Path, tmp_path: Path) -> None:
    job(ffmpeg, clip, tmp_path, manifest="m", more=("-delete_removed", "true", "-extra_window_size", "0"))
    assert not chunk(tmp_path, 0, FIRST).exists()
    assert chunk(tmp_path, 0, FIRST + 9).exists()


def test_numbers_and_durations_fit_without_a_timeline_too(ffmpeg: Path, clip: Path, tmp_path: Path) -> None:
    job(ffmpeg, clip, tmp_path, manifest="m.mpd", more=("-use_timeline", "0"), seconds=4)
    assert 'startNumber="21"' in (tmp_path / "m.mpd").read_text()
    assert boxes.start_of_chunk(chunk(tmp_path, 0, FIRST + 3))[0] == pytest.approx(23, abs=0.1)


def test_time_delta_lets_a_segment_end_a_little_early(ffmpeg: Path, tmp_path: Path) -> None:
    # keyframes each 0.96 s: without the delta only every second one ends a segment of 1 s
    source = ("-f", "lavfi", "-i", "testsrc2=size=64x36:rate=25:duration=6", "-c:v", "libx264", "-preset", "ultrafast")
    dash = ("-g", "24", "-f", "dash", "-seg_duration", "1", "-time_delta", "0.0625", "m.mpd")
    run(ffmpeg, [*source, *dash], tmp_path)
    assert len([name for name in sizes(tmp_path) if name.startswith("chunk")]) == 7


def test_segment_n_is_the_same_span_in_every_stream_however_far_keyframes_are_apart(
    ffmpeg: Path, clip: Path, tmp_path: Path
) -> None:
    # keyframes each second and segments of 0.3 s: stock lets the audio run ahead, three segments to one of video
    with Sink(tmp_path) as sink:
        ended = run(
            ffmpeg,
            [
                *("-ss", "20", "-noaccurate_seek", "-i", str(clip), "-start_at_zero", "-copyts", "-to", "28"),
                *("-map", "0:v", "-codec:0", "copy", "-map", "0:a", "-codec:1", "copy", "-f", "dash"),
                *("-seg_duration", "0.3", "-dash_segment_type", "mp4", *NAMES, "-window_size", "5"),
                *("-delete_removed", "false", "-skip_to_segment", str(FIRST), "-manifest_name", sink.url("/m")),
                *("-avoid_negative_ts", "disabled", "dash"),
            ],
            tmp_path,
        )
    assert ended.returncode == 0, ended.stderr
    starts = {stream: starts_of(tmp_path, stream) for stream in (0, 1)}
    assert starts[0].keys() == starts[1].keys()
    assert len(starts[0]) >= 8
    assert all(abs(starts[0][number] - starts[1][number]) < 0.25 for number in starts[0])


def test_every_segment_of_a_long_film_begins_on_the_grid(ffmpeg: Path, tmp_path: Path) -> None:
    """At 23.976 fps and 3 s stock joins two segments after 42 s: each is measured from its own, rounded, start."""
    seconds, seg = 126, 3
    with Sink(tmp_path) as sink:
        ended = run(
            ffmpeg,
            [
                *("-f", "lavfi", "-i", f"testsrc2=size=64x36:rate=24000/1001:duration={seconds}"),
                *(
                    "-f",
                    "lavfi",
                    "-i",
                    f"sine=sample_rate=48000:duration={seconds}",
                    "-map",
                    "0",
                    "-codec:0",
                    "libx264",
                ),
                *("-preset:0", "ultrafast", "-bf:0", "2", "-r:0", "23.975999999999999"),
                *("-force_key_frames:0", f"expr:gte(t,n_forced*{seg})", "-map", "1", "-codec:1", "aac", "-f", "dash"),
                *("-seg_duration", str(seg), "-dash_segment_type", "mp4", *NAMES, "-window_size", "5"),
                *("-delete_removed", "false", "-skip_to_segment", "1", "-manifest_name", sink.url("/m"), "dash"),
            ],
            tmp_path,
        )
    assert ended.returncode == 0, ended.stderr
    video = starts_of(tmp_path, 0)
    assert sorted(video) == list(range(1, seconds // seg + 1))
    assert {n: at for n, at in video.items() if not -0.13 < at - (n - 1) * seg < 0.05} == {}


def starts_of(folder: Path, stream: int) -> dict[int, float]:
    """Return the decode time of each chunk's first sample, in seconds, by number."""
    return {
        int(path.stem.rsplit("-", 1)[1]): boxes.start_of_chunk(path)[1]
        for path in folder.glob(f"chunk-stream{stream}-*.m4s")
    }
