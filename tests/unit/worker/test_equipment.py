"""A worker believes in a GPU once it has decoded and encoded a picture, and says why it does not."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from scaleplex.translator import Hardware
from scaleplex.worker.equipment import Answer, Equipment, Wanted, find

INTEL = "[AVHWDeviceContext @ 0x1] VAAPI driver: Intel iHD driver for Intel(R) Gen Graphics - 23.1.1 ().\n"
AMD = "[AVHWDeviceContext @ 0x1] VAAPI driver: Mesa Gallium driver 23.2.1 for AMD Radeon Graphics (radeonsi, renoir).\n"


class Host:
    """Stands in for ffmpeg on a host: fails whatever holds one of the broken words."""

    def __init__(self, *broken: str, driver: str = INTEL, draws: bool = True) -> None:
        self.broken = broken
        self.driver = driver
        self.draws = draws
        self.asked: list[str] = []

    def __call__(self, words: Sequence[str]) -> Answer:
        text = " ".join(words)
        self.asked.append(text)
        if "-h filter=" in text:
            known = "inlineass" in text and self.draws
            return Answer(True, "Filter inlineass" if known else "Unknown filter 'x'.")
        for word in self.broken:
            if word in text:
                return Answer(False, f"something\nNo {word} here\n")
        return Answer(True, self.driver if "verbose" in text else "")


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    for name in ("dri/renderD128", "dri/renderD129", "dri/card0", "nvidia0", "nvidiactl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_without_a_device_nothing_is_tried_and_software_is_used(tmp_path: Path) -> None:
    host = Host()
    found = find(Wanted(), host, tmp_path)
    assert (found.backend, found.against) == ("sw", ())
    assert len(host.asked) == 1


def test_an_nvidia_gpu_that_works_comes_first(dev: Path) -> None:
    found = find(Wanted(), Host(), dev)
    assert found.backend == "nvenc"
    assert found.hardware == Hardware(
        "0",
        "",
        frozenset({"h264", "hevc", "hevc:10", "vp9", "vp9:10", "mpeg2video", "av1", "av1:10"}),
        frozenset({"h264", "hevc", "hevc:10"}),
        "cpu",
    )


def test_a_gpu_that_only_decodes_does_not_hide_one_that_encodes(dev: Path) -> None:
    found = find(Wanted(), Host("_nvenc"), dev)
    assert (found.backend, found.hardware.device) == ("vaapi", f"{dev}/dri/renderD128")
    assert found.against == ("nvenc on 0: No _nvenc here",)


def test_a_gpu_that_only_decodes_is_better_than_none(dev: Path) -> None:
    found = find(Wanted(), Host("_nvenc", "vaapi"), dev)
    assert (found.backend, found.hardware.device, found.hardware.encoders) == ("nvenc", "0", frozenset())
    assert "h264" in (found.hardware.decoders or ())
    assert len(found.against) == 3
    second = find(Wanted(), Host("cuda", "h264_vaapi", "hevc_vaapi"), dev)
    assert (second.backend, second.hardware.device) == ("vaapi", f"{dev}/dri/renderD128")


def test_nvidia_gpus_are_counted_from_zero_whatever_their_files_are_called(tmp_path: Path) -> None:
    for name in ("nvidia1", "nvidia3", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert find(Wanted(), Host(), tmp_path).hardware.device == "0"
    assert find(Wanted(), Host("cuda:0"), tmp_path).hardware.device == "1"
    assert len(find(Wanted(), Host("cuda"), tmp_path).against) == 2


def test_a_device_that_cannot_be_opened_is_passed_over_and_remembered(dev: Path) -> None:
    found = find(Wanted(), Host("cuda", "renderD128"), dev)
    assert (found.backend, found.hardware.device) == ("vaapi", f"{dev}/dri/renderD129")
    assert found.against == ("nvenc on 0: No cuda here", f"vaapi on {dev}/dri/renderD128: No renderD128 here")


def test_a_file_that_is_no_gpu_leaves_software(dev: Path) -> None:
    found = find(Wanted(), Host("-init_hw_device"), dev)
    assert found.backend == "sw"
    assert len(found.against) == 3


def test_each_capability_is_tried_by_itself(dev: Path) -> None:
    host = Host("cuda", "av1", "hevc_vaapi -profile:v main10", "vp9:10.mkv -vf")
    hardware = find(Wanted(), host, dev).hardware
    assert hardware.encoders == frozenset({"h264", "hevc"})
    assert hardware.decoders == frozenset({"h264", "hevc", "hevc:10", "vp9", "mpeg2video"})


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        *((INTEL, "iHD"), (AMD, "radeonsi"), ("", "")),
        ("VAAPI driver: Mesa Gallium driver 24.1 for virgl.", ""),
        ("Driver version: Mesa Gallium driver 24.1 for AMD Radeon.", "radeonsi"),
        ("The film is called iHD.", ""),
    ],
)
def test_the_driver_is_read_off_what_libva_says(text: str, driver: str, dev: Path) -> None:
    assert find(Wanted("vaapi"), Host(driver=text), dev).hardware.driver == driver


@pytest.mark.parametrize("backend", ["vaapi", "nvenc"])
@pytest.mark.parametrize(
    ("host", "draws"), [(Host(), True), (Host(draws=False), False), (Host("hwupload,inlineass"), False)]
)
def test_a_gpu_draws_where_a_cue_was_drawn_on_its_surfaces(backend: str, host: Host, draws: bool, dev: Path) -> None:
    assert find(Wanted(backend), host, dev).hardware.draws is draws


@pytest.mark.parametrize(
    ("broken", "wanted", "tonemap"),
    [((), "auto", "opencl"), (("opencl",), "auto", "cpu"), (("opencl",), "vaapi", "vaapi"), ((), "cpu", "cpu")],
)
def test_tone_mapping_is_what_works_or_what_the_operator_says(
    broken: tuple[str, ...], wanted: str, tonemap: str, dev: Path
) -> None:
    assert find(Wanted("vaapi", tonemap=wanted), Host(*broken), dev).hardware.tonemap == tonemap


def test_a_driver_without_qvbr_is_noticed(dev: Path) -> None:
    assert find(Wanted("vaapi"), Host(), dev).hardware.qvbr
    assert not find(Wanted("vaapi"), Host("QVBR"), dev).hardware.qvbr


def test_a_backend_by_name_is_kept_although_it_does_not_work_so_that_the_worker_can_say_so(dev: Path) -> None:
    found = find(Wanted("vaapi", "/dev/dri/renderD200"), Host("renderD200"), dev)
    assert (found.backend, found.hardware.encoders) == ("vaapi", None)
    assert found.against == ("vaapi on /dev/dri/renderD200: No renderD200 here",)
    missing = find(Wanted("nvenc"), Host(), dev / "dri")
    assert missing.against == (f"nvenc: there is no device below {dev / 'dri'}",)


def test_software_by_name_asks_no_device(dev: Path) -> None:
    host = Host()
    assert find(Wanted("sw"), host, dev).backend == "sw"
    assert len(host.asked) == 1


@pytest.mark.parametrize("draws", [True, False])
def test_a_task_learns_what_its_worker_is(draws: bool, tmp_path: Path) -> None:
    found = find(Wanted("sw", policy="follow"), Host(draws=draws), tmp_path)
    site = found.site("http://r/cb", True)
    assert (site.callback_base, site.burn, site.policy, site.plex_pass) == ("http://r/cb", draws, "follow", True)
    assert site.hardware is found.hardware
    assert Equipment().site(None, False).plex_pass is False
