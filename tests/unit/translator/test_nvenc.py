"""What the NVENC backend makes of a command."""

import pytest

from scaleplex.translator import Hardware, Source, SourceStream, Translation
from tests.unit.translator.helpers import gpu, option

DECODE = "-codec:0 hevc -hwaccel:0 nvdec -threads:0 1 -hwaccel_output_format:0 cuda -hwaccel_device:0 cuda"
G13 = "[0:0]hwupload[0];[0]scale_cuda=w=1280:h=720:format={0}[1]"
G14 = "[0:0]hwupload[0];[0]scale_cuda=w=1280:h=720:format=p010[1];[1]tonemap_cuda=hable:nv12[2]"
G16 = G14 + ";[2]hwdownload,format=nv12[3];[3]inlineass=font_size=54[4]"
CPU = (
    "hwdownload,format=p010,{0}zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,"
    "tonemap=tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv,format=nv12"
)


def job(
    graph: str, label: int, encoder: str = "h264_nvenc -b:0 9k -maxrate:0 9k", decode: str = DECODE, more: str = ""
) -> str:
    return f"{decode} -i a {more} -filter_complex '{graph}' -map '[{label}]' -codec:0 {encoder} -f dash dash"


def made(text: str, source: Source | None = None, **site: object) -> Translation:
    return gpu(text, "nvenc", source, **site)


def graph(done: Translation) -> str | None:
    assert done.bail is None
    return option(done.argv, "-filter_complex")


def encoding(done: Translation) -> str:
    start = max(place for place, word in enumerate(done.argv) if word == "-codec:0")
    return " ".join(done.argv[start + 1 : done.argv.index("-f")])


def test_a_gpu_named_by_its_pci_address_is_replaced_by_the_workers_index() -> None:
    text = job(G13.format("nv12"), 1, more="-init_hw_device cuda=cuda:pci:0000:0d:00.0 -filter_hw_device cuda")
    assert f"{DECODE} -init_hw_device cuda=cuda:1 -filter_hw_device cuda -i a" in " ".join(
        made(text, hardware=Hardware("1")).argv
    )
    assert option(made(text).argv, "-init_hw_device") == "cuda=cuda:0"


@pytest.mark.parametrize(
    "given",
    [
        "-codec:0 hevc",
        "-codec:0 hevc -hwaccel:0 vaapi -hwaccel_output_format:0 vaapi -hwaccel_device:0 vaapi",
        "-codec:0 hevc -hwaccel:0 nvdec -threads:0 1 -hwaccel_device:0 cuda",
        "-codec:0 hevc -hwaccel:0 cuda -hwaccel_output_format:0 cuda",
        "-codec:0 hevc -threads:0 12",
    ],
)
def test_decoding_is_nvdec_with_one_thread(given: str) -> None:
    done = made(job("[0:0]scale=w=2:h=2[0]", 0, "libx264 -crf:0 21", given))
    assert " ".join(done.argv).startswith(f"{DECODE} -init_hw_device")


def test_what_is_right_already_is_not_touched() -> None:
    text = job("[0:0]scale_cuda=w=2:h=2:format=nv12[0]", 0, "h264_nvenc -forced-idr:0 1 -b:0 9k -maxrate:0 9k")
    ready = text.replace("-i a ", "-init_hw_device cuda=cuda:0 -filter_hw_device cuda -i a")
    done = made(ready)
    assert (done.changed, done.labels) == (False, ())


def test_rate_control_without_a_stream_specifier_is_the_videos() -> None:
    given = "libx264 -crf 23 -maxrate 3M -bufsize 6M -preset veryfast -level 4.0"
    words = " ".join(made(job("[0:0]scale=w=2:h=2[0]", 0, given), plex_pass=True).argv)
    assert "-b:0 3M" in words
    assert "-preset p1" in words
    assert "veryfast" not in words


def test_surfaces_stay_on_the_gpu() -> None:
    assert (
        graph(made(job(G13.format("p010"), 1, "hevc_nvenc -b:0 9k"))) == "[0:0]scale_cuda=w=1280:h=720:format=p010[0]"
    )
    software = made(job(G13.format("nv12"), 1, decode="-codec:0 mpeg4"))
    assert graph(software) == "[0:0]format=nv12,hwupload[0];[0]scale_cuda=w=1280:h=720:format=nv12[1]"


@pytest.mark.parametrize(
    ("transfer", "tags"),
    [("smpte2084", ""), (None, "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc,")],
)
def test_tone_mapping_is_done_in_memory_between_scaler_and_encoder(transfer: str | None, tags: str) -> None:
    source = Source((SourceStream(0, "video", "hevc", transfer=transfer, bit_depth=10),))
    done = made(job(G14, 2), source)
    assert graph(done) == f"[0:0]scale_cuda=w=1280:h=720:format=p010,{CPU.format(tags)},hwupload[0]"
    assumed = "+assumed-pq" if tags else ""
    assert f"tonemap:tonemap_cuda=hable->zscale+tonemap=hable{assumed}" in done.labels


def test_software_decoding_is_scaled_and_tone_mapped_before_the_upload() -> None:
    done = made(job(G14, 2, decode="-codec:0 mpeg4"))
    chain = CPU.format("").removeprefix("hwdownload,format=p010,")
    assert graph(done) == f"[0:0]scale=w=1280:h=720:force_divisible_by=4[0];[0]{chain},hwupload[1]"


def test_a_cuda_filter_takes_the_place_of_the_processor_where_there_is_one() -> None:
    done = made(job(G14, 2), hardware=Hardware(tonemap="cuda"))
    assert graph(done) == "[0:0]scale_cuda=w=1280:h=720:format=p010,tonemap_cuda=tonemap=hable:format=nv12[0]"
    assert not any(label.startswith("tonemap:") for label in done.labels)


def test_opencl_is_no_way_on_nvidia() -> None:
    done = made(job(G14, 2), hardware=Hardware(tonemap="opencl"))
    assert "opencl" not in " ".join(done.argv)


def test_text_is_drawn_on_the_gpu() -> None:
    done = made(job(G16, 4, more="-map_inlineass 0:3"))
    assert graph(done) == (
        f"[0:0]scale_cuda=w=1280:h=720:format=p010,{CPU.format('')},hwupload[0];"
        "[0]inlineass=font_size=54:render_height=1080:animated_tier_down=1[1]"
    )


def test_text_is_drawn_in_memory_where_the_filter_has_no_cuda() -> None:
    done = made(job(G16, 4, more="-map_inlineass 0:3"), hardware=Hardware(draws=False))
    assert graph(done) == (
        f"[0:0]scale_cuda=w=1280:h=720:format=p010,{CPU.format('')}[0];[0]inlineass=font_size=54,hwupload[1]"
    )


@pytest.mark.parametrize(
    ("encoder", "becomes"),
    [
        ("h264_nvenc -b:0 9k -maxrate:0 9k -forced-idr:0 1", "h264_nvenc -b:0 9k -maxrate:0 9k -forced-idr:0 1"),
        ("h264_nvenc -maxrate:0 9k", "h264_nvenc -forced-idr:0 1 -maxrate:0 9k"),
        (
            "h264_vaapi -rc_mode:0 ICQ -global_quality:0 23",
            "h264_nvenc -rc:0 vbr -b:0 0 -forced-idr:0 1 -cq:0 23",
        ),
        ("h264_nvenc -b:0 9k", "h264_nvenc -forced-idr:0 1 -b:0 9k"),
        (
            "libx264 -crf:0 21 -maxrate:0 9k -bufsize:0 18k",
            "h264_nvenc -forced-idr:0 1 -b:0 9k -maxrate:0 9k -bufsize:0 18k",
        ),
        ("libx264 -crf:0 21", "h264_nvenc -rc:0 vbr -b:0 0 -forced-idr:0 1 -cq:0 21"),
        ("libx264 -maxrate:0 9k", "h264_nvenc -b:0 9k -forced-idr:0 1 -maxrate:0 9k"),
        ("libx264 -crf:0 x", "h264_nvenc -forced-idr:0 1"),
        (
            "libx264 -crf:0 21 -preset:0 veryfast -level:0 4.0 -x264opts:0 a=b -tune:0 film",
            "h264_nvenc -rc:0 vbr -b:0 0 -forced-idr:0 1 -cq:0 21 -preset:0 p1",
        ),
        ("h264_vaapi -qp:0 22 -maxrate:0 9k -sei:0 -a53_cc", "h264_nvenc -forced-idr:0 1 -b:0 9k -maxrate:0 9k"),
        ("hevc_vaapi -qp:0 22", "hevc_nvenc -rc:0 vbr -b:0 0 -forced-idr:0 1 -cq:0 22"),
        ("h264_vaapi -b:0 7k -maxrate:0 9k", "h264_nvenc -forced-idr:0 1 -b:0 7k -maxrate:0 9k"),
        (
            "h264_vaapi -rc_mode:0 QVBR -b:0 9k -global_quality:0 22 -maxrate:0 9k",
            "h264_nvenc -forced-idr:0 1 -b:0 9k -maxrate:0 9k",
        ),
        ("h264_nvenc -b:0 9k -sei:0 -a53_cc", "h264_nvenc -forced-idr:0 1 -b:0 9k"),
    ],
)
def test_rate_control_in_nvencs_terms(encoder: str, becomes: str) -> None:
    assert encoding(made(job(G13.format("nv12"), 1, encoder))) == becomes


@pytest.mark.parametrize(
    ("preset", "level"),
    [
        ("ultrafast", 1),
        ("superfast", 1),
        ("veryfast", 1),
        ("faster", 2),
        ("fast", 3),
        ("medium", 4),
        ("slow", 5),
        ("slower", 6),
        ("veryslow", 7),
        ("placebo", 7),
    ],
)
def test_presets_get_nvencs_names(preset: str, level: int) -> None:
    done = made(job(G13.format("nv12"), 1, f"libx264 -crf:0 21 -preset:0 {preset}"))
    assert option(done.argv, "-preset:0") == f"p{level}"


@pytest.mark.parametrize(
    ("graph_text", "label", "profile"),
    [(G13.format("p010"), 1, "main10"), (G13.format("nv12"), 1, None), (G14, 2, None)],
)
def test_the_last_pixel_format_decides_about_the_profile(graph_text: str, label: int, profile: str | None) -> None:
    done = made(job(graph_text, label, "hevc_nvenc -b:0 9k"))
    assert option(done.argv, "-profile:0") == profile
    assert encoding(done).startswith("hevc_nvenc -profile:0 main10 " if profile else "hevc_nvenc -forced")
