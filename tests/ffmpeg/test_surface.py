"""Our ffmpeg has no part that opens other files or hosts than those it is named."""

import re
import subprocess
from pathlib import Path

import pytest

from scaleplex.ffmpeg.values import words
from tests.ffmpeg.programs import run

PROTOCOLS = {"file", "pipe", "fd", "http", "tcp"}
#: Each reads a list of other files, asks another host, or is a device.
DEMUXERS = words(
    "concat dash hls imf mlv dvdvideo webm_dash_manifest rtsp rtp sap sdp msnwc_tcp image2 image2_alias_pix "
    "image2_brender_pix ffmetadata avisynth vapoursynth v4l2 video4linux2 x11grab fbdev kmsgrab alsa oss pulse "
    "jack"
)
MUXERS = words(
    "tee fifo hls hds smoothstreaming rtp rtp_mpegts rtsp sap webm_chunk webm_dash_manifest ffmetadata data nut md5 "
    "hash framehash streamhash fifo_test chromaprint alsa oss pulse fbdev xv sdl sdl2 opengl caca"
)
FILTERS = {"movie", "amovie", "sendcmd", "asendcmd", "fsync", "frei0r", "frei0r_src", "ladspa", "lv2", "zmq", "azmq"}


def listed(ffmpeg: Path, what: str) -> set[str]:
    """Return the names ffmpeg prints, those of one line that stands for several apart."""
    said = subprocess.run([ffmpeg, "-hide_banner", f"-{what}"], capture_output=True, text=True, timeout=30, check=True)
    if what == "protocols":
        return set(re.findall(r"^  (\S+)$", said.stdout, re.MULTILINE))
    rows = re.findall(r"^ [ DETSCd.|]{2,3} +(\S+) ", said.stdout, re.MULTILINE)
    return {name for row in rows for name in row.split(",")}


def test_only_files_pipes_and_http_are_spoken(ffmpeg: Path) -> None:
    assert listed(ffmpeg, "protocols") == PROTOCOLS


@pytest.mark.parametrize(
    ("what", "needed", "forbidden"),
    [
        ("demuxers", {"matroska", "mov", "mp4", "mpegts", "avi", "lavfi", "srt", "vobsub"}, DEMUXERS),
        ("muxers", {"dash", "segment", "null", "mp4", "matroska", "srt", "framemd5"}, MUXERS),
        ("filters", {"scale", "aresample", "zscale", "overlay"}, FILTERS),
        ("devices", {"lavfi"}, DEMUXERS | MUXERS),
    ],
)
def test_nothing_forbidden_is_built_in(ffmpeg: Path, what: str, needed: set[str], forbidden: set[str]) -> None:
    found = listed(ffmpeg, what)
    assert needed <= found
    assert found & forbidden == set()


@pytest.mark.parametrize(
    "url", ["concat:a|b", "subfile,,start,0,end,1,,:clip", "crypto:clip", "async:clip", "cache:clip", "data:,x",
            "https://127.0.0.1:9/x", "udp://127.0.0.1:9", "unix:x", "ftp://127.0.0.1:9/x", "md5:", "tls://127.0.0.1:9"],
)  # fmt: skip
def test_a_protocol_that_is_not_built_in_opens_nothing(ffmpeg: Path, tmp_path: Path, url: str) -> None:
    ended = run(ffmpeg, ["-i", url, "-f", "null", "-"], tmp_path)
    assert ended.returncode != 0
    assert "Protocol not found" in ended.stderr


def test_an_output_is_not_written_twice(ffmpeg: Path, tmp_path: Path) -> None:
    source = ("-f", "lavfi", "-i", "testsrc2=size=64x36:rate=10:duration=0.2")
    for output in (("-f", "tee", "[f=mpegts]a|[f=mpegts]b"), ("-f", "mpegts", "tee:a|b"), ("-f", "hls", "a.m3u8")):
        ended = run(ffmpeg, [*source, "-c:v", "mpeg2video", *output], tmp_path)
        assert ended.returncode != 0
        assert list(tmp_path.iterdir()) == []
