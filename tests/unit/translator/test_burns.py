"""Subtitles in the picture on VAAPI: text and bitmaps, with and without tone mapping, on Intel and on AMD."""

import pytest

from scaleplex.translator import Hardware, Source, SourceStream
from tests.unit.translator.helpers import option
from tests.unit.translator.test_vaapi import AMD, OPENCL, graph, job, made

STYLE = (
    r"font_scale=1.000000:font_path=/p/x.ttf:fontconfig_file=/p/y:language=en:overrides=A\\\=b\\\,C\\\=d:outline=2.6"
)
KEPT = r"font_scale=1.000000:language=en:overrides=A\\\=b\\\,C\\\=d:outline=2.6"
G8 = (
    "[0:0]hwupload[0];[0]scale_vaapi=w=2:h=4:format={0}[1];[1]hwdownload,format={0}[2];"
    "[2]inlineass={1}[3];[3]hwupload[4]"
)
G11 = (
    "[0:5]scale=2:4,hwupload[0];[0:0]hwupload[1];[1]scale_vaapi=w=2:h=4:format={0}[2];"
    "[2][0]overlay_vaapi,scale_vaapi=format={0}[3];[3]hwupload[4]"
)


def test_text_is_drawn_on_surfaces_with_plexs_styling() -> None:
    done = made(job(G8.format("nv12", STYLE), 4, more="-map_inlineass 0:3"))
    assert graph(done) == f"[0:0]scale_vaapi=w=2:h=4:format=nv12[0];[0]inlineass={KEPT}:render_height=1080[1]"
    assert option(done.argv, "-map_inlineass") == "0:3"


@pytest.mark.parametrize(
    ("codec", "animated", "tiered"),
    [
        ("ass", None, True),
        ("ass", True, True),
        ("ass", False, False),
        ("ssa", None, True),
        ("subrip", None, False),
        ("mov_text", None, False),
    ],
)
def test_only_a_script_that_may_move_is_drawn_with_fewer_lines(codec: str, animated: bool | None, tiered: bool) -> None:
    source = Source((SourceStream(3, "subtitle", codec, animated=animated),))
    done = made(job(G8.format("nv12", "font_scale=1.0"), 4, more="-map_inlineass 0:3"), source)
    assert (":render_height=1080:animated_tier_down=1[1]" in (graph(done) or "")) is tiered


@pytest.mark.parametrize(("style", "tiered"), [("font_scale=1.0", True), (STYLE, False)])
def test_a_script_nobody_probed_is_known_by_its_lack_of_overrides(style: str, tiered: bool) -> None:
    done = made(job(G8.format("nv12", style), 4, more="-map_inlineass 0:3"))
    assert ("animated_tier_down" in (graph(done) or "")) is tiered


def test_a_staged_subrip_file_never_moves() -> None:
    text = job(G8.format("nv12", "font_scale=1.0"), 4, more="-i t/temp-0.srt -map_inlineass 1:s:0")
    assert "animated" not in (graph(made(text)) or "")


@pytest.mark.parametrize("pixels", ["nv12", "p010"])
def test_a_bitmap_is_lifted_out_of_the_overlay_and_bound(pixels: str) -> None:
    done = made(job(G11.format(pixels), 4, "hevc_vaapi -qp:0 22"))
    assert graph(done) == f"[0:0]scale_vaapi=w=2:h=4:format={pixels}[0];[0]inlineass=render_height=1080[1]"
    assert option(done.argv, "-map_inlineass") == "0:5"


def test_a_bitmap_behind_tone_mapping_hides_neither() -> None:
    tonemapped = G11.format("p010").replace(
        "[2];[2][0]overlay_vaapi,scale_vaapi=format=p010",
        "[2];[2]hwmap=derive_device=opencl,tonemap_opencl=tonemap=mobius:format=nv12,hwmap=derive_device=vaapi:reverse=1[5];"
        "[5][0]overlay_vaapi,scale_vaapi=format=nv12",
    )
    done = made(job(tonemapped, 4))
    assert graph(done) == (
        f"[0:0]scale_vaapi=w=2:h=4:format=p010,{OPENCL.format('mobius')}[0];[0]inlineass=render_height=1080[1]"
    )


def test_amd_draws_text_in_memory() -> None:
    done = made(job(G8.format("p010", STYLE), 4, "hevc_vaapi -qp:0 22", more="-map_inlineass 0:3"), hardware=AMD)
    assert graph(done) == (
        f"[0:0]scale_vaapi=w=2:h=4:format=p010[0];[0]hwdownload,format=p010[1];[1]inlineass={KEPT},hwupload[2]"
    )
    assert option(done.argv, "-map_inlineass") == "0:3"


@pytest.mark.parametrize(("pixels", "join"), [("nv12", "overlay"), ("p010", "overlay=format=yuv420p10")])
def test_amd_lays_a_bitmap_over_the_picture_in_memory(pixels: str, join: str) -> None:
    done = made(job(G11.format(pixels), 4, "hevc_vaapi -qp:0 22"), hardware=AMD)
    assert graph(done) == (
        f"[0:5]scale=2:4[0];[0:0]scale_vaapi=w=2:h=4:format={pixels}[1];[1]hwdownload,format={pixels}[2];"
        f"[2][0]{join}[3];[3]format={pixels},hwupload[4]"
    )
    assert "-map_inlineass" not in done.argv


def test_a_gate_is_the_last_filter_behind_a_burn() -> None:
    gated = G8.format("nv12", "font_size=54").replace("[3];[3]hwupload", r"[3];[3]select=gte(t\,84)[5];[5]hwupload")
    done = made(job(gated, 4, more="-map_inlineass 0:3"))
    assert (graph(done) or "").endswith(r":render_height=1080:animated_tier_down=1[1];[1]select=gte(t\,84)[2]")
    amd = made(job(gated, 4, more="-map_inlineass 0:3"), hardware=AMD)
    assert (graph(amd) or "").endswith(r"inlineass=font_size=54,hwupload[2];[2]select=gte(t\,84)[3]")


def test_a_gate_follows_a_bitmap_laid_over_in_memory() -> None:
    gated = G11.format("nv12").replace("[3];[3]hwupload", r"[3];[3]select=gte(t\,84)[5];[5]hwupload")
    assert (graph(made(job(gated, 4), hardware=AMD)) or "").endswith(
        r"overlay[3];[3]format=nv12,hwupload[4];[4]select=gte(t\,84)[5]"
    )


def test_without_a_filter_that_draws_text_is_refused_and_bitmaps_are_laid_over_in_memory() -> None:
    text, bitmap = job(G8.format("nv12", "font_size=54"), 4), job(G11.format("nv12"), 4)
    assert made(text, burn=False).bail == "burn:text"
    assert "inlineass" in (graph(made(bitmap)) or "")
    over = graph(made(bitmap, burn=False)) or ""
    assert "inlineass" not in over
    assert over.endswith("overlay[3];[3]format=nv12,hwupload[4]")


@pytest.mark.parametrize(("codec", "decodes"), [("hevc", True), ("av1", False)])
def test_av1_under_an_overlay_is_decoded_by_the_processor(codec: str, decodes: bool) -> None:
    text = job(G11.format("nv12"), 4).replace("-codec:0 hevc", f"-codec:0 {codec}")
    assert ("-hwaccel:0" in made(text, burn=False).argv) is decodes
    assert "-hwaccel:0" in made(text).argv
    assert ("fallback:decode:av1:overlay" in made(text, burn=False).labels) is not decodes


@pytest.mark.parametrize(("driver", "draws"), [("iHD", False), ("radeonsi", True), ("radeonsi", False)])
def test_surfaces_are_drawn_on_only_by_a_driver_that_blends(driver: str, draws: bool) -> None:
    text = job(G8.format("nv12", STYLE), 4, more="-map_inlineass 0:3")
    assert "hwdownload" in (graph(made(text, hardware=Hardware(driver=driver, draws=draws))) or "")
