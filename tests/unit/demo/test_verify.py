"""The verifier finds each fault a file can have when it is announced."""

from pathlib import Path

import pytest

from scaleplex.demo.pms import boxes, matroska, transport
from scaleplex.demo.pms.boxes import Broken, Track, read_chunk, read_init
from scaleplex.demo.pms.manifests import Segment
from scaleplex.demo.pms.verify import Anchor, changed_since, dash_problems, list_problems, read_announced
from tests.unit.demo.boxmaker import FRAME, NOT_KEY, TIMESCALE, box, chunk, fragment, init, transport_stream
from tests.unit.demo.samples import decision

NUMBER = 16
STARTS_AT = 1079 * FRAME  # the first frame at or after 45 s
SEGMENT = Segment("0", NUMBER, STARTS_AT / TIMESCALE, STARTS_AT / TIMESCALE + 3.003, "chunk-stream0-00016.m4s")


@pytest.fixture
def track() -> Track:
    return read_init(init())


def dash(data: bytes, track: Track, previous_end: int | None = None, anchor: Anchor | None = None) -> list[str]:
    return dash_problems(data, track, SEGMENT, decision(number=15), anchor, previous_end)[2]


def test_a_sound_chunk_has_no_problem(track: Track) -> None:
    assert dash(chunk(STARTS_AT), track, previous_end=STARTS_AT) == []


def test_an_init_segment_tells_its_track() -> None:
    assert read_init(init(2, b"soun", 48000)) == Track(2, "soun", 48000, 0, FRAME, 0)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "empty"),
        (init()[:-5], "claims"),
        (box("moov") + box("ftyp"), "an init segment of moov ftyp"),
        (init(extra=fragment(0)), "an init segment of ftyp moov moof mdat"),
        (box("ftyp") + box("moov"), "0 moov/trak boxes"),
    ],
)
def test_a_broken_init_segment_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(Broken, match=complaint):
        read_init(data)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (chunk(STARTS_AT)[:-1], "claims"),
        (chunk(STARTS_AT) + b"\0\0\0", "stray bytes"),
        (b"", "empty"),
        (chunk(STARTS_AT, fragments=[fragment(STARTS_AT), fragment(STARTS_AT + 72 * FRAME)]), "2 moof boxes"),
        (chunk(STARTS_AT, samples=0), "no samples"),
        (init(), "0 moof boxes"),
    ],
)
def test_a_chunk_that_no_player_could_read_is_refused(track: Track, data: bytes, complaint: str) -> None:
    with pytest.raises(Broken, match=complaint):
        read_chunk(data, track)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (init() + chunk(STARTS_AT), "boxes are ftyp moov styp sidx moof mdat"),
        (fragment(STARTS_AT), "boxes are moof mdat"),
        (chunk(STARTS_AT, track=2), "track 2, the init segment has 1"),
        (chunk(STARTS_AT, first_flags=NOT_KEY), "does not start with a key frame"),
        (chunk(STARTS_AT, offset=5), "trun data offset 5"),
        (chunk(STARTS_AT, timescale=90000), "sidx timescale 90000"),
        (chunk(STARTS_AT, fragments=[fragment(STARTS_AT - 2 * FRAME)]), "sidx earliest time"),
        (chunk(0), "starts at 0.000 s, due at 45.000 s"),
        (chunk(STARTS_AT + 3 * FRAME), "starts at 45.128 s, due at 45.000 s"),
        (chunk(STARTS_AT - 3 * FRAME), "announced for 45.003 s"),
    ],
)
def test_every_other_fault_of_a_chunk_is_named(track: Track, data: bytes, complaint: str) -> None:
    assert complaint in "; ".join(dash(data, track))


def test_a_chunk_that_does_not_follow_the_one_before_it_is_named(track: Track) -> None:
    assert "the chunk before it ended at" in "; ".join(dash(chunk(STARTS_AT), track, STARTS_AT - 40 * FRAME))


def test_a_job_cuts_from_its_own_first_frame(track: Track) -> None:
    late = Segment("0", 18, 51.051, 54.054, "chunk-stream0-00018.m4s")  # 1.2 frames behind the film's own grid
    data, made = chunk(1224 * FRAME), decision(number=15)
    assert dash_problems(data, track, late, made, None, None)[2] != []
    assert dash_problems(data, track, late, made, Anchor(16, 45.045), None)[2] == []


def test_a_transport_segment_starts_ten_seconds_late_and_that_is_right() -> None:
    segment = Segment("base", 15, 45.0, 48.0, "media-00015.ts")
    made = decision(protocol="hls", number=15)
    assert list_problems(transport_stream(55.003), segment, made, None) == (pytest.approx(45.003), [])
    assert "due at 45.000 s" in "; ".join(list_problems(transport_stream(45.003), segment, made, None)[1])
    assert list_problems(transport_stream(55.0, video_type=0x0F), segment, made, None)[1] == ["no picture"]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "empty"),
        (transport_stream(10)[:-1], "whole number"),
        (transport_stream(10, tables=False), "no programme tables"),
        (b"\0" + transport_stream(10)[1:], "no sync byte at 0"),
        (transport_stream(10)[: 2 * 188], "no timestamp"),
    ],
)
def test_a_broken_transport_segment_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(Broken, match=complaint):
        transport.read_segment(data)


def cluster(milliseconds: int, extra: bytes = b"", checksum: bytes = b"") -> bytes:
    body = checksum + b"\xe7\x84" + milliseconds.to_bytes(4, "big") + extra
    return b"\x1f\x43\xb6\x75" + (0x4000 | len(body)).to_bytes(2, "big") + body


def test_the_clusters_of_a_matroska_segment_are_read() -> None:
    with_checksum = cluster(56000, checksum=b"\xbf\x84\0\0\0\0")
    assert matroska.read_clusters(cluster(55003) + with_checksum) == [55.003, 56.0]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "empty"),
        (cluster(1)[:-1], "claims"),
        (b"\x1a\x45\xdf\xa3\x80" + cluster(1), "a header inside"),
        (b"\xec\x80", "no cluster"),
        (b"\x16\x54\xae\x6b\x80" + cluster(1), "is no cluster"),
    ],
)
def test_a_broken_matroska_segment_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(Broken, match=complaint):
        matroska.read_clusters(data)


def test_a_file_that_is_written_again_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "chunk-stream0-00001.m4s"
    path.write_bytes(b"one")
    _, known = read_announced(path)
    assert not changed_since(path, known)
    (tmp_path / "other").write_bytes(b"one")
    (tmp_path / "other").rename(path)
    assert changed_since(path, known)


def test_a_file_that_was_removed_has_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "chunk-stream0-00001.m4s"
    path.write_bytes(b"one")
    _, known = read_announced(path)
    path.unlink()
    assert not changed_since(path, known)


def test_boxes_of_64_bit_size_are_read() -> None:
    wide = b"\0\0\0\1mdat" + (16 + 3).to_bytes(8, "big") + b"abc"
    assert boxes.parse(wide).one("mdat").body == b"abc"
