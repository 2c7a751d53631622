"""What is in front of `-i`, spelling by spelling."""

import pytest

from scaleplex.translator.passes import inputs
from scaleplex.translator.plan import Plan
from tests.unit.translator.helpers import apply

SW = Plan("sw")
NVDEC = Plan("nvenc", hwaccel=(("hwaccel", "nvdec"), ("threads", "1"), ("hwaccel_device", "cuda")))
REST = "-i a -map 0:0 -codec:0 h264_nvenc out"


@pytest.mark.parametrize("name", ["hwaccel", "hwaccel_device", "hwaccel_output_format", "extra_hw_frames"])
def test_every_option_of_hardware_decoding_goes(name: str) -> None:
    after, labels = apply(inputs.inputs, f"-codec:0 h264 -{name}:0 4 {REST}", SW)
    assert (after, labels) == (f"-codec:0 h264 {REST}", (f"drop:-{name}:0",))


@pytest.mark.parametrize("name", ["init_hw_device", "filter_hw_device", "vaapi_device", "qsv_device"])
def test_every_option_that_opens_a_device_goes(name: str) -> None:
    after, labels = apply(inputs.inputs, f"-codec:0 h264 {REST} -{name} x", SW)
    assert (after, labels) == (f"-codec:0 h264 {REST}", (f"drop:-{name}",))


@pytest.mark.parametrize("name", ["nvdec", "cuda"])
def test_the_one_thread_of_nvdec_goes_with_it(name: str) -> None:
    after, _ = apply(inputs.inputs, f"-codec:0 h264 -hwaccel:0 {name} -threads:0 1 {REST}", SW)
    assert after == f"-codec:0 h264 {REST}"


@pytest.mark.parametrize(
    "given",
    [
        "-hwaccel:0 vaapi -threads:0 1",
        "-hwaccel:0 nvdec -threads:0 4",
        "-hwaccel:0 nvdec -threads:1 1",
        "-hwaccel_device:0 cuda -threads:0 1",
    ],
)
def test_threads_for_another_reason_stay(given: str) -> None:
    after, _ = apply(inputs.inputs, f"-codec:0 h264 {given} {REST}", SW)
    assert f"-threads{given.partition('-threads')[2]}" in after


def test_one_thread_is_asked_for_once() -> None:
    text = f"-codec:0 h264 -hwaccel:0 nvdec -threads:0 1 -hwaccel_device:0 cuda {REST}"
    assert apply(inputs.inputs, text, NVDEC) == (text, ())


def test_hardware_decoding_without_a_hint_names_the_stream_of_the_map() -> None:
    after, _ = apply(inputs.inputs, f"-y {REST}", NVDEC)
    assert after == f"-hwaccel:0 nvdec -threads:0 1 -hwaccel_device:0 cuda -y {REST}"


def test_a_second_input_never_decodes_in_hardware() -> None:
    after, labels = apply(inputs.inputs, f"-codec:0 h264 -i a -hwaccel:0 vaapi {REST.replace('-i a', '-i b')}", NVDEC)
    assert "-i b" in after
    assert "vaapi" not in after
    assert "drop:-hwaccel:0" in labels


def test_a_hint_for_every_stream_is_named_by_a_star() -> None:
    plan = Plan("sw", (("av1", "libdav1d"),))
    after, labels = apply(inputs.inputs, "-codec av1 -i a -map 0:0 -codec:0 libx264 out", plan)
    assert (after, labels) == ("-codec libdav1d -i a -map 0:0 -codec:0 libx264 out", ("decode:*:av1->libdav1d",))
