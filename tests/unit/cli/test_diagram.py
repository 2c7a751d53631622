"""Filtergraphs as rows and lanes, as text and as a picture."""

import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from scaleplex.cli.explain import diagram, svg
from scaleplex.ffmpeg import filtergraph
from tests.argvgen import SHAPES, Shape, build


def drawn(text: str, **takers: str) -> list[str]:
    rows = diagram.layout(filtergraph.parse(text), takers)
    return diagram.as_text(diagram.Drawing("video", rows))


def test_a_chain_is_one_lane_from_source_to_taker() -> None:
    assert drawn("[0:0]hwupload[0];[0]scale_vaapi=w=2:h=2[1]", **{"1": "output 0"}) == [
        "○  [0:0]",
        "◆  hwupload",
        "◆  scale_vaapi=w=2:h=2",
        "▼  [1] output 0",
    ]


def test_a_filter_that_leaves_frames_on_the_gpu_is_drawn_there() -> None:
    """A burn of ours used to be drawn in memory, between filters of the GPU."""
    text = (
        "[0:0]hwupload[0];[0]scale_cuda=w=2:h=2[1];[1]inlineass=render_height=1080[2];[2]select=1[3];[3]bwdif_cuda[4]"
    )
    assert [line[0] for line in drawn(text)] == ["○", "◆", "◆", "◆", "◆", "◆", "▼"]
    fetched = "[0:0]scale_vaapi=w=2:h=2[0];[0]hwdownload,format=nv12[1];[1]inlineass=font_size=54,hwupload[2]"
    assert [line[0] for line in drawn(fetched)] == ["○", "◆", "◆", "●", "●", "◆", "▼"]


def test_a_bitmap_subtitle_joins_the_video_in_a_lane_of_its_own() -> None:
    assert drawn("[0:5]scale=2:2[0];[0:0]null[1];[1][0]overlay[2]") == [
        "○    [0:5]",
        "●    scale=2:2",
        "│ ○  [0:0]",
        "│ ●  null",
        "├─╯",
        "●    overlay",
        "▼    [2]",
    ]


def test_a_split_opens_lanes_and_a_passing_lane_is_crossed() -> None:
    assert drawn("[0:0]split=3[a][b][c];[a][c]overlay[d];[d][b]overlay[e]") == [
        "○      [0:0]",
        "●      split=3",
        "├─┬─╮",
        "├─┼─╯",
        "● │    overlay",
        "├─╯",
        "●      overlay",
        "▼      [e]",
    ]


def test_filters_in_a_chain_and_out_of_order_are_drawn_in_the_order_frames_take() -> None:
    assert drawn("[b]hflip[c];[0:0]null,vflip[b]") == ["○  [0:0]", "●  null", "●  vflip", "●  hflip", "▼  [c]"]


def test_the_graph_of_vf_has_a_beginning_and_an_end() -> None:
    words = build(Shape("thumbnails", "none", codec="av1", seek=30))
    (found,) = diagram.drawings(words)
    assert [row.kind for row in found.rows] == ["source", "software", "software", "software", "sink"]
    plain = diagram.drawings(["-i", "a", "-vf", "fps=1,scale=2:2", "o"])
    assert [row.kind for row in plain[0].rows] == ["source", "software", "software", "sink"]


def test_the_map_says_who_takes_a_label() -> None:
    video, audio = diagram.drawings(build(Shape("dash", "vaapi")))
    assert (video.title, audio.title) == ("video", "audio")
    assert video.rows[-1].text == "[2] output 0, stream 0: h264_vaapi"
    assert audio.rows[-1].text == "[3] output 0, stream 1: aac"


def test_every_filter_of_every_shape_is_drawn_once() -> None:
    for shape in SHAPES:
        for option in (w for w in build(shape) if w.startswith("[0:")):
            graph = filtergraph.parse(option)
            rows = diagram.layout(graph, {})
            assert [r.text for r in rows if r.kind in ("software", "hardware")] == [f.body() for f in graph.filters()]


@given(st.text(alphabet="ab[];,=01: \\'", max_size=60))
def test_any_text_can_be_drawn(text: str) -> None:
    drawing = diagram.Drawing("video", diagram.layout(filtergraph.parse(text), {}))
    assert all(line.isprintable() for line in diagram.as_text(drawing))
    ET.fromstring(svg.picture((("a", (drawing,)), ("b", ()))))


def test_a_picture_is_well_formed_and_holds_every_filter() -> None:
    words = build(Shape("dash", "vaapi", codec="mpeg2video", subtitle="burn-bitmap"))
    root = ET.fromstring(svg.picture((("before <&>", diagram.drawings(words)), ("after", ()))))
    texts = "\n".join("".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text"))
    for expected in ("before <&>", "overlay_vaapi", "scale_vaapi=format=nv12", "[0:3]", "no filtergraph", "on the GPU"):
        assert expected in texts
