"""What happens when a GPU lacks something: what ffmpeg 7.1.5 does by itself, and what our command lines do instead.

The driver takes capabilities away (`SOFTVA_DISABLE`); that ffmpeg behaves so on a real GPU is read from its sources,
and this shows it. What a real driver reports as missing, and how, it cannot show.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from scaleplex.cli.replay import av1
from scaleplex.translator import Hardware
from tests.argvgen import Shape
from tests.softva.device import Device
from tests.softva.test_driver import HDR10, SOURCE
from tests.softva.test_translated import CAN, carried_out, check, small

pytestmark = [pytest.mark.ffmpeg, pytest.mark.xdist_group("softva")]


@pytest.fixture(autouse=True)
def _software_driver_only(vaapi: Device) -> None:
    if vaapi.built is None:
        pytest.skip("a real GPU has nothing taken away on demand")


def without(hardware: Hardware, *codecs: str) -> Hardware:
    return replace(
        hardware,
        decoders=(hardware.decoders or frozenset()) - set(codecs),
        encoders=(hardware.encoders or frozenset()) - set(codecs),
    )


CASES = {
    # what the driver lacks, what the worker knows of it, a job that would need it, what still runs on the GPU
    "no HEVC decoder": ("hevcdec", without(CAN, "hevc", "hevc:10"), Shape("dash", "vaapi", codec="hevc"), "h264_vaapi"),
    "no AV1 decoder": ("av1dec", without(CAN, "av1", "av1:10"), Shape("dash", "vaapi", codec="av1"), "h264_vaapi"),
    "no ten-bit HEVC encoder": (
        "hevcenc",
        replace(CAN, encoders=frozenset({"h264"})),
        Shape("hls-matroska", "vaapi", codec="hevc", ten_bit=True),
        "libx265",
    ),
    "no quality under a cap": ("qvbr", replace(CAN, qvbr=False), Shape("dash", "vaapi", codec="hevc"), "h264_vaapi"),
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if "AV1" in n else [pytest.mark.slow]) for n in CASES])
def test_a_worker_that_knows_what_its_gpu_lacks_runs_the_job(
    name: str, vaapi: Device, ffmpeg: Path, clips: Path, tmp_path: Path
) -> None:
    missing, hardware, shape, encoder = CASES[name]
    knobs = {"DISABLE": missing}
    result = carried_out(small(shape), vaapi, ffmpeg, clips, tmp_path, hardware=hardware, knobs=knobs)
    assert encoder in result.done.argv
    check(result, vaapi, result.done.facts)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["no HEVC decoder", "no AV1 decoder", "no quality under a cap"])
def test_a_worker_that_does_not_know_fails_it(
    name: str, vaapi: Device, ffmpeg: Path, clips: Path, tmp_path: Path
) -> None:
    missing, _, shape, _ = CASES[name]
    result = carried_out(small(shape), vaapi, ffmpeg, clips, tmp_path, knobs={"DISABLE": missing})
    assert result.run.code != 0
    assert result.run.stderr


@pytest.mark.slow
def test_ffmpeg_does_not_fall_back_to_software_for_av1(vaapi: Device, ffmpeg: Path, tmp_path: Path) -> None:
    (tmp_path / "a.ivf").write_bytes(av1.ivf())
    words = [*vaapi.decoding, "-i", "a.ivf", "-vf", "hwdownload,format=p010", "-f", "null", "-"]
    assert vaapi.run(ffmpeg, words, tmp_path).returncode == 0
    assert vaapi.run(ffmpeg, words, tmp_path, {"DISABLE": "av1dec"}).returncode == 69


@pytest.mark.slow
@pytest.mark.parametrize("metadata", [True, False])
def test_the_drivers_tone_mapping_needs_mastering_metadata(
    metadata: bool, vaapi: Device, ffmpeg: Path, tmp_path: Path
) -> None:
    tags = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"]
    params = HDR10 if metadata else "log-level=none"
    encoder = ["-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", params]
    assert vaapi.run(ffmpeg, [*SOURCE, *encoder, *tags, "hdr.mkv"], tmp_path).returncode == 0
    graph = "scale_vaapi=format=p010,tonemap_vaapi=transfer=bt709:format=nv12"
    words = [*vaapi.decoding, "-i", "hdr.mkv", "-vf", graph, "-c:v", "h264_vaapi", "-f", "null", "-"]
    assert (vaapi.run(ffmpeg, words, tmp_path).returncode == 0) is metadata


@pytest.mark.slow
def test_low_power_is_an_error_where_there_is_none(vaapi: Device, ffmpeg: Path, tmp_path: Path) -> None:
    words = [
        *vaapi.setup,
        *SOURCE,
        "-vf",
        "format=nv12,hwupload",
        "-c:v",
        "h264_vaapi",
        "-low_power",
        "1",
        "-f",
        "null",
        "-",
    ]
    assert vaapi.run(ffmpeg, words, tmp_path).returncode == 0
    assert vaapi.run(ffmpeg, words, tmp_path, {"DISABLE": "lowpower"}).returncode != 0


@pytest.mark.slow
@pytest.mark.xfail(
    strict=True,  # it crashes each time; once it does not, this mark goes
    raises=AssertionError,
    reason="SIGSEGV: hw_base_encode.c of 7.1.5 reads pic_end of an encoder flushed before its first frame",
)
def test_a_header_that_cannot_be_written_is_an_error_and_no_crash(vaapi: Device, ffmpeg: Path, tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text("1\n00:00:00,100 --> 00:00:00,900\nhello\n")
    made = ["-i", "a.srt", "-c:v", "libx264", "-c:s", "mov_text", "a.mp4"]
    assert vaapi.run(ffmpeg, [*SOURCE, *made], tmp_path).returncode == 0
    graph = ["-lavfi", "[0:v]format=nv12,hwupload[v]", "-map", "[v]", "-map", "0:s"]
    words = [*vaapi.setup, "-i", "a.mp4", *graph, "-c:v", "h264_vaapi", "-c:s", "copy", "-f", "matroska", "o.mkv"]
    assert vaapi.run(ffmpeg, words, tmp_path).returncode > 0
