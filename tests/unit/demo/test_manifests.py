"""Manifests: what an MPD and a list announce."""

import pytest

from scaleplex.demo.pms.manifests import BadManifest, parse_csv, parse_mpd


def mpd(
    timeline: str = '<S t="11880000" d="120120" r="1"/>', kind: str = "dynamic", first: int = 100, **names: str
) -> bytes:
    init = names.get("init", "init-stream$RepresentationID$.m4s")
    media = names.get("media", "chunk-stream$RepresentationID$-$Number%05d$.m4s")
    return f"""<?xml version="1.0" encoding="utf-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="{kind}"><Period><AdaptationSet><Representation id="0">
<SegmentTemplate timescale="24000" initialization="{init}" media="{media}" startNumber="{first}">
<SegmentTimeline>{timeline}</SegmentTimeline></SegmentTemplate></Representation></AdaptationSet></Period></MPD>""".encode()


def test_an_mpd_announces_its_time_line() -> None:
    manifest = parse_mpd(mpd())
    assert [(s.stream, s.number, s.name) for s in manifest.segments] == [
        ("0", 100, "chunk-stream0-00100.m4s"),
        ("0", 101, "chunk-stream0-00101.m4s"),
    ]
    assert [s.start_seconds for s in manifest.segments] == [495.0, 500.005]
    assert (manifest.inits, manifest.first_numbers, manifest.final) == (("init-stream0.m4s",), (100,), False)


def test_an_early_mpd_announces_the_init_segment_only() -> None:
    manifest = parse_mpd(mpd(timeline=""))
    assert (manifest.segments, manifest.inits) == ((), ("init-stream0.m4s",))


def test_the_last_mpd_is_static() -> None:
    assert parse_mpd(mpd(kind="static")).final


@pytest.mark.parametrize(
    "body", [b"", b"not xml", b"<MPD/>", mpd(media="/etc/chunk-$Number%05d$.m4s"), mpd(init="../x.m4s")]
)
def test_a_body_that_is_no_mpd_of_this_directory_is_refused(body: bytes) -> None:
    with pytest.raises(BadManifest):
        parse_mpd(body)


def test_a_list_announces_its_finished_rows() -> None:
    manifest = parse_csv(
        b"media-00111.ts,888.000000,896.000000,896.021333,896.000000\n"
        b"media-00112.ts,896.000000,904.000000,904.010667,904.000000\n"
        b"#media-00113.ts,904.000000,904.000000,-1.000000,-1.000000\n"
    )
    assert [(s.number, s.end_seconds) for s in manifest.segments] == [(111, 896.0), (112, 904.0)]
    assert manifest.unfinished == ("media-00113.ts",)


@pytest.mark.parametrize(
    "body",
    [b"media-00111.ts,888.0\n", b"media-00111.ts,a,b\n", b"../media-00111.ts,1,2\n", b"http://h/media-00111.ts,1,2\n"],
)
def test_a_row_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(BadManifest):
        parse_csv(body)
