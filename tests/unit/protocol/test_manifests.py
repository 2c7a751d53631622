"""What manifests announce."""

import pytest

from scaleplex.protocol import manifests
from scaleplex.protocol.manifests import BadManifest

MPD = """<?xml version="1.0" encoding="utf-8"?>
<MPD xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="urn:mpeg:dash:schema:mpd:2011"
  xmlns:xlink="http://www.w3.org/1999/xlink" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="{type}">
  <ProgramInformation></ProgramInformation>
  <ServiceDescription id="0"></ServiceDescription>
  <Period id="0" start="PT0.0S">
    <AdaptationSet id="0" contentType="video" frameRate="24000/1001" par="16:9">
      <Representation id="0" mimeType="video/mp4" codecs="avc1.640028" bandwidth="7900000">
        <SegmentTemplate timescale="24000" initialization="init-stream$RepresentationID$.m4s"
          media="chunk-stream$RepresentationID$-$Number%05d$.m4s" startNumber="{start}">
          <SegmentTimeline>{timeline}</SegmentTimeline>
        </SegmentTemplate>
      </Representation>
    </AdaptationSet>
    <AdaptationSet id="1" contentType="audio" lang="eng">
      <Representation id="1" mimeType="audio/mp4" codecs="mp4a.40.2" bandwidth="256000">
        <AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="2"/>
        <SegmentTemplate timescale="48000" initialization="init-stream$RepresentationID$.m4s"
          media="chunk-stream$RepresentationID$-$Number%05d$.m4s" startNumber="{start}">
          <SegmentTimeline>{timeline}</SegmentTimeline>
        </SegmentTemplate>
      </Representation>
    </AdaptationSet>
  </Period>
</MPD>
"""


def mpd(timeline: str = "", start: int = 100, type: str = "dynamic") -> bytes:
    return MPD.format(timeline=timeline, start=start, type=type).encode()


def test_an_mpd_without_segments_announces_the_init_segments() -> None:
    manifest = manifests.read(mpd())
    assert manifest.names == ("init-stream0.m4s", "init-stream1.m4s")
    assert manifest.reach == (0, 0)


def test_an_mpd_announces_each_repeated_segment_of_each_representation() -> None:
    manifest = manifests.read(mpd('<S t="11880000" d="120120" r="1"/><S d="100"/>'))
    assert manifest.names == (
        *("init-stream0.m4s", "chunk-stream0-00100.m4s", "chunk-stream0-00101.m4s", "chunk-stream0-00102.m4s"),
        *("init-stream1.m4s", "chunk-stream1-00100.m4s", "chunk-stream1-00101.m4s", "chunk-stream1-00102.m4s"),
    )


def test_an_mpd_whose_window_moved_on_reaches_further() -> None:
    assert manifests.read(mpd('<S d="1" r="4"/>', 100)).reach < manifests.read(mpd('<S d="1" r="4"/>', 101)).reach


def test_the_static_mpd_comes_after_every_dynamic_one() -> None:
    last = manifests.read(mpd('<S d="1" r="4"/>', 100))
    final = manifests.read(mpd('<S d="1" r="4"/>', 100, "static"))
    assert last.reach < final.reach
    assert last.names == final.names


def test_a_csv_announces_finished_rows_and_not_the_one_being_written() -> None:
    manifest = manifests.read(
        b"media-00111.ts,888.000000,896.000000,896.021333,896.000000\n"
        b"media-00112.ts,896.000000,904.000000,904.010667,904.000000\n"
        b"#media-00113.ts,904.000000,904.000000,-1.000000,-1.000000\n"
    )
    assert manifest.names == ("media-00111.ts", "media-00112.ts")
    assert manifest.reach == (0, 112)


@pytest.mark.parametrize(
    "name", ["media-00000.ts", "chunk-00003", "sub-chunk-00099", "media-123456.ts", '"chunk-00001"']
)
def test_every_segment_name_plex_asks_for_is_known(name: str) -> None:
    assert manifests.read(f"{name},0.000000,1.000000\n".encode()).names == (name.strip('"'),)


@pytest.mark.parametrize("body", [b"", b"\n", b"\r\n"])
def test_an_empty_list_announces_nothing(body: bytes) -> None:
    assert manifests.read(body) == manifests.Manifest((), (0, -1))


@pytest.mark.parametrize(
    "name",
    [
        "../media-00001.ts",
        "/etc/passwd",
        "http://example.org/media-00001.ts",
        "media-00001.ts.tmp",
        "media-1.ts",
        "media-00001.mp4",
        "media-٠٠٠٠١.ts",
        "",
        "header",
        "temp-0.srt",
        "Media-00001.ts",
        " media-00001.ts",
        '"media-00001.ts\x00"',
        "##media-00001.ts",
    ],
)
def test_a_csv_may_name_nothing_but_segments(name: str) -> None:
    with pytest.raises(BadManifest):
        manifests.read(f"{name},0.0,1.0\n".encode())


@pytest.mark.parametrize(
    "body",
    [
        b"media-00001.ts\n",
        b"media-00001.ts,1\n",
        b"media-00001.ts,1,2,3,4,5\n",
        b"\xff\xfe",
        b'"media-00001.ts,1,2\n',
        b"#EXTM3U\nmedia-00001.ts\n",
        b"GET / HTTP/1.1\r\n",
    ],
)
def test_a_body_that_is_no_segment_list_is_refused(body: bytes) -> None:
    with pytest.raises(BadManifest):
        manifests.read(body)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("init-stream$RepresentationID$.m4s", "../init-stream$RepresentationID$.m4s"),
        ("init-stream$RepresentationID$.m4s", "http://example.org/init.m4s"),
        ("chunk-stream$RepresentationID$-$Number%05d$.m4s", "chunk-$Time$.m4s"),
        ("chunk-stream$RepresentationID$-$Number%05d$.m4s", "chunk-stream$RepresentationID$-$Number$.m4s"),
        ("chunk-stream$RepresentationID$-$Number%05d$.m4s", "chunk-stream$RepresentationID$-00001.m4s"),
        ('id="0" mimeType', 'id="../0" mimeType'),
        ("<ProgramInformation>", "<BaseURL>http://example.org/</BaseURL><ProgramInformation>"),
        ("<ProgramInformation>", "<Location>http://example.org/</Location><ProgramInformation>"),
        ('<Period id="0"', '<Period xlink:href="http://example.org/" id="0"'),
        ("<SegmentTimeline>", '<SegmentURL media="x"/><SegmentTimeline>'),
        ('startNumber="100"', 'startNumber="x"'),
        ("<MPD ", "<XML "),
        ("</Period>", ""),
        ('<?xml version="1.0" encoding="utf-8"?>', '<!DOCTYPE MPD [<!ENTITY a "b">]>'),
        ('<?xml version="1.0" encoding="utf-8"?>', '<?xml version="1.0" encoding="nonsense"?>'),
        ('d="1"', 'd="1" r="99999999"'),
        ('d="1"', 'd="1" r="-1"'),
    ],
)
def test_an_mpd_that_leads_elsewhere_or_is_malformed_is_refused(old: str, new: str) -> None:
    text = mpd('<S t="0" d="1"/>').decode()
    assert old in text
    with pytest.raises(BadManifest):
        manifests.read(text.replace(old, new).encode())


@pytest.mark.parametrize("body", [b"<XML/>", b"<XML></XML>", b"<!-- MPD --><html></html>"])
def test_xml_that_is_no_mpd_is_refused(body: bytes) -> None:
    with pytest.raises(BadManifest):
        manifests.read(body)
