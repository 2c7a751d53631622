"""Patch 0007: a segment is closed, gets its name, and is announced only then."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ffmpeg.conftest import Start
from tests.ffmpeg.programs import run, sizes
from tests.ffmpeg.sink import Sink
from tests.ffmpeg.watching import SLOW_START, real_time_source, seen_short, watch

pytestmark = pytest.mark.patch("0007-segment-close-rename-announce")

SEGMENTS = ("-f", "ssegment", "-segment_time", "1")
MATROSKA = ("-segment_format", "matroska", "-individual_header_trailer", "0", "-flags", "+global_header")
HEADER = ("-segment_header_filename", "header")


def test_a_reader_never_finds_a_segment_that_is_still_short(running: Start, tmp_path: Path) -> None:
    encoded = [*real_time_source(3), *SLOW_START, "-g", "25", *SEGMENTS]
    process = running([*encoded, *MATROSKA, *HEADER, "media-%05d.ts"])
    seen = watch(process, tmp_path)
    assert process.returncode == 0
    assert {"header", "media-00000.ts", "media-00002.ts"} <= seen.keys()
    assert not {name for name in seen_short(seen, tmp_path) if name.startswith("media")}


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_every_segment_in_a_list_is_complete_and_no_temporary_name_is_listed(
    ffmpeg: Path, clip: Path, tmp_path: Path
) -> None:
    with Sink(tmp_path) as sink:
        to_server = ("-segment_list", sink.url(), "-segment_list_type", "csv", "-segment_list_size", "5")
        run(ffmpeg, ["-i", str(clip), "-map", "0:v", "-c", "copy", *SEGMENTS, *to_server, "media-%05d.ts"], tmp_path)
    final = sizes(tmp_path)
    assert len(sink.requests) == 40
    for request in sink.requests:
        newest = request.body.splitlines()[-1].split(",")[0]
        assert request.on_disk[newest] == final[newest]
        # the next one is being written; its reader must not find it
        assert len([name for name in request.on_disk if not name.endswith(".tmp")]) >= len(request.body.splitlines())
        assert ".tmp" not in request.body
    busy = [name for request in sink.requests[:-1] for name in request.on_disk if name.endswith(".tmp")]
    assert busy
    assert not [name for name in final if name.endswith(".tmp")]


def test_sigterm_gives_the_last_segment_its_name_and_leaves_no_temporary_one(running: Start, tmp_path: Path) -> None:
    encoded = [*real_time_source(30), *SLOW_START, "-g", "25", *SEGMENTS]
    process = running([*encoded, *MATROSKA, *HEADER, "-segment_list", "list.csv", "media-%05d.ts"])
    wait_until(
        lambda: "media-00001.ts.tmp" in sizes(tmp_path) or process.poll() is not None or tmp_is_unknown(tmp_path)
    )
    was_staged = "media-00001.ts.tmp" in sizes(tmp_path)
    time.sleep(0.4)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    left = sizes(tmp_path)
    assert was_staged
    assert not [name for name in left if name.endswith(".tmp")]
    rows = (tmp_path / "list.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == sorted(name for name in left if name.startswith("media"))


def tmp_is_unknown(folder: Path) -> bool:
    """A segment under its own name while the one before is the only one: stock."""
    return "media-00001.ts" in sizes(folder)


def test_a_short_segment_is_neither_named_nor_listed_and_ends_the_job(ffmpeg: Path, tmp_path: Path) -> None:
    source = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=4,noise=alls=60")
    encoded = ("-c:v", "libx264", "-preset", "ultrafast", "-b:v", "3M", "-g", "25")
    listed = ("-segment_format", "mpegts", "-segment_list", "list.csv", "-segment_list_size", "5")
    ended = run(ffmpeg, [*source, *encoded, *SEGMENTS, *listed, "media-%05d.ts"], tmp_path, max_file_bytes=60_000)
    assert ended.returncode != 0
    assert [name for name in sizes(tmp_path) if name.startswith("media")] == []
    assert not (tmp_path / "list.csv").exists()


@pytest.mark.guard
@pytest.mark.parametrize(("inner", "encoder"), [("ass", "ass"), ("srt", "srt")])
def test_a_text_segment_shows_its_first_cue_under_its_own_name_while_it_is_open(
    running: Start, clip: Path, tmp_path: Path, inner: str, encoder: str
) -> None:
    header = ("-segment_header_filename", "sub-header") if inner == "ass" else ()
    listed = ("-segment_list", "list.csv", "-segment_list_type", "csv", "-segment_list_size", "5")
    out = ("-f", "segment", "-segment_format", inner, "-segment_time", "1", *header, *listed, "sub-chunk-%05d")
    # read in real time the second cue comes at 3 s, so that the first segment stays open for two
    process = running(["-re", "-i", str(clip), "-map", "0:s", "-c", encoder, *out])
    wait_until(lambda: sizes(tmp_path).get("sub-chunk-00000", 0) > 0 or process.poll() is not None)
    assert b"cue 1" in (tmp_path / "sub-chunk-00000").read_bytes()
    assert process.poll() is None
    assert not [name for name in sizes(tmp_path) if name.startswith("sub-chunk") and name.endswith(".tmp")]


@pytest.mark.guard
def test_the_header_is_complete_when_the_first_segment_is_listed(ffmpeg: Path, clip: Path, tmp_path: Path) -> None:
    with Sink(tmp_path) as sink:
        listed = ("-segment_list", sink.url(), "-segment_list_type", "csv", "-segment_list_size", "5")
        streams = ("-map", "0:v", "-c", "copy", "-t", "5")
        run(ffmpeg, ["-i", str(clip), *streams, *SEGMENTS, *MATROSKA, *HEADER, *listed, "media-%05d.ts"], tmp_path)
    assert sink.requests[0].on_disk["header"] == sizes(tmp_path)["header"] > 0
