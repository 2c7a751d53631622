"""The software driver against ffmpeg's software paths: what goes through it is what would come out without it.

Times are short and pictures small: 640x360, two seconds. What this cannot tell is listed in README.md; nothing here
speaks of a real GPU's picture quality, rate control, speed or surface handling.
"""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scaleplex.cli.replay import av1
from tests.softva.device import Device

SOURCE = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=2"]
HDR10 = (
    "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:hdr10=1"
    ":master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
)
RATE_CONTROL = {
    "cqp": ["-rc_mode", "CQP", "-qp", "22"],
    "vbr": ["-rc_mode", "VBR", "-b:v", "800k", "-maxrate", "1200k"],
    "cbr": ["-rc_mode", "CBR", "-b:v", "800k"],
    "icq": ["-rc_mode", "ICQ", "-global_quality", "22"],
    "qvbr": ["-rc_mode", "QVBR", "-b:v", "1M", "-maxrate", "1M", "-global_quality", "20"],
}
DECODED = {
    "h264-high": ["yuv420p", "-c:v", "libx264", "-preset", "fast", "-bf", "3", "-g", "25"],
    "h264-cavlc": ["yuv420p", "-c:v", "libx264", "-preset", "fast", "-profile:v", "baseline"],
    "h264-matrices": ["yuv420p", "-c:v", "libx264", "-preset", "fast", "-x264-params", "cqm=jvt:slices=4"],
    "hevc-main": ["yuv420p", "-c:v", "libx265", "-preset", "fast", "-x265-params", "log-level=none"],
    "hevc-main10": [
        *("yuv420p10le", "-c:v", "libx265", "-preset", "fast"),
        *("-x265-params", "log-level=none:scaling-list=default:ref=4"),
    ],
    "vp9": ["yuv420p", "-c:v", "libvpx-vp9", "-b:v", "1M", "-deadline", "realtime", "-cpu-used", "8"],
}

QUICK = (("h264_vaapi", "qvbr"), ("hevc_vaapi", "cqp"), "h264-high", "hevc-main10")

pytestmark = [pytest.mark.ffmpeg, pytest.mark.xdist_group("softva")]
Plain = Callable[..., None]


@pytest.fixture
def plain(ffmpeg: Path, tmp_path: Path) -> Plain:
    """Run ffmpeg without the device."""

    def run(*words: str | Path) -> None:
        done = subprocess.run(
            [ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *words],
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    return run


@pytest.fixture
def hardware(ffmpeg: Path, tmp_path: Path, vaapi: Device) -> Plain:
    """Run ffmpeg with the device, and demand that it ends well."""

    def run(*words: str | Path, opencl: bool = False) -> None:
        done = vaapi.run(ffmpeg, ["-loglevel", "error", *words], tmp_path, opencl=opencl)
        assert done.returncode == 0, done.stderr

    return run


def psnr(ffmpeg: Path, first: Path, second: Path, crop: str = "") -> float:
    """Return the average PSNR of two files, frame by frame."""
    cut = f"crop={crop}," if crop else ""
    graph = ";".join(f"[{n}:v]{cut}settb=1/1000,setpts=N[{name}]" for n, name in enumerate("ab"))
    done = subprocess.run(
        [ffmpeg, "-hide_banner", "-nostdin", "-nostats", "-i", first, "-i", second, "-lavfi", f"{graph};[a][b]psnr",
         "-f", "null", "-"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r"average:(\S+)", done.stderr)
    assert found is not None, done.stderr
    return float(found[1])


def hashes(path: Path) -> list[str]:
    return [line.split()[-1] for line in path.read_text().splitlines() if not line.startswith("#")]


def probe(ffmpeg: Path, *words: str | Path) -> list[str]:
    command = [ffmpeg.with_name("ffprobe"), "-v", "error", "-select_streams", "v", "-of", "csv=p=0", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split()


def keyframes(ffmpeg: Path, path: Path) -> list[float]:
    rows = probe(ffmpeg, "-show_entries", "packet=pts_time,flags", path)
    return [float(row.split(",")[0]) for row in rows if "K" in row.split(",")[1]]


@pytest.fixture
def hdr(plain: Plain, tmp_path: Path) -> Path:
    """One second of HDR10 with its metadata."""
    tags = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"]
    encoder = ["-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", HDR10]
    plain("-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=1", *encoder, *tags, "hdr.mkv")
    return tmp_path / "hdr.mkv"


@pytest.fixture
def overlay(plain: Plain, tmp_path: Path) -> Path:
    """A picture whose alpha grows from left to right."""
    picture = "color=c=red:s=200x100,format=rgba,geq=r='255*X/W':g='255*Y/H':b=128:a='255*X/W'"
    plain("-f", "lavfi", "-i", picture, "-frames:v", "1", "ov.png")
    return tmp_path / "ov.png"


def test_upload_and_download_keep_every_bit(hardware: Plain, plain: Plain, vaapi: Device, tmp_path: Path) -> None:
    graph = "format=nv12,hwupload,hwdownload,format=nv12"
    hardware(*vaapi.setup, *SOURCE, "-vf", graph, "-f", "framemd5", "a.md5")
    plain(*SOURCE, "-vf", "format=nv12", "-f", "framemd5", "b.md5")
    assert hashes(tmp_path / "a.md5") == hashes(tmp_path / "b.md5")


@pytest.mark.slow
def test_scaling_is_like_swscales(hardware: Plain, plain: Plain, vaapi: Device, ffmpeg: Path, tmp_path: Path) -> None:
    graph = "format=nv12,hwupload,scale_vaapi=w=320:h=180:format=p010,hwdownload,format=p010"
    hardware(*vaapi.setup, *SOURCE, "-vf", graph, "-c:v", "ffv1", "a.mkv")
    plain(*SOURCE, "-vf", "format=nv12,scale=320:180:flags=bilinear,format=p010", "-c:v", "ffv1", "b.mkv")
    assert psnr(ffmpeg, tmp_path / "a.mkv", tmp_path / "b.mkv") > 60


def test_a_premultiplied_overlay_blends_like_the_software_one(
    hardware: Plain, plain: Plain, vaapi: Device, ffmpeg: Path, tmp_path: Path, overlay: Path
) -> None:
    plain(*SOURCE, "-i", overlay, "-lavfi", "[0]format=nv12[a];[1]format=rgba[b];[a][b]overlay=100:60,format=nv12",
          "-c:v", "ffv1", "b.mkv")  # fmt: skip
    blend = "[a][b]overlay_vaapi=x=100:y=60,hwdownload,format=nv12"
    graph = f"[0]format=nv12,hwupload[a];[1]premultiply=inplace=1,format=bgra,hwupload[b];{blend}"
    loop = ["-loop", "1", "-framerate", "25", "-t", "2", "-i", overlay]
    hardware(*vaapi.setup, *SOURCE, *loop, "-lavfi", graph, "-c:v", "ffv1", "a.mkv")
    vaapi.expect(vpp_layer_above=50, vpp_blend_premultiplied=50)
    assert psnr(ffmpeg, tmp_path / "a.mkv", tmp_path / "b.mkv", "200:100:100:60") > 45


@pytest.mark.parametrize(
    ("encoder", "mode"),
    [
        pytest.param(encoder, mode, marks=[] if (encoder, mode) in QUICK else [pytest.mark.slow])
        for encoder in ("h264_vaapi", "hevc_vaapi")
        for mode in RATE_CONTROL
    ],
)
def test_an_encoded_stream_decodes_and_has_key_frames_where_they_were_forced(
    encoder: str, mode: str, hardware: Plain, plain: Plain, vaapi: Device, ffmpeg: Path, tmp_path: Path
) -> None:
    plain(*SOURCE, "-vf", "format=nv12", "-c:v", "ffv1", "ref.mkv")
    forced = ["-g", "100", "-force_key_frames", "0.4,1.2"]
    hardware(
        *vaapi.setup, *SOURCE, "-vf", "format=nv12,hwupload", "-c:v", encoder, *RATE_CONTROL[mode], *forced, "o.mp4"
    )
    assert psnr(ffmpeg, tmp_path / "o.mp4", tmp_path / "ref.mkv") > 36
    assert keyframes(ffmpeg, tmp_path / "o.mp4") == [0, 0.4, 1.2]


@pytest.mark.slow
def test_main10_keeps_ten_bits(hardware: Plain, plain: Plain, vaapi: Device, ffmpeg: Path, tmp_path: Path) -> None:
    plain(*SOURCE, "-vf", "format=p010", "-c:v", "ffv1", "ref.mkv")
    encoder = ["-c:v", "hevc_vaapi", "-profile:v", "main10", "-qp", "20"]
    hardware(*vaapi.setup, *SOURCE, "-vf", "format=p010,hwupload", *encoder, "o.mp4")
    assert psnr(ffmpeg, tmp_path / "o.mp4", tmp_path / "ref.mkv") > 44
    assert probe(ffmpeg, "-show_entries", "stream=pix_fmt", tmp_path / "o.mp4") == ["yuv420p10le"]


@pytest.mark.slow
def test_the_init_segment_of_dash_fits_the_media_segments(
    hardware: Plain, plain: Plain, vaapi: Device, ffmpeg: Path, tmp_path: Path
) -> None:
    plain(*SOURCE, "-vf", "format=nv12", "-c:v", "ffv1", "ref.mkv")
    encoder = ["-c:v", "h264_vaapi", "-qp", "22", "-force_key_frames", "expr:gte(t,n_forced*1)"]
    hardware(
        *vaapi.setup, *SOURCE, "-vf", "format=nv12,hwupload", *encoder, "-f", "dash", "-seg_duration", "1", "o.mpd"
    )
    names = ("init-stream0.m4s", "chunk-stream0-00001.m4s", "chunk-stream0-00002.m4s")
    (tmp_path / "joined.mp4").write_bytes(b"".join((tmp_path / name).read_bytes() for name in names))
    assert psnr(ffmpeg, tmp_path / "joined.mp4", tmp_path / "ref.mkv") > 40


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in DECODED]
)
def test_every_decoded_frame_is_the_software_decoders(
    name: str, hardware: Plain, plain: Plain, vaapi: Device, tmp_path: Path
) -> None:
    pixels, *encoder = DECODED[name]
    plain(*SOURCE, "-vf", "noise=alls=8:allf=t", "-pix_fmt", pixels, *encoder, "s.mkv")
    same_frames(tmp_path / "s.mkv", pixels, hardware, plain, vaapi, tmp_path)
    vaapi.expect(dec_error=0)
    if vaapi.built is not None:
        assert vaapi.counts()[f"dec-{name.split('-')[0]}"] >= 50  # VP9 has frames besides that are not shown


def test_every_decoded_frame_of_av1_is_dav1ds(hardware: Plain, plain: Plain, vaapi: Device, tmp_path: Path) -> None:
    if vaapi.built is not None and "av1" not in vaapi.built.parts:
        pytest.skip("built without AV1: libdav1d-dev is not installed")
    (tmp_path / "s.ivf").write_bytes(av1.ivf())
    same_frames(tmp_path / "s.ivf", "yuv420p10le", hardware, plain, vaapi, tmp_path, "libdav1d")
    vaapi.expect(dec_error=0)


def same_frames(
    clip: Path, pixels: str, hardware: Plain, plain: Plain, vaapi: Device, room: Path, software: str = ""
) -> None:
    surface = "p010" if "10" in pixels else "nv12"
    plain(*(["-c:v", software] if software else []), "-i", clip, "-pix_fmt", pixels, "-f", "framemd5", "b.md5")
    graph = f"hwdownload,format={surface},format={pixels}"
    hardware(*vaapi.decoding, "-i", clip, "-vf", graph, "-f", "framemd5", "a.md5")
    assert hashes(room / "a.md5") == hashes(room / "b.md5")
    assert hashes(room / "a.md5")


def test_every_frame_goes_through_every_stage(
    hardware: Plain, vaapi: Device, ffmpeg: Path, tmp_path: Path, hdr: Path, overlay: Path
) -> None:
    picture = "scale_vaapi=w=480:h=270:format=p010,tonemap_vaapi=format=nv12:t=bt709:m=bt709:p=bt709"
    graph = f"[0:v]{picture}[v];[1]format=bgra,hwupload[s];[v][s]overlay_vaapi=x=0:y=150[o]"
    loop = ["-loop", "1", "-framerate", "25", "-t", "1", "-i", overlay]
    hardware(
        *vaapi.decoding, "-i", hdr, *loop, "-lavfi", graph, "-map", "[o]", "-c:v", "h264_vaapi", "-b:v", "1M", "o.mp4"
    )
    rows = probe(ffmpeg, "-count_frames", "-show_entries", "stream=nb_read_frames,color_transfer", tmp_path / "o.mp4")
    assert rows == ["bt709,25"]
    vaapi.expect(dec_hevc=25, vpp_tonemap=25, vpp_layer_above=25, dec_error=0)


@pytest.mark.slow
def test_hdr10_passes_with_its_metadata(
    hardware: Plain, vaapi: Device, ffmpeg: Path, tmp_path: Path, hdr: Path
) -> None:
    encoder = ["-c:v", "hevc_vaapi", "-profile:v", "main10", "-qp", "24"]
    hardware(*vaapi.decoding, "-i", hdr, "-vf", "scale_vaapi=format=p010", *encoder, "o.mp4")
    entries = ["-show_frames", "-read_intervals", "%+#1", "-show_entries", "frame=side_data_list"]
    assert "Mastering" in " ".join(probe(ffmpeg, *entries, tmp_path / "o.mp4"))


def test_opencl_tone_mapping_on_the_cpu(
    hardware: Plain, vaapi: Device, ffmpeg: Path, tmp_path: Path, hdr: Path
) -> None:
    why = no_opencl(vaapi)
    if why:
        pytest.skip(why)
    setup = ["-init_hw_device", f"vaapi=va:{vaapi.node}", "-init_hw_device", "opencl=ocl@va"]
    setup += ["-filter_hw_device", "ocl", *vaapi.decoding[4:]]
    graph = (
        "scale_vaapi=w=320:h=180:format=p010,hwmap=derive_device=opencl,"
        "tonemap_opencl=tonemap=hable:format=nv12:p=bt709:t=bt709:m=bt709,hwmap=derive_device=vaapi:reverse=1,format=vaapi"
    )
    frames = ["-frames:v", "5", "-vf", graph, "-c:v", "h264_vaapi", "-qp", "22", "o.mp4"]
    hardware(*setup, "-i", hdr, *frames, opencl=True)
    rows = probe(ffmpeg, "-count_frames", "-show_entries", "stream=nb_read_frames", tmp_path / "o.mp4")
    assert rows == ["5"]


def no_opencl(vaapi: Device) -> str:
    """Return why OpenCL cannot be tried here, empty when it can."""
    if vaapi.built is None:
        return ""
    if "opencl" not in vaapi.built.parts:
        return "built without OpenCL: CL/cl.h is not installed"
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "pocl-opencl-icd"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return "no OpenCL on the CPU: pocl-opencl-icd is not installed"
    major = done.stdout.split(".")[0]
    if not major.isdigit() or int(major) < 6:
        return f"PoCL {done.stdout} has no images of the formats that P010 and NV12 need; PoCL 6 has"
    return ""


FAULTS: dict[str, tuple[dict[str, str], bool, list[str]]] = {
    "a call that fails in the middle": ({"FAIL": "EndPicture:10"}, False, ["-vf", "format=nv12,hwupload"]),
    "no encoder": ({"DISABLE": "h264enc,lowpower"}, False, ["-vf", "format=nv12,hwupload"]),
    "no driver": ({"FAIL": "Initialize:1"}, False, ["-vf", "format=nv12,hwupload"]),
    "no decoder": ({"DISABLE": "hevcdec"}, True, ["-vf", "scale_vaapi=w=320:h=180"]),
}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_ends_ffmpeg_with_an_error(name: str, vaapi: Device, ffmpeg: Path, tmp_path: Path, hdr: Path) -> None:
    if vaapi.built is None:
        pytest.skip("a real GPU does not fail on demand")
    knobs, decodes, graph = FAULTS[name]
    source = [*vaapi.decoding, "-i", hdr] if decodes else [*vaapi.setup, *SOURCE]
    done = vaapi.run(ffmpeg, [*source, *graph, "-c:v", "h264_vaapi", "-f", "null", "-"], tmp_path, knobs)
    assert done.returncode != 0
    assert done.stderr


def test_a_program_made_for_a_worker_finds_the_device_without_its_environment(
    vaapi: Device, ffmpeg: Path, tmp_path: Path
) -> None:
    program = vaapi.program(ffmpeg, tmp_path)
    words = [
        *vaapi.setup,
        *SOURCE,
        "-frames:v",
        "1",
        "-vf",
        "format=nv12,hwupload",
        "-c:v",
        "h264_vaapi",
        "-f",
        "null",
        "-",
    ]
    done = subprocess.run(
        [program, "-nostdin", *words], env={}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    probe = subprocess.run(
        [program.with_name("ffprobe"), "-version"], env={}, capture_output=True, text=True, check=True
    )
    assert "scaleplex" in probe.stdout
