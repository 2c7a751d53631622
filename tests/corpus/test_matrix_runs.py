"""Every generated command without subtitles, translated for software, runs to a normal end and leaves its files.

The full tier runs all of them; the quick tier every seventeenth, which meets every kind, backend, codec and picture.
"""

from pathlib import Path

import pytest

from scaleplex.ffmpeg import argv as language
from scaleplex.translator import facts
from tests.argvgen import Shape, build, matrix
from tests.corpus import media, running

pytestmark = [pytest.mark.ffmpeg, pytest.mark.skipif(media.ffmpeg() is None, reason="scaleplex-ffmpeg is not built")]

RUNNABLE = [shape for shape in matrix() if shape.subtitle == "none"]
STRIDE = 17
QUICK = frozenset((*RUNNABLE[::STRIDE], RUNNABLE[-1]))


def test_the_quick_tier_meets_everything() -> None:
    assert len(QUICK) >= 60
    for fact in ("kind", "backend", "codec", "tonemap", "ten_bit", "seek", "audio", "era", "hex_ids"):
        wanted = {getattr(shape, fact) for shape in RUNNABLE}
        assert {getattr(shape, fact) for shape in QUICK} == wanted, fact


@pytest.mark.parametrize(
    "shape",
    [pytest.param(shape, id=shape.name, marks=[] if shape in QUICK else [pytest.mark.slow]) for shape in RUNNABLE],
)
def test_a_command_of_the_matrix_runs_and_leaves_its_files(shape: Shape, clips: Path, tmp_path: Path) -> None:
    words = build(shape)
    found = facts.collect(language.parse(words), None)
    clip = running.clip_for(found, words, hdr=bool(shape.tonemap) or shape.ten_bit)
    placed, source = running.place(words, clip, clips, tmp_path)
    done = running.run(placed, source, tmp_path)
    assert done.translation.bail is None
    assert running.missing(done, done.translation.facts) == []
