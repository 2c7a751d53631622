"""A graph comes back character for character, and its parts are read as FFmpeg reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleplex.ffmpeg import filtergraph
from tests.argvgen.graphs import INLINEASS

GRAPHS = [
    "[0:0]scale=w=720:h=404:force_divisible_by=4[0];[0]format=pix_fmts=yuv420p|nv12[1]",
    "[0:1] aresample=async=1:ochl='5.1':rematrix_maxval=0.000000dB:osr=48000[2]",
    f"[0:0]hwupload[0];[0]{INLINEASS}[1]",
    r"[3]select=gte(t\,84)[4]",
    "[0:3]scale=720:400,hwupload[0];[0:0]hwupload[1];[1][0]overlay_vaapi,scale_vaapi=format=nv12[2]",
    "[in]fps=0.5,scale=w=320:h=320:force_original_aspect_ratio=increase,showinfo[out]",
    "sws_flags=bicubic;[0:0] [1:0] overlay [x]",
    "",
]


@pytest.mark.parametrize("text", GRAPHS)
def test_a_graph_comes_back_character_for_character(text: str) -> None:
    assert filtergraph.emit(filtergraph.parse(text)) == text


@given(st.text(alphabet="[]=:,;'\\ ab0_.@|\n" + "é"))
def test_any_text_comes_back_character_for_character(text: str) -> None:
    assert filtergraph.emit(filtergraph.parse(text)) == text


def test_filters_links_and_arguments_are_told_apart() -> None:
    graph = filtergraph.parse("[0:0]scale=w=720:h=404[0];[0]format=nv12[1]")
    scale, form = graph.filters()
    assert (scale.name, scale.inputs, scale.outputs) == ("scale", ("0:0",), ("0",))
    assert (scale.get("w"), scale.get("h"), form.get("pix_fmts", 0)) == ("720", "404", "nv12")
    assert graph.ends() == ("1",)


def test_a_blank_behind_the_source_pad_is_not_part_of_the_name() -> None:
    assert filtergraph.parse("[0:1] aresample=async=1[0]").first("aresample") is not None


def test_a_quoted_value_is_read_without_its_quotes() -> None:
    found = filtergraph.parse("[0:1] aresample=ochl='5.1':osr=48000[2]").first("aresample")
    assert found is not None
    assert (found.get("ochl"), found.get("osr")) == ("5.1", "48000")


def test_both_levels_of_escaping_are_taken_off() -> None:
    found = filtergraph.parse(f"[0]{INLINEASS}[1]").first("inlineass")
    assert found is not None
    assert found.get("overrides") == ("ScaledBorderAndShadow=yes,FontName=Noto Sans Medium,PrimaryColour=&H00FFFFFF")
    assert found.get("font_size") == "54"


def test_an_escaped_comma_does_not_end_a_filter() -> None:
    assert [found.name for found in filtergraph.parse(r"select=gte(t\,84),format=nv12").filters()] == [
        "select",
        "format",
    ]


def test_an_argument_removed_leaves_the_escaping_of_the_others_alone() -> None:
    found = filtergraph.parse(f"[0]{INLINEASS}[1]").first("inlineass")
    assert found is not None
    text = found.without("font_path", "fontconfig_file").text()
    assert text.startswith(r"[0]inlineass=font_scale=1.000000:language=en:overrides=ScaledBorderAndShadow\\\=yes\\\,")
    assert "Resources" not in text


def test_a_filter_that_cannot_be_read_has_no_name_and_keeps_its_text() -> None:
    (found,) = filtergraph.parse("[0]sc ale]x[=").filters()
    assert (found.name, found.text()) == ("", "[0]sc ale]x[=")
