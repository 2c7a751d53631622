"""Hardware a command names, and a worker may not have."""

import pytest

from scaleplex.ffmpeg import argv
from scaleplex.worker import foreign


@pytest.mark.parametrize(
    ("words", "backend", "named"),
    [
        ("-hwaccel:0 nvdec -i a o", "vaapi", "-hwaccel:0 nvdec"),
        ("-hwaccel nvdec -i a o", "nvenc", None),
        ("-hwaccel none -i a o", "sw", None),
        ("-hwaccel rkmpp -i a o", "vaapi", "-hwaccel rkmpp"),
        ("-i a -init_hw_device cuda=cuda:pci:0000:0d:00.0 o", "vaapi", "-init_hw_device cuda"),
        ("-i a -init_hw_device vaapi:/dev/dri/renderD128 o", "sw", "-init_hw_device vaapi"),
        ("-i a -init_hw_device opencl=ocl@vaapi o", "vaapi", None),
        ("-i a o -vaapi_device /dev/dri/renderD128", "sw", "-vaapi_device vaapi"),
        ("-i a -c:v h264_qsv o", "sw", "h264_qsv"),
        ("-c:v h264_cuvid -i a o", "sw", "h264_cuvid"),
        ("-i a -codec:0 libx264 -codec:1 pcm_s16le o", "sw", None),
        ("-i a -vf yadif_cuda,scale_cuda o", "nvenc", None),
        ("-i a -vf yadif_cuda,scale_cuda o", "sw", "yadif_cuda"),
        ("-i a -vf scale,yadif o", "sw", None),
    ],
)
def test_the_first_word_for_other_hardware_is_named(words: str, backend: str, named: str | None) -> None:
    assert foreign.named(argv.parse(words.split()), backend) == named
