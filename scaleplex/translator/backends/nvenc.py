"""NVENC: NVIDIA's decoder, scaler and encoder.

FFmpeg 7.1 has no tone mapping filter for CUDA. Until ours has one (`Hardware.tonemap` says `cuda`), frames are scaled
on the GPU, fetched, tone mapped in memory, and sent back.
"""

from __future__ import annotations

from scaleplex.translator.backends import encoders
from scaleplex.translator.backends.hardware import HardwareBackend, Options
from scaleplex.translator.facts.model import Source, Video
from scaleplex.translator.plan import Hardware, Setting, Swap


class NvencBackend(HardwareBackend):
    """NVIDIA GPUs."""

    name = "nvenc"
    device = "cuda"

    def devices(self, hardware: Hardware, method: str | None) -> Options:
        """Open the GPU by its index: FFmpeg reads Plex's `pci:0000:0d:00.0` as number 0, whichever GPU it means."""
        return (("init_hw_device", f"cuda=cuda:{hardware.device or '0'}"), ("filter_hw_device", "cuda"))

    def hwaccel(self, surfaces: bool) -> Options:
        """Decode with one thread, as Plex does: each further one costs the GPU memory for surfaces."""
        kept: Options = (("hwaccel_output_format", "cuda"),) if surfaces else ()
        return (("hwaccel", "nvdec"), ("threads", "1"), *kept, ("hwaccel_device", "cuda"))

    def method(self, video: Video, source: Source | None, hardware: Hardware) -> str:
        """Tone map in memory unless the worker's ffmpeg has a filter for it."""
        return "cuda" if hardware.tonemap == "cuda" else "cpu"

    def tonemap(self, method: str, curve: str) -> tuple[str, str, str]:
        """Name the arguments: forks differ in the order of positional ones."""
        return f"tonemap_cuda=tonemap={curve}:format=nv12", "tonemap_cuda", curve

    def rate(
        self, options: dict[str, str], written_for: str, hardware: Hardware
    ) -> tuple[tuple[Swap, ...], tuple[Setting, ...]]:
        """Carry rate control over, and x264's preset to one of NVENC's own."""
        swaps, settings = encoders.to_nvenc(options, written_for)
        preset = encoders.PRESETS.get(options.get("preset", ""))
        if written_for == "sw" and preset is not None:
            settings = (*settings, Setting("preset", preset[1], force=True))
        return swaps, settings

    def extras(self, written_for: str) -> tuple[Setting, ...]:
        """Make forced keyframes IDR pictures: a segment starts on one."""
        return (Setting("forced-idr", "1"),)


BACKEND = NvencBackend()
