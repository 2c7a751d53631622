"""Recorded command lines, translated for software, run to a normal end on generated media of the same kind.

A seek keeps its value: the clip is made as long as the seek needs by repeating two seconds without encoding. Target
sizes and segment lengths stay; the clip ends two segments behind the seek.
"""

from pathlib import Path
from typing import Any

import pytest

from scaleplex.ffmpeg import argv as language
from scaleplex.translator import facts
from tests.corpus import media, recorded, running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.ffmpeg,
    pytest.mark.skipif(not recorded.entries(), reason=recorded.MISSING),
    pytest.mark.skipif(media.ffmpeg() is None, reason="scaleplex-ffmpeg is not built"),
]


def runnable() -> list[dict[str, Any]]:
    """Return what should run: everything that draws no text, the shortened ones too."""
    return [
        entry
        for entry in recorded.entries()
        if entry["facts"]["subtitle_mode"] != "burn" or entry["facts"]["subtitle"] in ("pgs", "dvd")
    ]


@pytest.mark.parametrize("entry", runnable(), ids=lambda entry: entry["id"])
def test_a_recorded_command_runs_and_leaves_its_files(entry: dict[str, Any], clips: Path, tmp_path: Path) -> None:
    words = entry["argv"]
    found = facts.collect(language.parse(words), None)
    hdr = entry["facts"]["hdr"] != "none" or bool(found.video and found.video.ten_bit)
    clip = running.clip_for(found, words, hdr=hdr)
    placed, source = running.place(words, clip, clips, tmp_path)
    done = running.run(placed, source, tmp_path)
    assert done.translation.bail is None
    assert running.missing(done, done.translation.facts) == []
