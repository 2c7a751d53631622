"""When a GPU worker uses its GPU."""

import pytest

from scaleplex.translator import Hardware, Site, Source, SourceStream, Translation
from tests.unit.translator.helpers import gpu, option

SOFTWARE = "[0:0]scale=w=2:h=2:force_divisible_by=4[0];[0]format=pix_fmts=yuv420p|nv12[1]"
SURFACES = "[0:0]hwupload[0];[0]scale_vaapi=w=2:h=2:format=nv12[1]"
VAAPI_DECODE = "-codec:0 h264 -hwaccel:0 vaapi -hwaccel_output_format:0 vaapi -hwaccel_device:0 vaapi"
HYBRID = "-codec:0 h264 -hwaccel:0 vaapi -hwaccel_device:0 vaapi"
DEVICES = "-init_hw_device vaapi=vaapi: -filter_hw_device vaapi"

targets = pytest.mark.parametrize("target", ["vaapi", "nvenc"])


def job(decode: str, graph: str, encoder: str, devices: str = "") -> str:
    return f"{decode} -i a {devices} -filter_complex '{graph}' -map '[1]' -codec:0 {encoder} -f dash dash"


def made(target: str, text: str, **site: object) -> Translation:
    done = gpu(text, target, **site)
    assert done.bail is None
    return done


def uses(done: Translation) -> tuple[bool, bool]:
    """Return whether it decodes and whether it encodes in hardware."""
    return "-hwaccel:0" in done.argv, any(word.endswith(("_vaapi", "_nvenc")) for word in done.argv)


@targets
def test_forced_hardware_takes_software_commands_of_a_server_with_a_pass(target: str) -> None:
    done = made(target, job("-codec:0 h264", SOFTWARE, "libx264 -crf:0 21"))
    assert uses(done) == (True, True)


@targets
@pytest.mark.parametrize("devices", ["", DEVICES])
def test_without_a_pass_a_software_command_stays_software_and_says_why(target: str, devices: str) -> None:
    text = job("-codec:0 h264", SOFTWARE, "libx264 -crf:0 21 -preset:0 veryfast", devices)
    done = made(target, text, plex_pass=False)
    assert uses(done) == (False, False)
    assert "policy:no-plex-pass:software" in done.labels
    assert option(done.argv, "-filter_complex") == SOFTWARE
    assert "-init_hw_device" not in done.argv


@targets
@pytest.mark.parametrize(
    "text",
    [
        job(VAAPI_DECODE, SURFACES, "h264_vaapi -qp:0 22", DEVICES),
        job(HYBRID, SOFTWARE, "libx264 -crf:0 21", DEVICES),
        job("-codec:0 h264", SURFACES, "h264_vaapi -qp:0 22", DEVICES),
        job("-codec:0 h264", SURFACES.replace("vaapi", "cuda"), "h264_nvenc -b:0 9k"),
    ],
)
def test_a_command_that_uses_hardware_is_proof_of_a_pass(target: str, text: str) -> None:
    done = made(target, text, plex_pass=False)
    assert uses(done) == (True, True)
    assert not any(label.startswith("policy:") for label in done.labels)


@targets
@pytest.mark.parametrize("plex_pass", [True, False])
def test_a_worker_that_follows_leaves_software_in_software(target: str, plex_pass: bool) -> None:
    done = made(target, job("-codec:0 h264", SOFTWARE, "libx264 -crf:0 21"), policy="follow", plex_pass=plex_pass)
    assert uses(done) == (False, False)
    assert "policy:follow:software" in done.labels


@targets
def test_a_worker_that_follows_keeps_a_hybrid_a_hybrid(target: str) -> None:
    done = made(target, job(HYBRID, SOFTWARE, "libx264 -crf:0 21 -preset:0 veryfast", DEVICES), policy="follow")
    assert uses(done) == (True, False)
    assert option(done.argv, "-filter_complex") == SOFTWARE
    assert "-hwaccel_output_format:0" not in done.argv
    assert option(done.argv, "-filter_hw_device") == {"vaapi": "vaapi", "nvenc": "cuda"}[target]
    assert not any(label.startswith("policy:") for label in done.labels)


@targets
def test_a_worker_that_follows_decodes_in_software_where_plex_does(target: str) -> None:
    done = made(target, job("-codec:0 h264", SURFACES, "h264_vaapi -qp:0 22", DEVICES), policy="follow")
    assert uses(done) == (False, True)
    assert (option(done.argv, "-filter_complex") or "").startswith("[0:0]format=nv12,hwupload[0];[0]scale_")


@targets
def test_a_worker_that_follows_uses_hardware_where_plex_does(target: str) -> None:
    done = made(target, job(VAAPI_DECODE, SURFACES, "h264_vaapi -qp:0 22", DEVICES), policy="follow", plex_pass=False)
    assert uses(done) == (True, True)


@targets
@pytest.mark.parametrize(
    ("able", "hardware"),
    [
        ({"decoders": frozenset({"h264"}), "encoders": frozenset({"h264"})}, (True, True)),
        ({"decoders": frozenset(), "encoders": frozenset({"h264"})}, (False, True)),
        ({"decoders": frozenset({"h264"}), "encoders": frozenset()}, (True, False)),
        ({"decoders": frozenset(), "encoders": frozenset()}, (False, False)),
    ],
)
@pytest.mark.parametrize("written_for", ["sw", "vaapi"])
def test_what_the_gpu_lacks_the_processor_does(
    target: str, able: dict[str, frozenset[str]], hardware: tuple[bool, bool], written_for: str
) -> None:
    text = {
        "sw": job("-codec:0 h264", SOFTWARE, "libx264 -crf:0 21"),
        "vaapi": job(VAAPI_DECODE, SURFACES, "h264_vaapi -qp:0 22", DEVICES),
    }[written_for]
    done = made(target, text, hardware=Hardware(**able))
    assert uses(done) == hardware
    said = [label for label in done.labels if label.startswith("fallback:")]
    wanted = ["fallback:decode:h264"] * (not hardware[0])
    wanted += ["fallback:encode:h264"] * (not hardware[1] and written_for == "vaapi")
    assert said == wanted


def depth(stream: SourceStream | None, able: set[str], decode: str = "hevc", graph: str = SURFACES) -> bool:
    """Return whether a source is decoded in hardware by a GPU of these abilities."""
    text = job(VAAPI_DECODE.replace("h264", decode), graph, "h264_vaapi -qp:0 22", DEVICES)
    source = Source((stream,)) if stream is not None else None
    done = gpu(text, "vaapi", source, hardware=Hardware(decoders=frozenset(able)))
    return "-hwaccel:0" in done.argv


@pytest.mark.parametrize("codec", ["hevc", "av1", "vp9"])
@pytest.mark.parametrize(("able", "hardware"), [({":8"}, False), ({":10"}, False), ({":8", ":10"}, True)])
def test_a_source_of_unknown_depth_needs_a_gpu_that_does_both(codec: str, able: set[str], hardware: bool) -> None:
    assert depth(None, {codec + item.replace(":8", "") for item in able}, codec) is hardware


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_an_hdr_source_has_ten_bits(transfer: str) -> None:
    assert depth(SourceStream(0, "video", "hevc", transfer=transfer), {"hevc:10"})
    assert not depth(SourceStream(0, "video", "hevc", transfer=transfer), {"hevc"})
    assert depth(SourceStream(0, "video", "h264", transfer=transfer), {"h264"}, "h264")


def test_what_is_tone_mapped_has_ten_bits() -> None:
    mapped = "[0:0]scale_vaapi=w=2:h=2:format=p010[0];[0]tonemap_vaapi=format=nv12[1]"
    assert depth(None, {"hevc:10"}, graph=mapped)
    assert depth(None, {"h264"}, "h264", mapped)
    assert depth(SourceStream(0, "video", "hevc", transfer="bt709"), {"hevc:10"}, graph=mapped)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "nv12", "p010le", "yuv420p10le"])
def test_usual_chroma_is_decoded_in_hardware(pixels: str) -> None:
    bits = 10 if "10" in pixels else 8
    assert depth(SourceStream(0, "video", "hevc", bit_depth=bits, pixel_format=pixels), {"hevc", "hevc:10"})


def test_rare_chroma_is_named_in_the_label() -> None:
    source = Source((SourceStream(0, "video", "h264", bit_depth=8, pixel_format="yuv444p"),))
    done = gpu(job(VAAPI_DECODE, SURFACES, "h264_vaapi -qp:0 22", DEVICES), "vaapi", source)
    assert "fallback:decode:h264:yuv444p" in done.labels


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "vp9", "vp8", "mpeg2video", "vc1"])
def test_a_gpu_nobody_asked_is_believed_to_decode_what_plex_may_ask_for(codec: str) -> None:
    done = gpu(job(VAAPI_DECODE.replace("h264", codec), SURFACES, "h264_vaapi -qp:0 22", DEVICES), "vaapi")
    assert uses(done) == (True, True)


def test_what_a_site_is_when_nobody_says_otherwise() -> None:
    site = Site()
    assert (site.policy, site.plex_pass, site.burn, site.callback_base) == ("force", False, False, None)
    assert site.hardware == Hardware("", "", None, None, "", True, True, 6)


CLEAN = {
    "sw": "crf_max tune x264opts x264-params x265-params fastfirstpass me_method a53cc udu_sei aq-mode",
    "vaapi": "sei rc_mode compression_level low_power async_depth idr_interval b_depth blbrc max_frame_size tiles",
    "nvenc": "rc cbr 2pass surfaces gpu delay zerolatency multipass no-scenecut rc-lookahead tune strict_gop nonref_p",
}
ENCODER = {"sw": "libx264 -crf:0 21", "vaapi": "h264_vaapi -qp:0 22", "nvenc": "h264_nvenc -b:0 9k"}
GRAPHS = {"sw": SOFTWARE, "vaapi": SURFACES, "nvenc": SURFACES.replace("vaapi", "cuda")}


@pytest.mark.parametrize("written_for", CLEAN)
@pytest.mark.parametrize("target", ["sw", "vaapi", "nvenc"])
def test_options_of_another_encoder_go_with_it_and_those_of_the_same_stay(written_for: str, target: str) -> None:
    names = [*CLEAN[written_for].split(), "coder", "tier", "aud", "level"]
    given = ENCODER[written_for] + "".join(f" -{name}:0 1" for name in names)
    done = made(target, job("-codec:0 h264", GRAPHS[written_for], given))
    left = [name for name in names if f"-{name}:0" in done.argv]
    assert left == (names if target == written_for else [])


@pytest.mark.parametrize(
    ("target", "stray"),
    [
        ("sw", "sei"),
        ("vaapi", "forced-idr crf x264opts x264-params x265-params"),
        ("nvenc", "sei crf x264opts x264-params x265-params"),
    ],
)
def test_what_says_nothing_to_an_encoder_goes_although_plex_gave_it(target: str, stray: str) -> None:
    given = ENCODER[target] + "".join(f" -{name}:0 1" for name in stray.split())
    done = made(target, job("-codec:0 h264", GRAPHS[target], given))
    kept = {"nvenc": "forced-idr"}.get(target)
    assert [name for name in stray.split() if f"-{name}:0" in done.argv and name != kept] == []


@targets
def test_eight_bits_are_enough_for_h264_and_for_hevc_of_eight(target: str) -> None:
    old = Hardware(encoders=frozenset({"h264", "hevc"}))
    ten_bits = SURFACES.replace("nv12", "p010")
    assert uses(made(target, job(VAAPI_DECODE, ten_bits, "h264_vaapi -qp:0 22"), hardware=old)) == (True, True)
    assert uses(made(target, job(VAAPI_DECODE, SURFACES, "hevc_vaapi -qp:0 22"), hardware=old)) == (True, True)
    assert uses(made(target, job(VAAPI_DECODE, ten_bits, "hevc_vaapi -qp:0 22"), hardware=old)) == (True, False)
