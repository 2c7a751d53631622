"""A worker's look for hardware, with our ffmpeg on a VAAPI driver: the software one, or a real GPU."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from scaleplex.worker.equipment import Answer, Try, Wanted, find, runner
from tests.corpus import media
from tests.softva.device import Device
from tests.softva.fixtures import softva_built, vaapi

__all__ = ["softva_built", "vaapi"]

pytestmark = [pytest.mark.ffmpeg, pytest.mark.skipif(media.ffmpeg() is None, reason="scaleplex-ffmpeg is not built")]


def trying(device: Device, knobs: Mapping[str, str] | None = None) -> Try:
    def run(words: Sequence[str]) -> Answer:
        done = subprocess.run(
            [media.tool(), *words],
            env=device.environment(knobs),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )
        return Answer(done.returncode == 0, done.stdout.decode(errors="replace"))

    return run


def test_a_device_is_found_by_what_it_decodes_and_encodes(vaapi: Device) -> None:
    found = find(Wanted("vaapi", vaapi.node), trying(vaapi))
    assert found.backend == "vaapi"
    assert found.hardware.encoders is not None
    assert "h264" in found.hardware.encoders
    assert found.hardware.decoders is not None
    assert "h264" in found.hardware.decoders
    if vaapi.built is not None:
        assert found.hardware.encoders == {"h264", "hevc", "hevc:10"}
        assert {"hevc:10", "vp9"} <= found.hardware.decoders
        assert "mpeg2video" not in found.hardware.decoders
        assert found.hardware.tonemap == "cpu"
        assert found.hardware.qvbr


def test_what_a_device_lacks_is_not_claimed(vaapi: Device) -> None:
    if vaapi.built is None:
        pytest.skip("a real GPU cannot be told to lack something")
    hardware = find(Wanted("vaapi", vaapi.node), trying(vaapi, {"DISABLE": "hevcdec,qvbr"})).hardware
    assert hardware.decoders is not None
    assert not {name for name in hardware.decoders if name.startswith("hevc")}
    assert "h264" in hardware.decoders
    assert not hardware.qvbr


def test_a_host_without_a_gpu_is_told_apart_in_no_time(tmp_path: Path) -> None:
    start = time.monotonic()
    found = find(Wanted(), runner(media.tool()), tmp_path)
    assert found.backend == "sw"
    assert time.monotonic() - start < 2


def test_a_device_file_that_leads_nowhere_leaves_software(tmp_path: Path) -> None:
    (tmp_path / "dri").mkdir()
    (tmp_path / "dri" / "renderD128").touch()
    (tmp_path / "nvidia0").touch()
    found = find(Wanted(), runner(media.tool()), tmp_path)
    assert found.backend == "sw"
    assert [reason.split(" on ")[0] for reason in found.against] == ["nvenc", "vaapi"]
