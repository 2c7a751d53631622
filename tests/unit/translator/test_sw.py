"""What the software backend makes of a command."""

import pytest

from scaleplex.translator import BackendError, Site, Source, SourceStream, translate
from tests.unit.translator.helpers import SITE, sw, words

VAAPI = "[0:0]hwupload[0];[0]scale_vaapi=w=1280:h=720:format={0}[1];[1]hwupload[2]"


def job(graph: str, encoder: str, label: int = 2, decode: str = "-codec:0 hevc") -> str:
    return f"{decode} -i a -filter_complex '{graph}' -map '[{label}]' -codec:0 {encoder} -f dash dash"


def option(argv: tuple[str, ...], name: str) -> str | None:
    return argv[argv.index(name) + 1] if name in argv else None


@pytest.mark.parametrize(
    ("encoder", "graph", "becomes"),
    [
        ("h264_vaapi -qp:0 22", VAAPI.format("nv12"), "libx264"),
        ("hevc_vaapi -qp:0 22", VAAPI.format("nv12"), "libx265"),
        ("h264_nvenc -b:0 3k", "[0:0]hwupload[1];[1]scale_cuda=w=2:h=2:format=nv12[2]", "libx264"),
        ("hevc_nvenc -b:0 3k", "[0:0]hwupload[1];[1]scale_cuda=w=2:h=2:format=nv12[2]", "libx265"),
    ],
)
def test_a_hardware_encoder_becomes_the_software_one_of_its_codec(encoder: str, graph: str, becomes: str) -> None:
    done = sw(job(graph, encoder))
    assert option(done.argv, "-codec:0") == "hevc"
    assert becomes in done.argv
    assert f"encode:{encoder.split()[0]}->{becomes}" in done.labels


def test_ten_bit_hevc_stays_ten_bit() -> None:
    done = sw(job(VAAPI.format("p010"), "hevc_vaapi -qp:0 18 -sei:0 -a53_cc"))
    assert "[0]format=pix_fmts=yuv420p10le[1]" in (option(done.argv, "-filter_complex") or "")
    assert option(done.argv, "-profile:0") == "main10"
    assert option(done.argv, "-forced-idr:0") == "1"
    assert "open-gop=0" in (option(done.argv, "-x265-params:0") or "")
    assert "-sei:0" not in done.argv


def test_a_profile_plex_set_is_never_replaced() -> None:
    done = sw(job(VAAPI.format("p010"), "hevc_vaapi -qp:0 18 -profile:0 main"))
    assert option(done.argv, "-profile:0") == "main"


@pytest.mark.parametrize(
    ("graph", "label", "curve"),
    [
        (
            "[0:0]scale=w=1280:h=720:force_divisible_by=4[0];[0]format=p010,tonemap=mobius[1];[1]format=yuv420p[2]",
            2,
            "mobius",
        ),
        ("[0:0]hwupload[0];[0]scale_cuda=w=1280:h=720:format=p010[1];[1]tonemap_cuda=hable:nv12[2]", 2, "hable"),
        (
            (
                "[0:0]hwupload[0];[0]scale_vaapi=w=1280:h=720:format=p010[1];[1]hwmap=derive_device=opencl[2];"
                "[2]tonemap_opencl=tonemap=bt2390:format=nv12[3];[3]hwmap=derive_device=vaapi:reverse=1[4]"
            ),
            4,
            "hable",
        ),
    ],
)
def test_tone_mapping_happens_in_linear_light_after_scaling_down(graph: str, label: int, curve: str) -> None:
    done = sw(job(graph, "libx264 -crf:0 21", label))
    assert option(done.argv, "-filter_complex") == (
        "[0:0]scale=w=1280:h=720:force_divisible_by=4[0];"
        "[0]zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,"
        f"tonemap=tonemap={curve}:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p[1]"
    )
    assert option(done.argv, "-map") == "[1]"


def test_an_untagged_source_is_taken_for_pq_when_plex_asks_for_tone_mapping() -> None:
    text = job("[0:0]scale=w=2:h=2[0];[0]format=p010,tonemap=hable[1]", "libx264 -crf:0 21", 1)
    untagged = sw(text, Source((SourceStream(0, "video", "hevc", transfer="unknown"),)))
    tagged = sw(text, Source((SourceStream(0, "video", "hevc", transfer="arib-std-b67"),)))
    assert "[0]setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc,zscale=t=linear" in (
        option(untagged.argv, "-filter_complex") or ""
    )
    assert "setparams" not in (option(tagged.argv, "-filter_complex") or "")


def test_no_tone_mapping_asked_for_means_none_made() -> None:
    source = Source((SourceStream(0, "video", "hevc", transfer="smpte2084"),))
    assert "tonemap" not in " ".join(sw(job(VAAPI.format("nv12"), "h264_vaapi -qp:0 22"), source).argv)


def test_plexs_own_software_graph_is_not_touched() -> None:
    graph = "[0:0]scale=w=1920:h=1080[0];[0]format=pix_fmts=nv12[1]"
    assert option(sw(job(graph, "libx264 -crf:0 21", 1)).argv, "-filter_complex") == graph


def test_hybrid_jobs_lose_their_decode_block_and_nothing_else() -> None:
    graph = "[0:0]scale=w=1920:h=1080:force_divisible_by=4[0];[0]format=pix_fmts=yuv420p|nv12[1]"
    encoder = "libx264 -crf:0 18 -preset:0 veryfast -level:0 4.0 -x264opts:0 subme=0"
    plain = sw(job(graph, encoder, 1))
    hybrid = sw(job(graph, encoder, 1, "-codec:0 hevc -hwaccel:0 vaapi -hwaccel_device:0 vaapi"))
    assert hybrid.argv == plain.argv == tuple(words(job(graph, encoder, 1)))


@pytest.mark.parametrize(
    ("encoder", "crf"),
    [
        ("h264_vaapi -qp:0 22", "22"),
        ("h264_vaapi -qp:0 15", "16"),
        ("hevc_vaapi -qp:0 18", "22"),
        ("h264_vaapi -b:0 1898k -maxrate:0 2531k", "21"),
        ("h264_nvenc -b:0 3419k -maxrate:0 3419k", "21"),
        ("h264_nvenc -b:0 20121k -maxrate:0 20121k", "16"),
        ("hevc_nvenc -b:0 20121k -maxrate:0 20121k", "20"),
        ("h264_vaapi -rc_mode:0 QVBR -b:0 9k -global_quality:0 27 -maxrate:0 9k", "27"),
        ("h264_nvenc -rc:0 vbr -b:0 0 -cq:0 19", "19"),
        ("hevc_vaapi -qp:0 50", "51"),
    ],
)
def test_rate_control_becomes_constant_quality(encoder: str, crf: str) -> None:
    done = sw(job(VAAPI.format("nv12"), encoder))
    assert option(done.argv, "-crf:0") == crf
    assert not {"-qp:0", "-global_quality:0", "-cq:0"} & set(done.argv)
    assert "-b:0" not in done.argv


def test_the_cap_is_kept_and_completed() -> None:
    done = sw(job(VAAPI.format("nv12"), "h264_nvenc -b:0 3419k"))
    assert (option(done.argv, "-maxrate:0"), option(done.argv, "-bufsize:0")) == ("3419k", "6838k")


def test_what_plex_says_in_software_terms_is_not_altered() -> None:
    encoder = "libx264 -crf:0 16 -maxrate:0 20000k -bufsize:0 40000k -r:0 23.975999999999999 -preset:0 veryfast"
    graph = "[0:0]scale=w=2:h=2[0]"
    text = job(graph, encoder, 0)
    assert sw(text).argv == tuple(words(text))


def test_a_gate_behind_a_seek_survives_as_last_filter() -> None:
    graph = r"[0:0]hwupload[0];[0]scale_vaapi=w=2:h=2:format=nv12[1];[1]select=gte(t\,84)[2];[2]hwupload[3]"
    done = sw(job(graph, "h264_vaapi -qp:0 22", 3))
    assert (option(done.argv, "-filter_complex") or "").endswith(r"[1]select=gte(t\,84)[2]")


def test_copied_video_keeps_its_codec_and_loses_devices() -> None:
    text = "-codec:0 h264 -noaccurate_seek -i a -map 0:0 -codec:0 copy -f dash dash"
    with_device = text.replace(" -map", " -init_hw_device vaapi=vaapi: -filter_hw_device vaapi -map")
    assert sw(text).argv == sw(with_device).argv == tuple(words(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-version", "no-input"),
        ("-i a", "no-output"),
        (job("[0:0]scale=w=2:h=2[0];[0]inlineass=font_size=54[1]", "libx264", 1), "burn:text"),
        (job("[0:0]subtitles=filename=x[0]", "libx264", 0), "filter:subtitles"),
        (job("[0:0]yadif[0]", "libx264", 0), "filter:yadif"),
        (job("[0:0]scale=w=2:h=2:force_original_aspect_ratio=decrease[0]", "libx264", 0), "filter:scale"),
        (job("[0:0]scale=w=4:h=4[0];[0]scale=w=2:h=2[1]", "libx264", 1), "filter:scale"),
        (job("[0:0]zscale=w=2:h=2[0]", "libx264", 0), "filter:zscale"),
        (job("[0:0]setparams=field_mode=tff[0]", "libx264", 0), "filter:setparams"),
        (job("[0:0]overlay=x=8[0]", "libx264", 0), "filter:overlay"),
        (job("[0:0]select=1,select=0[0]", "libx264", 0), "filter:select"),
        (job(VAAPI.format("nv12"), "h264_qsv"), "encoder:h264_qsv"),
        (job(VAAPI.format("nv12"), "h264_vaapi", decode="-codec:0 hevc_qsv"), "decoder:hevc_qsv"),
        ("-codec:0 h264 -i a -map 0:0 -codec:0 libx264 -f dash dash", "no-video-graph"),
        (job(r"[0:0]scale_vaapi=w=min(2\,iw):h=2[0]", "h264_vaapi", 0), "size"),
    ],
)
def test_what_is_not_understood_is_only_cleaned_and_says_why(text: str, reason: str) -> None:
    private = "-eae_prefix:1 S_ -codec:1 eac3_eae "
    done = sw(private + text)
    assert done.bail == reason
    assert done.labels[0] == f"bail:{reason}"
    assert done.labels[1].startswith("where:") is (reason.split(":")[0] not in ("no-input", "no-output", "burn"))
    assert list(done.argv) == words("-codec:1 eac3 " + text)


def test_a_backend_nobody_knows_names_those_there_are() -> None:
    with pytest.raises(BackendError, match="There is no backend 'qsv'") as caught:
        translate([], {}, None, "qsv", SITE)
    assert caught.value.hint == "Known are vaapi, nvenc, sw."


BURN = Site(callback_base=SITE.callback_base, burn=True)
STYLE = "font_scale=1.000000:font_path=/p/x.ttf:fontconfig_file=/p/y:language=en"


@pytest.mark.parametrize(
    ("graph", "label", "expected"),
    [
        (
            f"[0:0]hwupload[0];[0]scale_vaapi=w=2:h=4:format=nv12[1];[1]hwdownload,format=nv12[2];[2]inlineass={STYLE}[3];[3]hwupload[4]",
            4,
            (
                "[0:0]scale=w=2:h=4:force_divisible_by=4[0];[0]format=pix_fmts=yuv420p|nv12[1];"
                "[1]inlineass=font_scale=1.000000:language=en[2]"
            ),
        ),
        (
            "[0:0]scale_vaapi=w=2:h=4:format=nv12[0];[0]inlineass=font_size=54:render_height=1080:animated_tier_down=1[1]",
            1,
            (
                "[0:0]scale=w=2:h=4:force_divisible_by=4[0];[0]format=pix_fmts=yuv420p|nv12[1];"
                "[1]inlineass=font_size=54[2]"
            ),
        ),
        (
            "[0:3]scale=2:4,hwupload[0];[0:0]hwupload[1];[1]scale_vaapi=w=2:h=4:format=nv12[2];[2][0]overlay_vaapi,scale_vaapi=format=nv12[3];[3]hwupload[4]",
            4,
            (
                "[0:3]scale=2:4[0];[0:0]scale=w=2:h=4:force_divisible_by=4[1];"
                "[1]format=pix_fmts=yuv420p|nv12[2];[2][0]overlay[3]"
            ),
        ),
        (
            "[0:0]scale_vaapi=w=2:h=4:format=nv12[0];[0]inlineass=render_height=1080[1]",
            1,
            (
                "[0:3]scale=2:4[0];[0:0]scale=w=2:h=4:force_divisible_by=4[1];"
                "[1]format=pix_fmts=yuv420p|nv12[2];[2][0]overlay[3]"
            ),
        ),
    ],
)
def test_a_burn_in_software_is_plexs_own_graph(graph: str, label: int, expected: str) -> None:
    bound = job(graph, "h264_vaapi -qp:0 22", label).replace("-i a", "-i a -map_inlineass 0:3")
    done = sw(bound, site=BURN)
    assert done.bail is None
    assert option(done.argv, "-filter_complex") == expected
    assert option(done.argv, "-map_inlineass") == ("0:3" if "inlineass" in expected else None)


def test_a_burn_plex_planned_in_software_only_loses_its_paths() -> None:
    graph = f"[0:0]scale=w=2:h=4[0];[0]format=pix_fmts=nv12[1];[1]inlineass={STYLE}[2]"
    done = sw(job(graph, "libx264 -crf:0 21"), site=BURN)
    expected = "[0:0]scale=w=2:h=4[0];[0]format=pix_fmts=nv12[1];[1]inlineass=font_scale=1.000000:language=en[2]"
    assert option(done.argv, "-filter_complex") == expected


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (job(VAAPI.format("nv12"), "h264_qsv"), "-codec:0 of the first output"),
        ("-codec:0 h264 -i a -map 0:0 -codec:0 libx264 -f dash dash", "-map 0:0 of the first output"),
        (job("[0:0]scale=w=2:h=2[0];[0]yadif[1]", "libx264", 1), "-filter_complex, filter 2 of 2"),
        (job("[0:0]scale=w=2:h=2[0];[0]!?[1]", "libx264", 0), "-filter_complex, filter 2 of 2"),
        (
            job(VAAPI.format("nv12"), "h264_vaapi", decode="-codec:#0x01 hevc_qsv -codec:0 hevc_qsv"),
            "-codec:0 of the first input",
        ),
        (job(r"[0:0]scale_vaapi=w=min(2\,iw):h=2[0]", "h264_vaapi", 0), "-filter_complex"),
        (job(r"[0:0]scale_vaapi=w=2:h=min(2\,iw)[0]", "h264_vaapi", 0), "-filter_complex"),
    ],
)
def test_what_is_not_understood_is_named_with_its_place(text: str, where: str) -> None:
    assert sw(text).labels[1] == f"where:{where}"


def test_a_filter_that_cannot_be_read_is_called_so() -> None:
    assert sw(job("[0:0]scale=w=2:h=2[0];[0]!?[1]", "libx264", 0)).bail == "filter:unreadable"


@pytest.mark.parametrize("width", ["-2", "iw*0.5", "iw/2", "1_0", "+10"])
def test_a_size_that_needs_no_escaping_is_carried_over(width: str) -> None:
    done = sw(job(f"[0:0]scale_vaapi=w={width}:h=2:format=nv12[0]", "h264_vaapi -qp:0 22", 0))
    assert f"scale=w={width}:h=2" in (option(done.argv, "-filter_complex") or "")


def test_options_of_x264_mean_nothing_to_x265() -> None:
    done = sw(job("[0:0]scale=w=2:h=2[0]", "libx265 -crf:0 21 -x264opts:0 subme=0 -level:0 4.0", 0))
    assert not {"-x264opts:0", "-level:0"} & set(done.argv)


@pytest.mark.parametrize(("encoder", "pixels"), [("hevc_vaapi", "nv12"), ("h264_vaapi", "p010")])
def test_only_hevc_of_ten_bits_is_main10(encoder: str, pixels: str) -> None:
    done = sw(job(VAAPI.format(pixels), f"{encoder} -qp:0 18"))
    assert "-profile:0" not in done.argv
    assert "format=pix_fmts=yuv420p|nv12" in (option(done.argv, "-filter_complex") or "")


@pytest.mark.parametrize(("given", "preset"), [("medium", "medium"), ("placebo", "placebo"), ("p4", "veryfast")])
def test_a_preset_x264_knows_stays(given: str, preset: str) -> None:
    done = sw(job("[0:0]scale=w=2:h=2[0]", f"libx264 -crf:0 21 -preset:0 {given}", 0))
    assert option(done.argv, "-preset:0") == preset


@pytest.mark.parametrize("rate", ["-qp:0 20", "-b:0 2M", "-crf:0 21 -b:0 0"])
def test_rate_control_of_x264_stays_as_it_is(rate: str) -> None:
    done = sw(job("[0:0]scale=w=2:h=2[0]", f"libx264 {rate} -preset:0 veryfast", 0))
    assert f" {rate} -preset:0 veryfast" in " ".join(done.argv)


@pytest.mark.parametrize("transfer", ["unspecified", "reserved", None])
def test_every_name_for_no_transfer_is_taken_for_pq(transfer: str | None) -> None:
    text = job("[0:0]scale=w=2:h=2[0];[0]format=p010,tonemap=hable[1]", "libx264 -crf:0 21", 1)
    done = sw(text, Source((SourceStream(0, "video", "hevc", transfer=transfer),)))
    assert "[0]setparams=" in (option(done.argv, "-filter_complex") or "")


def test_a_graph_without_a_size_gets_none() -> None:
    plain = sw(job("[0:0]hwupload[0];[0]scale_vaapi=format=nv12[1]", "h264_vaapi -qp:0 22", 1))
    assert option(plain.argv, "-filter_complex") == "[0:0]format=pix_fmts=yuv420p|nv12[0]"
    bitmap = "[0:3]hwupload[0];[0:0]scale_vaapi=format=nv12[1];[1][0]overlay_vaapi[2]"
    laid = sw(job(bitmap, "h264_vaapi -qp:0 22"), site=BURN)
    assert option(laid.argv, "-filter_complex") == (
        "[0:3]null[0];[0:0]format=pix_fmts=yuv420p|nv12[1];[1][0]overlay[2]"
    )


def test_a_burn_without_a_style_stays_without() -> None:
    graph = "[0:0]scale_vaapi=w=2:h=2:format=nv12[0];[0]hwdownload,format=nv12[1];[1]inlineass[2]"
    done = sw(job(graph, "h264_vaapi -qp:0 22"), site=BURN)
    assert (option(done.argv, "-filter_complex") or "").endswith("[1]inlineass[2]")


def test_a_bitmap_drawn_by_a_filter_is_laid_over_in_software_whatever_else_the_graph_holds() -> None:
    graph = "[0:0]scale=w=2:h=4[0];[0]format=pix_fmts=nv12[1];[1]inlineass=render_height=1080[2]"
    done = sw(job(graph, "libx264 -crf:0 21").replace("-i a", "-i a -map_inlineass 0:3"), site=BURN)
    assert (option(done.argv, "-filter_complex") or "").endswith("[2][0]overlay[3]")


def test_a_text_and_a_bitmap_burn_plex_planned_in_software_are_not_touched() -> None:
    for graph in (
        "[0:3]scale=2:4[0];[0:0]scale=w=2:h=4[1];[1]format=pix_fmts=nv12[2];[2][0]overlay[3]",
        "[0:0]scale=w=2:h=4[0];[0]format=pix_fmts=nv12[1];[1]inlineass=font_size=54[3]",
    ):
        done = sw(job(graph, "libx264 -crf:0 21 -preset:0 veryfast", 3), site=BURN)
        assert option(done.argv, "-filter_complex") == graph


def test_a_cap_without_a_buffer_gets_one_of_two_seconds_and_no_cap_gets_none() -> None:
    capped = sw(job("[0:0]scale=w=2:h=2[0]", "libx264 -crf:0 21 -maxrate:0 3k", 0))
    assert option(capped.argv, "-bufsize:0") == "6k"
    free = sw(job("[0:0]scale=w=2:h=2[0]", "libx264 -crf:0 21 -maxrate:0 0", 0))
    assert "-bufsize:0" not in free.argv
