"""Facts are found wherever they stand, and one never hides another."""

import json

import pytest

from scaleplex.ffmpeg import argv
from scaleplex.translator import Facts, Source, SourceStream, facts
from tests.argvgen import SHAPES, Shape, build
from tests.argvgen.build import CALLBACK, JOB, SESSION
from tests.unit.translator.helpers import words

ONE_OF_EACH = [shape for shape in SHAPES if shape.kind != "thumbnails"]


def of(shape: Shape) -> Facts:
    return facts.collect(argv.parse(build(shape)), None)


@pytest.mark.parametrize("shape", ONE_OF_EACH, ids=lambda shape: shape.name)
def test_every_fact_of_a_job_is_read_back(shape: Shape) -> None:
    found = of(shape)
    assert found.kind == shape.kind
    assert found.source_backend == shape.backend
    assert (found.session, found.job) == (SESSION, JOB)
    assert found.seek_seconds == (shape.seek or None)
    if shape.backend not in ("copy", "none"):
        assert (found.width_px, found.height_px) == (shape.width, shape.height)
        assert found.video is not None
        assert (found.video.tonemap, found.video.ten_bit) == (shape.tonemap, shape.ten_bit)
        assert found.encodes_video
    mode = {"burn-staged": "burn-text", "soft": "copy", "soft-staged": "copy", "side-channel-staged": "side-channel"}
    expected = "side-channel" if shape.kind == "sub-side-channel" else mode.get(shape.subtitle, shape.subtitle)
    assert found.subtitle.mode == expected


def test_a_burn_does_not_hide_tone_mapping_nor_the_size() -> None:
    found = of(Shape("dash", "vaapi", codec="hevc", tonemap="mobius", subtitle="burn-staged"))
    assert found.video is not None
    assert (found.video.tonemap, found.video.tonemap_filter) == ("mobius", "tonemap_opencl")
    assert (found.subtitle.pad, found.subtitle.codec) == ("1:s:0", "subrip")
    assert found.width_px == 640


def test_a_bitmap_is_not_taken_for_the_video() -> None:
    found = of(Shape("dash", "vaapi", codec="mpeg2video", width=720, height=400, subtitle="burn-bitmap"))
    assert found.video is not None
    assert (found.video.pad, found.subtitle.pad, found.width_px) == ("0:0", "0:3", 720)


@pytest.mark.parametrize(
    ("graph", "algorithm"),
    [
        ("tonemap_opencl=tonemap=reinhard:format=nv12", "reinhard"),
        ("tonemap_cuda=hable:nv12", "hable"),
        ("tonemap_cuda=tonemap=mobius:format=nv12", "mobius"),
        ("format=p010,tonemap=mobius", "mobius"),
        ("tonemap=tonemap=hable:desat=0", "hable"),
        ("tonemap_vaapi=transfer=bt709:format=nv12", "hable"),
    ],
)
def test_the_algorithm_is_read_off_every_form(graph: str, algorithm: str) -> None:
    command = argv.parse(
        ["-i", "a", "-filter_complex", f"[0:0]{graph}[0]", "-map", "[0]", "-codec:0", "libx264", "out"]
    )
    video = facts.collect(command, None).video
    assert video is not None
    assert video.tonemap == algorithm


@pytest.mark.parametrize(
    ("filters", "ten_bit"),
    [
        ("scale_vaapi=w=2:h=2:format=p010", True),
        ("scale_cuda=w=2:h=2:format=p010,tonemap_cuda=hable:nv12", False),
        ("scale_vaapi=w=2:h=2:format=p010,hwmap,tonemap_opencl=tonemap=hable:format=nv12", False),
        ("scale=w=2:h=2,format=pix_fmts=yuv420p10le", True),
        ("scale=w=2:h=2,format=pix_fmts=yuv420p|nv12", False),
    ],
)
def test_the_last_pixel_format_decides_about_ten_bits(filters: str, ten_bit: bool) -> None:
    command = argv.parse(
        ["-i", "a", "-filter_complex", f"[0:0]{filters}[0]", "-map", "[0]", "-codec:0", "hevc_vaapi", "o"]
    )
    video = facts.collect(command, None).video
    assert video is not None
    assert video.ten_bit is ten_bit


def test_a_seek_behind_the_input_is_a_seek() -> None:
    assert facts.collect(argv.parse(words("-i a -ss 13 out")), None).seek_seconds == 13


def test_the_probe_knows_a_copied_stream_better_than_its_place() -> None:
    command = argv.parse(words("-i a -map 0:1 -codec:0 copy -f mp4 out"))
    source = Source((SourceStream(0, "audio", "aac"), SourceStream(1, "video", "h264", transfer="smpte2084")))
    found = facts.collect(command, source)
    assert found.kind == "optimize-remux"
    assert found.hdr is True


def test_a_server_of_2016_has_one_id() -> None:
    url = "http://127.0.0.1:32400/video/:/transcode/session/tsip4dpj2b3/progress"
    found = facts.collect(argv.parse(["-i", "a", "out", "-progressurl", url]), None)
    assert (found.session, found.job) == ("tsip4dpj2b3", None)


def test_callbacks_are_listed_progress_first() -> None:
    found = of(Shape("dash", "copy", subtitle="side-channel"))
    assert [url.removeprefix(CALLBACK).split("?")[0] for url in found.callback_urls] == [
        "/progress",
        "/manifest",
        "/manifest",
    ]


def test_outputs_name_what_a_job_leaves() -> None:
    main, side = of(Shape("dash", "copy", seek=495, segment=5, subtitle="side-channel")).outputs
    assert (main.header, main.segment) == (
        "init-stream$RepresentationID$.m4s",
        "chunk-stream$RepresentationID$-$Number%05d$.m4s",
    )
    assert main.first_number == 100
    assert (side.header, side.segment, side.first_number) == ("sub-header", "sub-chunk-%05d", 0)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_facts_are_plain_json(shape: Shape) -> None:
    document = of(shape).to_json()
    assert json.loads(json.dumps(document)) == document
    assert document["kind"] == of(shape).kind
