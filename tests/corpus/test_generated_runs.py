"""Generated command lines, translated for software, run to a normal end and leave what their class must leave."""

from pathlib import Path

import pytest

from scaleplex.ffmpeg import argv as language
from scaleplex.translator import facts
from tests.argvgen import SHAPES, Shape, build
from tests.corpus import media, running

pytestmark = [pytest.mark.ffmpeg, pytest.mark.skipif(media.ffmpeg() is None, reason="scaleplex-ffmpeg is not built")]

RUNNABLE = [shape for shape in SHAPES if shape.subtitle not in ("burn-text", "burn-staged")]

#: One of every class and source backend; the others belong to the full tier.
QUICK = frozenset(
    {
        "dash-sw-h264-360p-eac3-seek84",
        "dash-sw-hevc-360p-tonemap-hable-seek12",
        "dash-vaapi-av1-360p-seek84",
        "dash-vaapi-h264-360p-dts-2020-play",
        "dash-nvenc-hevc-404p-play",
        "dash-copy-h264-360p-side-channel-2023-play",
        "hls-matroska-vaapi-av1-404p-10bit-eac3-play",
        "hls-matroska-nvenc-av1-268p-10bit-soft-staged-play",
        "hls-mpegts-sw-h264-360p-eac3-play",
        "hls-mpegts-copy-h264-360p-play",
        "sub-side-channel-none-h264-360p-seek12",
        "segmented-matroska-sw-hevc-360p-seek13",
        "optimize-vaapi-av1-360p-10bit-framedrop-play",
        "optimize-remux-copy-hevc-360p-eac3-sidecar-file-play",
        "detection-none-h264-360p-second-hex-play",
        "thumbnails-none-av1-360p-seek30",
    }
)


def test_the_quick_tier_names_shapes_that_exist() -> None:
    assert {shape.name for shape in RUNNABLE} >= QUICK


@pytest.mark.parametrize(
    "shape",
    [pytest.param(shape, id=shape.name, marks=[] if shape.name in QUICK else [pytest.mark.slow]) for shape in RUNNABLE],
)
def test_a_generated_command_runs_and_leaves_its_files(shape: Shape, clips: Path, tmp_path: Path) -> None:
    words = build(shape)
    found = facts.collect(language.parse(words), None)
    clip = running.clip_for(found, words, hdr=bool(shape.tonemap) or shape.ten_bit)
    placed, source = running.place(words, clip, clips, tmp_path)
    done = running.run(placed, source, tmp_path)
    assert done.translation.bail is None
    assert running.missing(done, done.translation.facts) == []
