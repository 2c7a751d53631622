"""What the VAAPI backend makes of a command, on Intel and on AMD."""

import pytest

from scaleplex.translator import Hardware, Source, SourceStream, Translation
from tests.unit.translator.helpers import gpu, option

INTEL = Hardware("/dev/dri/renderD129", "iHD")
AMD = Hardware("/dev/dri/renderD128", "radeonsi")
G7 = "[0:0]hwupload[0];[0]scale_vaapi=w=1280:h=720:format={0}[1];[1]hwupload[2]"
OPENCL = (
    "hwmap=derive_device=opencl,tonemap_opencl=tonemap={0}:transfer=bt709:matrix=bt709:primaries=bt709:format=nv12,"
    "hwmap=derive_device=vaapi:reverse=1"
)
G9 = (
    "[0:0]hwupload[0];[0]scale_vaapi=w=3840:h=2160:format=p010[1];[1]hwmap=derive_device=opencl[2];"
    "[2]tonemap_opencl=tonemap=mobius:format=nv12:m=bt709:p=bt709:r=tv[3];"
    "[3]hwmap=derive_device=vaapi:reverse=1[4];[4]hwupload[5]"
)
DECODE = "-codec:0 hevc -hwaccel:0 vaapi -hwaccel_output_format:0 vaapi -hwaccel_device:0 vaapi"
HDR = Source((SourceStream(0, "video", "hevc", transfer="smpte2084", bit_depth=10),))


def job(graph: str, label: int, encoder: str = "h264_vaapi -qp:0 22", decode: str = DECODE, more: str = "") -> str:
    return f"{decode} -i a {more} -filter_complex '{graph}' -map '[{label}]' -codec:0 {encoder} -f dash dash"


def made(text: str, source: Source | None = None, **site: object) -> Translation:
    return gpu(text, "vaapi", source, **({"hardware": INTEL} | site))


def graph(done: Translation) -> str | None:
    assert done.bail is None
    return option(done.argv, "-filter_complex")


def encoding(done: Translation) -> str:
    """Return the words of the video encoder."""
    start = max(place for place, word in enumerate(done.argv) if word == "-codec:0")
    return " ".join(done.argv[start + 1 : done.argv.index("-f")])


def test_surfaces_go_from_decoder_to_encoder_without_a_detour() -> None:
    done = made(job(G7.format("nv12"), 2))
    assert graph(done) == "[0:0]scale_vaapi=w=1280:h=720:format=nv12[0]"
    assert option(done.argv, "-map") == "[0]"


def test_the_device_is_the_workers_and_opens_directly_before_the_input() -> None:
    text = job(
        G7.format("nv12"), 2, more="-init_hw_device vaapi=vaapi:/dev/dri/renderD128,driver=i965 -filter_hw_device vaapi"
    )
    words = " ".join(made(text).argv)
    assert (
        f"{DECODE} -init_hw_device vaapi=vaapi:/dev/dri/renderD129,driver=iHD -filter_hw_device vaapi -i a -fi" in words
    )
    assert "-init_hw_device vaapi=vaapi: -filter_hw_device vaapi -i a" in " ".join(made(text, hardware=Hardware()).argv)


def test_the_devices_of_old_servers_are_replaced() -> None:
    words = made(job(G7.format("nv12"), 2) + " -vaapi_device /dev/dri/renderD128").argv
    assert "-vaapi_device" not in words
    assert option(words, "-init_hw_device") == "vaapi=vaapi:/dev/dri/renderD129,driver=iHD"


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ("-codec:0 libdav1d", f"{DECODE.replace('hevc', 'av1')}"),
        ("-codec:0 h264", f"{DECODE.replace('hevc', 'h264')}"),
        ("-codec:0 vp9", f"{DECODE.replace('hevc', 'vp9')}"),
        ("-codec:#0x01 hevc", f"{DECODE.replace(':0', ':#0x01')}"),
        ("-codec:0 hevc -hwaccel:0 nvdec -threads:0 1 -hwaccel_output_format:0 cuda -hwaccel_device:0 cuda", DECODE),
        ("-codec:0 hevc -hwaccel:0 vaapi -hwaccel_fallback_threshold:0 10 -hwaccel_output_format:0 vaapi", DECODE),
    ],
)
def test_the_decoder_hint_is_followed_directly_by_hardware_decoding(given: str, becomes: str) -> None:
    done = made(job("[0:0]scale=w=2:h=2[0]", 0, "libx264 -crf:0 21", given))
    assert " ".join(done.argv).startswith(f"{becomes} -init_hw_device")


def test_a_hint_that_is_missing_is_written_where_ffmpegs_own_choice_has_no_hardware() -> None:
    source = Source((SourceStream(0, "video", "av1", bit_depth=10),))
    text = job("[0:0]scale=w=2:h=2[0]", 0, "libx264 -crf:0 21", "-codec:0 h264 -y")
    done = made(text, source)
    assert list(done.argv[:10]) == [*DECODE.replace("hevc", "av1").split(), "-y", "-init_hw_device"]
    assert "decode:0:none->av1" in done.labels


@pytest.mark.parametrize("able", [frozenset({"h264"}), frozenset({"hevc"}), frozenset({"hevc:10"})])
def test_a_source_of_unknown_depth_is_decoded_in_hardware_only_if_either_depth_can_be(able: frozenset[str]) -> None:
    done = made(job(G7.format("nv12"), 2), hardware=Hardware(decoders=able))
    assert graph(done) == "[0:0]format=nv12,hwupload[0];[0]scale_vaapi=w=1280:h=720:format=nv12[1]"
    assert "-hwaccel:0" not in done.argv
    assert any(label.startswith("fallback:decode:hevc") for label in done.labels)


def test_av1_on_a_gpu_without_av1_is_decoded_in_software_and_says_why() -> None:
    text = job(G7.format("nv12"), 2, decode=DECODE.replace("hevc", "av1"))
    done = made(text, hardware=Hardware(decoders=frozenset({"h264", "hevc"})))
    assert option(done.argv, "-codec:0") == "libdav1d"
    assert "fallback:decode:av1" in done.labels
    assert "-init_hw_device" in done.argv


@pytest.mark.parametrize(
    ("stream", "hardware"),
    [
        (SourceStream(0, "video", "h264", bit_depth=8, pixel_format="yuv420p"), True),
        (SourceStream(0, "video", "h264", bit_depth=10, pixel_format="yuv420p10le"), False),
        (SourceStream(0, "video", "h264", bit_depth=8, pixel_format="yuv422p"), False),
        (SourceStream(0, "video", "hevc", bit_depth=10, pixel_format="yuv420p10le"), True),
        (SourceStream(0, "video", "hevc", bit_depth=12), False),
        (SourceStream(0, "video", "mpeg4", bit_depth=8), False),
        (SourceStream(0, "video", "unknown"), True),
    ],
)
def test_only_what_gpus_decode_is_decoded_by_one(stream: SourceStream, hardware: bool) -> None:
    hint = "h264" if stream.codec == "unknown" else stream.codec
    done = made(job("[0:0]scale=w=2:h=2[0]", 0, "libx264 -crf:0 21", f"-codec:0 {hint}"), Source((stream,)))
    assert ("-hwaccel:0" in done.argv) is hardware
    assert (graph(done) or "").startswith("[0:0]scale_vaapi" if hardware else "[0:0]format=nv12,hwupload[0]")


def test_a_decoder_nobody_names_is_left_to_the_processor() -> None:
    done = made(job("[0:0]scale=w=2:h=2[0]", 0, "libx264 -crf:0 21", "-y"))
    assert "-hwaccel:0" not in done.argv
    assert "fallback:decode:unknown" in done.labels


def test_ten_bit_hevc_is_main10_directly_behind_the_encoder() -> None:
    done = made(job(G7.format("p010"), 2, "hevc_vaapi -qp:0 18"))
    assert graph(done) == "[0:0]scale_vaapi=w=1280:h=720:format=p010[0]"
    assert encoding(done) == "hevc_vaapi -profile:0 main10 -qp:0 18"


@pytest.mark.parametrize("encoder", ["hevc_vaapi -qp:0 18", "h264_vaapi -qp:0 18"])
def test_tone_mapped_video_and_h264_have_no_ten_bit_profile(encoder: str) -> None:
    assert "profile" not in encoding(made(job(G9, 5, encoder)))
    assert "profile" not in encoding(made(job(G7.format("nv12"), 2, encoder)))


def test_h264_never_gets_ten_bits() -> None:
    assert graph(made(job(G7.format("p010"), 2))) == "[0:0]scale_vaapi=w=1280:h=720:format=nv12[0]"


def test_a_profile_plex_set_stays() -> None:
    assert "-profile:0 main " in encoding(made(job(G7.format("p010"), 2, "hevc_vaapi -profile:0 main -qp:0 18")))


def test_tone_mapping_is_opencl_with_plexs_curve() -> None:
    done = made(job(G9, 5))
    assert graph(done) == f"[0:0]scale_vaapi=w=3840:h=2160:format=p010,{OPENCL.format('mobius')}[0]"
    assert "-init_hw_device opencl=ocl@vaapi -filter_hw_device vaapi -i" in " ".join(done.argv)
    assert not any(label.startswith("tonemap:") for label in done.labels)


def test_software_decoding_is_uploaded_before_tone_mapping() -> None:
    text = job(
        "[0:0]scale=w=2:h=2[0];[0]format=p010,tonemap=mobius[1];[1]format=pix_fmts=nv12[2]",
        2,
        "libx264 -crf:0 21",
        "-codec:0 mpeg4",
    )
    done = made(text)
    mapped = OPENCL.format("mobius")
    assert graph(done) == f"[0:0]format=p010,hwupload[0];[0]scale_vaapi=w=2:h=2:format=p010,{mapped}[1]"
    assert "tonemap:tonemap=mobius->tonemap_opencl=mobius" in done.labels


@pytest.mark.parametrize("tonemap", ["", "vaapi"])
def test_a_source_without_tags_is_taken_for_hdr10_by_every_tone_mapper(tonemap: str) -> None:
    source = Source((SourceStream(0, "video", "hevc", bit_depth=10, mastering=True),))
    done = made(job(G9, 5), source, hardware=Hardware(driver="iHD", tonemap=tonemap))
    tags = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    assert f"format=p010,{tags}," in (graph(done) or "")
    assert [label for label in done.labels if label.endswith("+assumed-pq")]
    again = made(" ".join(map(repr, done.argv)), source, hardware=Hardware(driver="iHD", tonemap=tonemap))
    assert again.argv == done.argv
    assert tags not in (graph(made(job(G9, 5), HDR)) or "")


@pytest.mark.parametrize(("hint", "native"), [("libvpx-vp9", "vp9"), ("libvpx", "vp8"), ("libaom-av1", "av1")])
def test_only_ffmpegs_own_decoders_get_a_gpu(hint: str, native: str) -> None:
    done = made(job(G7.format("nv12"), 2, decode=DECODE.replace("hevc", hint)))
    assert option(done.argv, "-codec:0") == native
    assert "-hwaccel:0" in done.argv


def test_rate_control_without_a_stream_specifier_is_the_videos() -> None:
    given = "libx264 -crf 23 -maxrate 3M -bufsize 6M -preset veryfast -level 4.0"
    words = encoding(made(job("[0:0]scale=w=2:h=2[0]", 0, given), plex_pass=True))
    assert "-global_quality:0 29" in words
    assert "-rc_mode:0 QVBR" in words
    assert "-b:0 3M" in words
    assert "-compression_level:0 6" in words
    assert not [word for word in ("-crf", "-preset", "-level") if word in words.split()]


def test_a_curve_ffmpeg_lacks_becomes_hable() -> None:
    assert "tonemap=hable" in (graph(made(job(G9.replace("mobius", "bt2390"), 5))) or "")


def test_the_drivers_fixed_curve_is_used_where_the_operator_says_so() -> None:
    fixed = Hardware(driver="iHD", tonemap="vaapi")
    done = made(job(G9, 5), hardware=fixed)
    assert graph(done) == "[0:0]scale_vaapi=w=3840:h=2160:format=p010,tonemap_vaapi=transfer=bt709:format=nv12[0]"
    assert "opencl" not in " ".join(done.argv)


@pytest.mark.parametrize(
    ("mastering", "filters"), [(None, "tonemap_vaapi"), (True, "tonemap_vaapi"), (False, "tonemap=tonemap=")]
)
def test_a_source_without_mastering_metadata_does_not_meet_the_fixed_curve(
    mastering: bool | None, filters: str
) -> None:
    source = Source((SourceStream(0, "video", "hevc", bit_depth=10, mastering=mastering),))
    done = made(job(G9, 5), source, hardware=Hardware(tonemap="vaapi"))
    assert filters in (graph(done) or "")


def test_the_fixed_curve_is_named_where_it_takes_another_ones_place() -> None:
    fixed = Hardware(driver="iHD", tonemap="vaapi")
    assert "tonemap:tonemap_opencl=mobius->tonemap_vaapi=hable" in made(job(G9, 5), hardware=fixed).labels
    own = "[0:0]scale_vaapi=w=2:h=2:format=p010[0];[0]tonemap_vaapi=transfer=bt709:format=nv12[1]"
    assert not [label for label in made(job(own, 1), hardware=fixed).labels if label.startswith("tonemap:")]


def test_the_processor_tone_maps_on_intel_where_the_operator_says_so() -> None:
    done = made(job(G9, 5), hardware=Hardware(driver="iHD", tonemap="cpu"))
    assert "zscale" in (graph(done) or "")


def test_amd_tone_maps_in_memory_behind_its_scaler() -> None:
    done = made(job(G9, 5), HDR, hardware=AMD)
    assert graph(done) == (
        "[0:0]scale_vaapi=w=3840:h=2160:format=p010,hwdownload,format=p010,zscale=t=linear:npl=100,format=gbrpf32le,"
        "zscale=p=bt709,tonemap=tonemap=mobius:desat=0,zscale=t=bt709:m=bt709:r=tv,format=nv12,hwupload[0]"
    )
    assert "opencl" not in " ".join(done.argv)


def test_amd_with_software_decoding_does_not_upload_to_tone_map() -> None:
    done = made(job(G9, 5, decode="-codec:0 mpeg4"), hardware=AMD)
    assert (graph(done) or "").startswith("[0:0]scale=w=3840:h=2160:force_divisible_by=4[0];[0]zscale=t=linear")
    assert (graph(done) or "").endswith("format=nv12,hwupload[1]")


@pytest.mark.parametrize(
    ("encoder", "becomes"),
    [
        (
            "h264_vaapi -qp:0 22 -maxrate:0 3419k -bufsize:0 6838k",
            "h264_vaapi -rc_mode:0 QVBR -b:0 3419k -global_quality:0 22 -maxrate:0 3419k -bufsize:0 6838k",
        ),
        (
            "h264_vaapi -global_quality:0 20 -maxrate:0 9k",
            "h264_vaapi -rc_mode:0 QVBR -b:0 9k -global_quality:0 20 -maxrate:0 9k",
        ),
        ("h264_vaapi -qp:0 22", "h264_vaapi -qp:0 22"),
        ("h264_vaapi -qp:0 0 -maxrate:0 9k", "h264_vaapi -rc_mode:0 QVBR -b:0 9k -global_quality:0 1 -maxrate:0 9k"),
        ("h264_vaapi -b:0 1898k -maxrate:0 2531k", "h264_vaapi -b:0 1898k -maxrate:0 2531k"),
        ("h264_vaapi -qp:0 22 -rc_mode:0 CQP -maxrate:0 9k", "h264_vaapi -qp:0 22 -rc_mode:0 CQP -maxrate:0 9k"),
        (
            "libx264 -crf:0 21 -maxrate:0 9k",
            "h264_vaapi -rc_mode:0 QVBR -b:0 9k -sei:0 -a53_cc -global_quality:0 27 -maxrate:0 9k",
        ),
        ("libx264 -crf:0 21", "h264_vaapi -sei:0 -a53_cc -qp:0 27"),
        ("libx264 -crf:0 49", "h264_vaapi -sei:0 -a53_cc -qp:0 51"),
        ("libx264 -crf:0 21.4", "h264_vaapi -sei:0 -a53_cc -qp:0 27"),
        ("libx264 -b:0 2M", "h264_vaapi -sei:0 -a53_cc -b:0 2M"),
        ("libx264 -crf:0 x -maxrate:0 9k", "h264_vaapi -sei:0 -a53_cc -maxrate:0 9k"),
        ("libx265 -crf:0 21", "hevc_vaapi -sei:0 -a53_cc -qp:0 27"),
        (
            "libx264 -crf:0 21 -preset:0 veryfast -level:0 4.0 -x264opts:0 subme=0 -tune:0 film",
            "h264_vaapi -sei:0 -a53_cc -qp:0 27 -compression_level:0 6",
        ),
        ("libx264 -crf:0 21 -preset:0 p4", "h264_vaapi -sei:0 -a53_cc -qp:0 27 -preset:0 p4"),
        (
            "h264_nvenc -b:0 3419k -maxrate:0 3419k -forced-idr:0 1",
            "h264_vaapi -rc_mode:0 QVBR -b:0 3419k -sei:0 -a53_cc -global_quality:0 21 -maxrate:0 3419k",
        ),
        (
            "hevc_nvenc -b:0 8000k -maxrate:0 8000k",
            "hevc_vaapi -rc_mode:0 QVBR -b:0 8000k -sei:0 -a53_cc -global_quality:0 15 -maxrate:0 8000k",
        ),
    ],
)
def test_rate_control_in_vaapis_terms(encoder: str, becomes: str) -> None:
    assert encoding(made(job(G7.format("nv12"), 2, encoder))) == becomes


def test_quality_without_a_cap_has_no_cap_elsewhere() -> None:
    done = made(job(G7.format("nv12"), 2, "h264_nvenc -rc:0 vbr -b:0 0 -cq:0 19"))
    assert "QVBR" not in encoding(done)
    assert "-qp:0 19" in encoding(done)


@pytest.mark.parametrize(
    ("preset", "level"),
    [
        ("ultrafast", 7),
        ("superfast", 7),
        ("veryfast", 6),
        ("faster", 5),
        ("fast", 4),
        ("medium", 4),
        ("slow", 3),
        ("slower", 2),
        ("veryslow", 1),
        ("placebo", 1),
    ],
)
def test_presets_become_compression_levels(preset: str, level: int) -> None:
    done = made(job(G7.format("nv12"), 2, f"libx264 -crf:0 21 -preset:0 {preset}"))
    assert option(done.argv, "-compression_level:0") == str(level)


def test_a_driver_without_qvbr_keeps_the_cap() -> None:
    done = made(job(G7.format("nv12"), 2, "h264_vaapi -qp:0 22 -maxrate:0 9k"), hardware=Hardware(qvbr=False))
    assert encoding(done) == "h264_vaapi -rc_mode:0 VBR -b:0 9k -maxrate:0 9k"


def test_the_offset_from_crf_to_qp_can_be_adjusted() -> None:
    done = made(job(G7.format("nv12"), 2, "libx264 -crf:0 21"), hardware=Hardware(crf_offset=0))
    assert option(done.argv, "-qp:0") == "21"
    lower = made(job(G7.format("nv12"), 2, "libx264 -crf:0 21"), hardware=Hardware(crf_offset=-30))
    assert option(lower.argv, "-qp:0") == "0"


def test_closed_captions_are_left_out_directly_before_forced_keyframes() -> None:
    encoder = "libx264 -crf:0 21 -r:0 24 -force_key_frames:0 expr:gte(t,n_forced*3)".replace("(", r"\(").replace(
        ")", r"\)"
    )
    done = made(job(G7.format("nv12"), 2, encoder))
    assert encoding(done).endswith("-r:0 24 -sei:0 -a53_cc -force_key_frames:0 expr:gte(t,n_forced*3)")


def test_dolby_vision_metadata_is_stripped_where_plex_strips_it() -> None:
    done = made(job(G7.format("nv12"), 2, "hevc_vaapi -qp:0 22 -bsf:0 dovi_rpu=strip=1"))
    assert option(done.argv, "-bsf:0") == "dovi_rpu=strip=1"


def test_a_gpu_that_cannot_encode_ten_bits_decodes_for_the_processor() -> None:
    done = made(
        job(G7.format("p010"), 2, "hevc_vaapi -qp:0 18"), hardware=Hardware(encoders=frozenset({"h264", "hevc"}))
    )
    assert " ".join(done.argv).startswith("-codec:0 hevc -hwaccel:0 vaapi -hwaccel_device:0 vaapi -init_hw_device")
    assert graph(done) == "[0:0]scale=w=1280:h=720:force_divisible_by=4[0];[0]format=pix_fmts=yuv420p10le[1]"
    assert encoding(done).startswith("libx265 -profile:0 main10")
    assert "fallback:encode:hevc:10" in done.labels


def test_a_graph_without_a_size_stays_without() -> None:
    assert graph(made(job("[0:0]hwupload[0];[0]scale_vaapi=format=nv12[1]", 1))) == "[0:0]scale_vaapi=format=nv12[0]"


def test_copied_video_has_no_device_on_a_gpu_worker_either() -> None:
    text = "-codec:0 h264 -noaccurate_seek -i a -map 0:0 -codec:0 copy -f dash dash"
    device = text.replace("-i a", "-i a -init_hw_device vaapi=vaapi: -filter_hw_device vaapi")
    assert made(device).argv == tuple(text.split())
