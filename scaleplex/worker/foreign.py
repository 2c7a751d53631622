"""Does a command name hardware this worker does not have? One that was not understood keeps Plex's words, and ends on
them; the Plex host, whose hardware they name, can play it.
"""

from collections.abc import Iterator

from scaleplex.ffmpeg import filtergraph
from scaleplex.ffmpeg.argv import Command

#: Last word of a name (`h264_nvenc`, `scale_cuda`) → backend; hardware that is no backend of ours is its own.
_OTHERS = ("qsv", "amf", "d3d11va", "d3d12va", "dxva2", "videotoolbox", "mf", "v4l2m2m", "omx", "vdpau", "vulkan")
_KINDS = {name: name for name in _OTHERS}
_KINDS |= dict.fromkeys(("vaapi", "opencl"), "vaapi")
_KINDS |= dict.fromkeys(("nvenc", "nvdec", "cuvid", "cuda", "npp"), "nvenc")
_DEVICES = ("init_hw_device", "vaapi_device", "qsv_device")
_GRAPHS = ("filter_complex", "vf", "filter")


def named(command: Command, backend: str) -> str | None:
    """Return the first word that stands for other hardware than a backend's, None when none does."""
    return next((word for kind, word in _hardware(command) if kind not in (None, backend)), None)


def _hardware(command: Command) -> Iterator[tuple[str | None, str]]:
    """Yield what each accelerator, device, codec and filter is for, None for the processor, and its name."""
    for option in command.options():
        value = option.value or ""
        if option.key == "hwaccel" and value not in ("none", "auto"):
            yield _KINDS.get(value, value), f"{option.flag} {value}"
        elif option.key in _DEVICES:
            kind = value.split("=")[0].split(":")[0] if option.key == "init_hw_device" else option.key.split("_")[0]
            yield _KINDS.get(kind, kind), f"{option.flag} {kind}"
        elif option.key == "codec":
            yield _KINDS.get(value.rpartition("_")[2]), value
        elif option.key in _GRAPHS:
            for found in filtergraph.parse(value).filters():
                yield _KINDS.get(found.name.rpartition("_")[2]), found.name
