"""Patch 0010: no value of an option is read from a file."""

from pathlib import Path

import pytest

from tests.ffmpeg.programs import run

pytestmark = pytest.mark.patch("0010-no-values-from-files")

SOURCE = ("-f", "lavfi", "-i", "testsrc2=size=64x36:rate=10:duration=0.5")
SOUND = ("-f", "lavfi", "-i", "sine=sample_rate=48000:duration=0.2")
SINK = ("-f", "framemd5", "-")
GRAPH = ("-map", "[0]", *SINK)
SAID = "Values of options are not read from files here"

#: What the file holds, and the words that have stock FFmpeg read it.
WAYS = {
    "argument of a filter": ("32", (*SOURCE, "-vf", "scale=/w=value:h=36", *SINK)),
    "argument of a filter in a graph": ("32", (*SOURCE, "-filter_complex", "[0:0]scale=/w=value[0]", *GRAPH)),
    "argument of a sound filter": ("44100", (*SOUND, "-af", "aresample=/osr=value", *SINK)),
    "option": ("null", (*SOURCE, "-/vf", "value", *SINK)),
    "graph": ("[0:0]null[0]", (*SOURCE, "-/filter_complex", "value", *GRAPH)),
    "graph script": ("[0:0]null[0]", (*SOURCE, "-filter_complex_script", "value", *GRAPH)),
    "filter script": ("null", (*SOURCE, "-filter_script:v", "value", *SINK)),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_value_is_not_read_from_a_file(ffmpeg: Path, tmp_path: Path, way: str) -> None:
    value, words = WAYS[way]
    (tmp_path / "value").write_text(value)
    ended = run(ffmpeg, words, tmp_path)
    assert ended.returncode != 0
    assert SAID in ended.stderr


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_a_file_reaches_the_log(ffmpeg: Path, tmp_path: Path, way: str) -> None:
    """Stock quotes the value that does not fit, which is how a secret came into a log."""
    (tmp_path / "value").write_text("5ecret-w0rd")
    ended = run(ffmpeg, WAYS[way][1], tmp_path)
    assert SAID in ended.stderr
    assert "5ecret-w0rd" not in ended.stderr
