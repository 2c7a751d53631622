"""When a GPU worker uses its GPU."""

import pytest

from scaleplex.translator import Hardware, Translation
from tests.unit.translator.helpers import gpu, option

SOFTWARE = "[0:0]scale=w=2:h=2:force_divisible_by=4[0];[0]format=pix_fmts=yuv420p|nv12[1]"
SURFACES = "[0:0]hwupload[0];[0]scale_vaapi=w=2:h=2:format=nv12[1]"
VAAPI_DECODE = "-codec:0 h264 -hwaccel:0 vaapi -hwaccel_output_format:0 vaapi -hwaccel_device:0 vaapi"
HYBRID = "-codec:0 h264 -hwaccel:0 vaapi -hwaccel_device:0 vaapi"
DEVICES = "-init_hw_device vaapi=vaapi: -filter_hw_device vaapi"

targets = pytest.mark.parametrize("target", ["vaapi", "nvenc"])


def job(decode: str, graph: str, encoder: str, devices: str = "") -> str:
    return f"{decode} -i a {devices} -filter_complex '{graph}' -map '[1]' -codec:0 {encoder} -f dash dash"


def made(target: str, text: str, **site: object) -> Translation:
    done = gpu(text, target, **site)
    assert done.bail is None
    return done


def uses(done: Translation) -> tuple[bool, bool]:
    """Return whether it decodes and whether it encodes in hardware."""
    return "-hwaccel:0" in done.argv, any(word.endswith(("_vaapi", "_nvenc")) for word in done.argv)


@targets
def test_forced_hardware_takes_software_commands_of_a_server_with_a_pass(target: str) -> None:
    done = made(target, job("-codec:0 h264", SOFTWARE, "libx264 -crf:0 21"))
    assert uses(done) == (True, True)


@targets
@pytest.mark.parametrize("devices", ["", DEVICES])
def test_without_a_pass_a_software_command_stays_software_and_says_why(target: str, devices: str) -> None:
    text = job("-codec:0 h264", SOFTWARE, "libx264 -crf:0 21 -preset:0 veryfast", devices)
    done = made(target, text, plex_pass=False)
    assert uses(done) == (False, False)
    assert "policy:no-plex-pass:software" in done.labels
    assert option(done.argv, "-filter_complex") == SOFTWARE
    assert "-init_hw_device" not in done.argv


@targets
@pytest.mark.parametrize(
    "text",
    [
        job(VAAPI_DECODE, SURFACES, "h264_vaapi -qp:0 22", DEVICES),
        job(HYBRID, SOFTWARE, "libx264 -crf:0 21", DEVICES),
        job("-codec:0 h264", SURFACES, "h264_vaapi -qp:0 22", DEVICES),
        job("-codec:0 h264", SURFACES.replace("vaapi", "cuda"), "h264_nvenc -b:0 9k"),
    ],
)
def test_a_command_that_uses_hardware_is_proof_of_a_pass(target: str, text: str) -> None:
    done = made(target, text, plex_pass=False)
    assert uses(done) == (True, True)
    assert not any(label.startswith("policy:") for label in done.labels)


@targets
@pytest.mark.parametrize("plex_pass", [True, False])
def test_a_worker_that_follows_leaves_software_in_software(target: str, plex_pass: bool) -> None:
    done = made(target, job("-codec:0 h264", SOFTWARE, "libx264 -crf:0 21"), policy="follow", plex_pass=plex_pass)
    assert uses(done) == (False, False)
    assert "policy:follow:software" in done.labels


@targets
def test_a_worker_that_follows_keeps_a_hybrid_a_hybrid(target: str) -> None:
    done = made(target, job(HYBRID, SOFTWARE, "libx264 -crf:0 21 -preset:0 veryfast", DEVICES), policy="follow")
    assert uses(done) == (True, False)
    assert option(done.argv, "-filter_complex") == SOFTWARE
    assert "-hwaccel_output_format:0" not in done.argv
    assert option(done.argv, "-filter_hw_device") == {"vaapi": "vaapi", "nvenc": "cuda"}[target]
    assert not any(label.startswith("policy:") for label in done.labels)


@targets
def test_a_worker_that_follows_decodes_in_software_where_plex_does(target: str) -> None:
    done = made(target, job("-codec:0 h264", SURFACES, "h264_vaapi -qp:0 22", DEVICES), policy="follow")
    assert uses(done) == (False, True)
    assert (option(done.argv, "-filter_complex") or "").startswith("[0:0]hwupload[0];[0]scale_")


@targets
def test_a_worker_that_follows_uses_hardware_where_plex_does(target: str) -> None:
    done = made(target, job(VAAPI_DECODE, SURFACES, "h264_vaapi -qp:0 22", DEVICES), policy="follow", plex_pass=False)
    assert uses(done) == (True, True)


@targets
@pytest.mark.parametrize(
    ("able", "hardware"),
    [
        ({"decoders": frozenset({"h264"}), "encoders": frozenset({"h264"})}, (True, True)),
        ({"decoders": frozenset(), "encoders": frozenset({"h264"})}, (False, True)),
        ({"decoders": frozenset({"h264"}), "encoders": frozenset()}, (True, False)),
        ({"decoders": frozenset(), "encoders": frozenset()}, (False, False)),
    ],
)
@pytest.mark.parametrize("written_for", ["sw", "vaapi"])
def test_what_the_gpu_lacks_the_processor_does(
    target: str, able: dict[str, frozenset[str]], hardware: tuple[bool, bool], written_for: str
) -> None:
    text = {
        "sw": job("-codec:0 h264", SOFTWARE, "libx264 -crf:0 21"),
        "vaapi": job(VAAPI_DECODE, SURFACES, "h264_vaapi -qp:0 22", DEVICES),
    }[written_for]
    done = made(target, text, hardware=Hardware(**able))
    assert uses(done) == hardware
    said = [label for label in done.labels if label.startswith("fallback:")]
    wanted = ["fallback:decode:h264"] * (not hardware[0])
    wanted += ["fallback:encode:h264"] * (not hardware[1] and written_for == "vaapi")
    assert said == wanted
