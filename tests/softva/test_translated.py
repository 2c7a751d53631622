"""Command lines translated for VAAPI run on the software driver to a normal end, through the GPU's own code paths.

What passing says: options, graphs, devices and rate control are what ffmpeg and libva take, every frame goes the way it
was planned, and every file the job must leave is there. What it does not say is in README.md: what a real driver makes
of it, neither pictures nor rate control nor speed; no B pictures, one slice; surfaces never run out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from scaleplex.cli.replay import media
from scaleplex.cli.replay.running import place
from scaleplex.translator import Facts, Hardware, Site, Translation, translate
from tests.argvgen import SHAPES, Shape, build, matrix
from tests.corpus import running
from tests.corpus.sink import Sink
from tests.softva.device import Device
from tests.softva.test_driver import no_opencl

CAN = Hardware(
    decoders=frozenset({"h264", "hevc", "hevc:10", "vp9", "vp9:10", "av1", "av1:10"}),
    encoders=frozenset({"h264", "hevc", "hevc:10"}),
    tonemap="cpu",
)
QUICK = (
    Shape("dash", "vaapi", codec="hevc", seek=12, audio="eac3"),
    Shape("dash", "sw", codec="av1"),
    Shape("hls-matroska", "nvenc", codec="hevc", ten_bit=True),
    Shape("hls-mpegts", "vaapi+sw"),
    Shape("dash", "vaapi", codec="hevc", tonemap="hable"),
    Shape("dash", "vaapi", subtitle="burn-bitmap"),
)


def served(shape: Shape) -> bool:
    """Return whether a job can run here: no text is drawn, and an MP4's subtitle is neither copied nor a bitmap."""
    unfit = shape.hex_ids and shape.subtitle in ("soft", "sidecar-file", "burn-bitmap")
    return shape.subtitle not in ("burn-text", "burn-staged") and not unfit


SAMPLE = [shape for shape in matrix() if served(shape)][::37]  # for the full tier

pytestmark = [pytest.mark.ffmpeg, pytest.mark.xdist_group("softva")]


@dataclass(frozen=True)
class Result:
    """A translated command that was run."""

    done: Translation
    run: running.Run

    @property
    def encodes(self) -> bool:
        return any(word.endswith("_vaapi") for word in self.done.argv)


def small(shape: Shape) -> Shape:
    return replace(shape, width=320, height=180, segment=1)


def carried_out(
    shape: Shape,
    vaapi: Device,
    ffmpeg: Path,
    clips: Path,
    room: Path,
    hardware: Hardware = CAN,
    knobs: Mapping[str, str] | None = None,
) -> Result:
    """Translate for VAAPI and run on the device."""
    words = build(shape)
    site = Site(plex_pass=True, hardware=replace(hardware, device=vaapi.node))
    asked = translate(words, {}, None, "vaapi", site).facts
    film = media.make(ffmpeg, media.clip_for(asked, words), clips)
    placed, source = place(ffmpeg, words, film, room)
    session = room / "session"
    before = {path for path in room.rglob("*") if path.is_file()}
    with Sink() as sink:
        done = translate(placed, {}, source, "vaapi", replace(site, callback_base=sink.base))
        assert done.bail is None
        process = vaapi.run(ffmpeg, list(done.argv), session, knobs, opencl=hardware.tonemap == "opencl")
    left = [path for path in room.rglob("*") if path.is_file() and path not in before and path != vaapi.log]
    files = {str(path.relative_to(session) if session in path.parents else path): path.stat().st_size for path in left}
    run = running.Run(done, process.returncode, process.stderr, files, sink.requests, room)
    return Result(done, run)


def check(result: Result, vaapi: Device, facts: Facts) -> None:
    """Check that the job left what it must, and that the frames went where the command says."""
    assert running.missing(result.run, facts) == []
    if vaapi.built is None:
        return
    counted = vaapi.counts()
    decoded = sum(number for name, number in counted.items() if name in ("dec-h264", "dec-hevc", "dec-av1", "dec-vp9"))
    encoded = sum(number for name, number in counted.items() if name.startswith("enc-"))
    assert counted.get("dec-error", 0) == 0, counted
    assert (decoded > 0) == ("-hwaccel" in " ".join(result.done.argv)), counted
    assert (encoded > 0) == result.encodes, counted


@pytest.mark.parametrize("shape", QUICK, ids=lambda shape: shape.name)
def test_a_translated_command_runs_on_the_driver(
    shape: Shape, vaapi: Device, ffmpeg: Path, clips: Path, tmp_path: Path
) -> None:
    result = carried_out(small(shape), vaapi, ffmpeg, clips, tmp_path)
    assert result.encodes
    check(result, vaapi, result.done.facts)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [s for s in SHAPES if served(s)], ids=lambda shape: shape.name)
def test_every_shape_runs_on_the_driver(shape: Shape, vaapi: Device, ffmpeg: Path, clips: Path, tmp_path: Path) -> None:
    result = carried_out(small(shape), vaapi, ffmpeg, clips, tmp_path)
    check(result, vaapi, result.done.facts)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SAMPLE, ids=lambda shape: shape.name)
def test_a_sample_of_all_combinations_runs_on_the_driver(
    shape: Shape, vaapi: Device, ffmpeg: Path, clips: Path, tmp_path: Path
) -> None:
    result = carried_out(small(shape), vaapi, ffmpeg, clips, tmp_path)
    check(result, vaapi, result.done.facts)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [s for s in SHAPES if s.tonemap], ids=lambda shape: shape.name)
def test_tone_mapping_through_opencl_runs_where_there_is_an_opencl(
    shape: Shape, vaapi: Device, ffmpeg: Path, clips: Path, tmp_path: Path
) -> None:
    why = no_opencl(vaapi)
    if why:
        pytest.skip(why)
    result = carried_out(small(shape), vaapi, ffmpeg, clips, tmp_path, hardware=replace(CAN, tonemap="opencl"))
    check(result, vaapi, result.done.facts)
