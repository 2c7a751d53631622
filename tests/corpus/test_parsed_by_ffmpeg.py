"""Every command for a GPU is read by our ffmpeg up to the device: no option or filter argument is misspelt.

`sw` needs no such test, its commands run.
"""

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scaleplex.ffmpeg import argv as language
from scaleplex.translator import Hardware, Site, Translation, translate
from tests.argvgen import SHAPES, Shape, build, matrix
from tests.corpus import dry, media

pytestmark = [pytest.mark.ffmpeg, pytest.mark.skipif(media.ffmpeg() is None, reason="scaleplex-ffmpeg is not built")]

SITE = Site("http://127.0.0.1:9/cb/1/5ca1e", burn=True, plex_pass=True)
WORKERS = {
    "intel": ("vaapi", Hardware("/dev/dri/renderD129", "iHD")),
    "intel-fixed-curve": ("vaapi", Hardware("/dev/dri/renderD129", "iHD", tonemap="vaapi", qvbr=False)),
    "amd": ("vaapi", Hardware("/dev/dri/renderD128", "radeonsi")),
    "nvidia": ("nvenc", Hardware("1")),
    "nvidia-memory": ("nvenc", Hardware("0", draws=False)),
    "intel-without-decoders": ("vaapi", Hardware(decoders=frozenset())),
    "nvidia-without-decoders": ("nvenc", Hardware(decoders=frozenset())),
}


USUAL = ("intel", "nvidia")


def translated(worker: str, shape: Shape) -> Translation:
    target, hardware = WORKERS[worker]
    return translate(build(replace(shape, seek=0)), {}, None, target, replace(SITE, hardware=hardware))


def distinct(worker: str, shapes: Iterable[Shape]) -> Iterator[tuple[Shape, Translation]]:
    """Yield the jobs whose graph and encoder no earlier one has."""
    seen: set[tuple[str, ...]] = set()
    for shape in shapes:
        done = translated(worker, shape)
        if not done.facts.encodes_video:
            continue
        output = language.parse(done.argv).outputs[0]
        words = [w for o in output.options if o.specifier == "0" or o.key == "filter_complex" for w in o.words()]
        key = tuple(w for w in words if "aresample" not in w)
        if key not in seen:
            seen.add(key)
            yield shape, done


@pytest.mark.parametrize("worker", USUAL)
def test_ffmpeg_reads_the_listed_commands_up_to_the_device(worker: str, clips: Path, tmp_path: Path) -> None:
    for shape, done in distinct(worker, SHAPES):
        assert done.bail is None
        assert dry.mistakes(done.argv, clips, tmp_path) == [], shape


@pytest.mark.slow
@pytest.mark.parametrize("worker", WORKERS)
def test_ffmpeg_reads_every_command_up_to_the_device(worker: str, clips: Path, tmp_path: Path) -> None:
    for shape, done in distinct(worker, (*SHAPES, *matrix())):
        assert done.bail is None
        assert dry.mistakes(done.argv, clips, tmp_path) == [], shape


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("format=nv12", "format=nv1"),
        ("scale_vaapi=w", "scale_vaapi=wide"),
        ("QVBR", "QVB"),
        ("-global_quality:0", "-globl_quality:0"),
        ("-sei:0", "-forced-idr:0"),
        ("tonemap=mobius", "tonemap=mobus"),
        ("hwmap=derive_device", "hwmap=derive_devic"),
        ("-seg_duration", "-seg_durtion"),
    ],
)
def test_a_misspelt_word_does_not_pass(right: str, wrong: str, clips: Path, tmp_path: Path) -> None:
    shape = Shape("dash", "nvenc", codec="hevc", tonemap="mobius", width=64, height=36)
    done = translate(build(shape), {}, None, "vaapi", SITE)
    assert dry.mistakes(done.argv, clips, tmp_path) == []
    spoilt = tuple(word if word == "1" else word.replace(right, wrong) for word in done.argv)
    assert spoilt != done.argv
    assert dry.mistakes(spoilt, clips, tmp_path)


@pytest.mark.parametrize("worker", USUAL)
def test_ffmpeg_knows_how_a_worker_decodes(worker: str, clips: Path, tmp_path: Path) -> None:
    """The other tests leave these options out, since ffmpeg opens the device for them; a copy needs no device."""
    done = translated(worker, Shape("dash", "vaapi", codec="hevc"))
    block = [w for o in language.parse(done.argv).inputs[0].options if o.key.startswith("hwaccel") for w in o.words()]
    used = [word for word in block if not word.startswith("-hwaccel_device")][:4]
    assert used[0] == "-hwaccel:0"

    def said(words: list[str]) -> str:
        command = [media.tool(), "-v", "error", "-nostdin", *words, "-i", dry.film(clips, "mkv"), "-c", "copy"]
        run = subprocess.run([*command, "-f", "null", "-"], cwd=tmp_path, capture_output=True, check=False)
        return run.stderr.decode(errors="replace")

    assert said(used) == ""
    assert "Unrecognized hwaccel" in said([used[0], used[1] + "x", *used[2:]])
    assert "Unrecognised hwaccel output format" in said([*used[:3], used[3] + "x"])


@pytest.mark.parametrize(
    ("target", "hardware", "message"),
    [
        ("vaapi", Hardware("/dev/dri/renderD250", "iHD"), "No VA display found for device /dev/dri/renderD250"),
        ("nvenc", Hardware("63"), "CUDA|libcuda|ordinal"),
    ],
)
def test_with_its_devices_a_command_ends_at_the_device(
    target: str, hardware: Hardware, message: str, clips: Path, tmp_path: Path
) -> None:
    words = build(Shape("dash", "sw", codec="hevc", tonemap="mobius", width=64, height=36))
    done = translate(words, {}, None, target, replace(SITE, hardware=hardware))
    tool = media.tool()
    run = subprocess.run([tool, "-nostdin", *done.argv], cwd=tmp_path, capture_output=True, check=False)
    assert run.returncode != 0
    said = run.stderr.decode(errors="replace")
    assert any(part in said for part in message.split("|")), said
