"""`scaleplex replay --run` makes media, runs our ffmpeg on it and tells what ended well."""

import json
import os
from pathlib import Path

import pytest

from scaleplex.cli import replay
from scaleplex.cli.recorded import Recorded
from scaleplex.cli.replay.running import Runner
from scaleplex.demo.tools import ToolMissingError, find_ffmpeg
from tests.argvgen import SHAPES, Shape, build

SMALL = {"width": 320, "height": 180, "segment": 1}
QUICK = (
    Shape("dash", "vaapi", codec="av1", seek=84, **SMALL),
    Shape("hls-mpegts", "sw", audio="eac3", hex_ids=True, **SMALL),
    Shape("sub-side-channel", "none", segment=1, seek=12),
    Shape("thumbnails", "none", codec="av1", seek=30),
)

pytestmark = [pytest.mark.ffmpeg, pytest.mark.xdist_group("replay")]


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    named = os.environ.get("SCALEPLEX_FFMPEG")
    try:
        ffmpeg = Path(named) if named else find_ffmpeg()
    except ToolMissingError as exc:
        pytest.skip(exc.detail)
    return Runner(ffmpeg, tmp_path_factory.mktemp("clips"))


@pytest.mark.parametrize("shape", QUICK, ids=lambda shape: shape.name)
def test_a_command_runs_to_its_end_on_media_made_for_it(shape: Shape, runner: Runner) -> None:
    result = replay.one(Recorded("x", tuple(build(shape))), "sw", runner)
    assert (result.outcome, result.ran, result.detail) == ("planned", "ended", "")


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_every_shape_is_planned_and_runs_but_text_that_is_burnt_in(shape: Shape, runner: Runner) -> None:
    result = replay.one(Recorded("x", tuple(build(shape))), "sw", runner)
    cleaned = shape.subtitle in ("burn-text", "burn-staged")
    assert (result.outcome, result.ran, result.detail) == (("cleaned", "", "") if cleaned else ("planned", "ended", ""))


def test_a_failure_is_said_in_ffmpegs_words_alike_each_time(runner: Runner) -> None:
    words = [word.replace("ochl='stereo'", "ochl='nonsense'") for word in build(Shape("dash", **SMALL))]
    first, second = (replay.one(Recorded("x", tuple(words)), "sw", runner) for _ in range(2))
    assert first.ran == "failed"
    assert "nonsense" in first.detail
    assert first == second


def test_a_command_that_is_not_planned_is_not_run(runner: Runner) -> None:
    result = replay.one(Recorded("x", ("-i", "a")), "sw", runner)
    assert (result.outcome, result.ran) == ("cleaned", "")


def test_a_record_of_a_run_is_read_again(runner: Runner, tmp_path: Path) -> None:
    result = replay.one(Recorded("x", tuple(build(QUICK[2]))), "sw", runner)
    file = tmp_path / "record.json"
    file.write_text(replay.Results("sw", {"x": result}).to_json())
    assert replay.results.load(file).entries["x"] == result
    assert json.loads(file.read_text())["version"] == 1
