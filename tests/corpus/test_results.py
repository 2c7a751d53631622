"""What the planned commands make of real frames: the picture, its tags, its headers."""

import json
import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scaleplex.cli.replay import pgs
from scaleplex.ffmpeg import argv as language
from scaleplex.translator import Site, facts, translate
from tests.argvgen import Shape, build
from tests.corpus import media, running
from tests.corpus.media import Clip

pytestmark = [pytest.mark.ffmpeg, pytest.mark.skipif(media.ffmpeg() is None, reason="scaleplex-ffmpeg is not built")]


def probe(path: Path, *arguments: str) -> dict[str, Any]:
    tool = media.tool()
    words = [tool.with_name("ffprobe"), "-v", "error", "-of", "json", *arguments, path]
    return json.loads(subprocess.run(words, capture_output=True, check=True, timeout=60).stdout)


def made(shape: Shape, clip: Clip, clips: Path, room: Path) -> Path:
    """Run an Optimize job and return its file."""
    placed, source = running.place(build(shape), clip, clips, room)
    done = running.run(placed, source, room)
    assert done.code == 0, done.stderr
    (path,) = (Path(name) for name in done.files if ".mp4" in name)
    return path


HDR = Clip("hevc", True, ("aac",), 4)
SMALL = Shape("optimize", "vaapi", codec="hevc", width=320, height=180)


def test_hdr_passed_through_stays_ten_bit_pq(clips: Path, tmp_path: Path) -> None:
    video = probe(made(replace(SMALL, ten_bit=True), HDR, clips, tmp_path), "-show_streams")["streams"][0]
    assert (video["codec_name"], video["profile"], video["pix_fmt"]) == ("hevc", "Main 10", "yuv420p10le")
    assert (video["color_transfer"], video["color_primaries"], video["color_space"]) == (
        "smpte2084",
        "bt2020",
        "bt2020nc",
    )


@pytest.mark.parametrize("backend", ["sw", "vaapi", "nvenc"])
def test_tone_mapped_video_is_tagged_and_lit_as_sdr(backend: str, clips: Path, tmp_path: Path) -> None:
    shape = replace(SMALL, backend=backend, tonemap="mobius")
    path = made(shape, HDR, clips, tmp_path)
    video = probe(path, "-show_streams")["streams"][0]
    assert (video["codec_name"], video["pix_fmt"]) == ("h264", "yuv420p")
    assert (video["color_transfer"], video["color_primaries"], video["color_space"]) == ("bt709",) * 3
    assert peak_luma(path) > 200


def peak_luma(path: Path) -> int:
    """Return the brightest luma of the first second, of 255."""
    tool = media.tool()
    words = [tool, "-v", "error", "-i", path, "-frames:v", "24", "-vf", "format=gray", "-f", "rawvideo", "-"]
    return max(subprocess.run(words, capture_output=True, check=True, timeout=60).stdout)


def test_framedrop_drops_the_first_packets_and_no_others(clips: Path, tmp_path: Path) -> None:
    counts = []
    for audio in ("eac3", "framedrop"):
        room = tmp_path / audio
        room.mkdir()
        path = made(replace(SMALL, audio=audio), Clip("h264", False, ("eac3",), 4), clips, room)
        document = probe(path, "-show_streams", "-count_packets", "-select_streams", "a")
        counts.append(int(document["streams"][0]["nb_read_packets"]))
    assert counts[0] - counts[1] == 2


@pytest.mark.parametrize("known", [True, False])
def test_a_desktop_header_carries_the_duration_when_the_source_has_one(
    known: bool, clips: Path, tmp_path: Path
) -> None:
    shape = Shape("segmented-matroska", "sw", segment=1, width=320, height=180)
    placed, source = running.place(build(shape), Clip("h264", False, ("aac",), 4), clips, tmp_path)
    done = running.run(placed, replace(source, duration_seconds=1200.5 if known else None), tmp_path)
    assert done.code == 0, done.stderr
    header = (tmp_path / "session" / "header").read_bytes()
    # Duration is element 0x4489, an 8-byte float of milliseconds.
    place = header.find(b"\x44\x89\x88")
    assert (place >= 0) is known
    if known:
        assert struct.unpack(">d", header[place + 3 : place + 11]) == (1_200_500.0,)


def hevc_pictures(path: Path) -> list[int]:
    """Return the NAL unit types of the pictures in a transport stream, in decoding order."""
    tool = media.tool()
    words = [tool, "-v", "error", "-i", path, "-map", "0:v", "-c", "copy", "-f", "hevc", "-"]
    stream = subprocess.run(words, capture_output=True, check=True, timeout=60).stdout
    kinds = [piece[0] >> 1 & 0x3F for piece in stream.split(b"\x00\x00\x01")[1:] if piece]
    return [kind for kind in kinds if kind < 32]


def test_segments_of_forced_hevc_begin_with_an_idr_picture(clips: Path, tmp_path: Path) -> None:
    shape = Shape("hls-mpegts", "vaapi", codec="hevc", ten_bit=True, segment=1, width=320, height=180)
    placed, source = running.place(build(shape), Clip("hevc", True, ("aac",), 5), clips, tmp_path)
    done = running.run(placed, source, tmp_path)
    assert running.missing(done, done.translation.facts) == []
    segments = sorted((tmp_path / "session").glob("media-*.ts"))
    assert len(segments) >= 4
    for segment in segments:
        assert hevc_pictures(segment)[0] in (19, 20), segment.name


@pytest.mark.parametrize("muxer_per_file", [True, False])
def test_transport_streams_keep_the_sources_time_line(muxer_per_file: bool, clips: Path, tmp_path: Path) -> None:
    words = build(Shape("hls-mpegts", "sw", segment=1, width=320, height=180))
    if muxer_per_file:
        place = words.index("-individual_header_trailer")
        del words[place : place + 2]
    placed, source = running.place(words, Clip("h264", False, ("aac",), 4), clips, tmp_path)
    done = running.run(placed, source, tmp_path)
    assert done.code == 0, done.stderr
    packets = [
        probe(tmp_path / "session" / f"media-0000{number}.ts", "-show_packets", "-select_streams", "v")["packets"]
        for number in (0, 1)
    ]
    # The muxer adds twice -max_delay; the clip's picture starts at 21 ms, and constant frame rate rounds to a frame.
    assert float(packets[0][0]["pts_time"]) == pytest.approx(10 + 0.021, abs=0.03)
    gap = float(packets[1][0]["dts_time"]) - float(packets[0][-1]["dts_time"])
    assert gap == pytest.approx(1 / 24, abs=0.002)


def test_a_job_without_a_relay_runs_and_keeps_its_manifest_in_a_file(clips: Path, tmp_path: Path) -> None:
    placed, source = running.place(
        build(Shape("dash", width=320, height=180)), Clip("h264", False, ("aac",), 8), clips, tmp_path
    )
    done = translate(placed, {}, source, "sw", Site())
    tool = media.tool()
    subprocess.run([tool, "-nostdin", *done.argv], cwd=tmp_path / "session", check=True, timeout=120)
    assert b"<MPD" in (tmp_path / "session" / "dash").read_bytes()


def test_an_untagged_source_can_be_tone_mapped(clips: Path, tmp_path: Path) -> None:
    path = made(replace(SMALL, tonemap="hable"), Clip("h264", False, ("aac",), 4), clips, tmp_path)
    assert probe(path, "-show_streams")["streams"][0]["color_transfer"] == "bt709"


def test_a_source_may_be_unknown(clips: Path, tmp_path: Path) -> None:
    placed, _ = running.place(build(SMALL), Clip("hevc", False, ("aac",), 3), clips, tmp_path)
    assert running.run(placed, None, tmp_path).code == 0


@pytest.mark.parametrize("backend", ["sw", "vaapi"])
@pytest.mark.parametrize("seek", [0, 12])
def test_a_bitmap_subtitle_is_in_the_picture_while_it_is_shown(
    backend: str, seek: float, clips: Path, tmp_path: Path
) -> None:
    shape = Shape("dash", backend, subtitle="burn-bitmap", width=320, height=180, segment=1, seek=seek)
    words = build(shape)
    clip = running.clip_for(facts.collect(language.parse(words), None), words, hdr=False)
    assert "pgs" in clip.streams
    placed, source = running.place(words, clip, clips, tmp_path)
    done = running.run(placed, source, tmp_path)
    assert running.missing(done, done.translation.facts) == []
    times, light = box_luma(tmp_path / "session")
    assert len(times) >= 48
    assert times[0] == pytest.approx(seek, abs=0.1)
    # ffmpeg moves such a subtitle on with the video's packets, which come as many frames early as they are reordered.
    late = 5 / 24
    for time, luma in zip(times, light, strict=True):
        into = time % 1
        if pgs.SHOWN[0] + late < into < pgs.SHOWN[1]:
            assert luma > 225, time
        elif not pgs.SHOWN[0] < into < pgs.SHOWN[1] + late:
            assert luma < 215, time


def box_luma(session: Path) -> tuple[list[float], list[float]]:
    """Return the time of every frame of a DASH job and the mean luma inside the subtitle's box."""
    film = session / "film.mp4"
    parts = [session / "init-stream0.m4s", *sorted(session.glob("chunk-stream0-*.m4s"))]
    film.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = probe(film, "-show_frames", "-show_entries", "frame=pts_time", "-select_streams", "v")["frames"]
    left, top, width, height = pgs.BOX
    crop = f"crop={width}:{height}:{left}:{top},format=gray"
    words = [media.tool(), "-v", "error", "-i", film, "-vf", crop, "-fps_mode", "passthrough", "-f", "rawvideo", "-"]
    pixels = subprocess.run(words, capture_output=True, check=True, timeout=60).stdout
    size = width * height
    light = [sum(pixels[at : at + size]) / size for at in range(0, len(pixels), size)]
    return [float(frame["pts_time"]) for frame in frames], light
