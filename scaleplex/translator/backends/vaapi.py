"""VAAPI: Intel's iHD driver, and AMD's radeonsi where it differs.

radeonsi neither tone maps nor blends, and OpenCL shares surfaces with Intel's driver only: there both are done in
memory, behind the scaler.
"""

from __future__ import annotations

from scaleplex.translator.backends import encoders
from scaleplex.translator.backends.hardware import HardwareBackend, Options
from scaleplex.translator.facts.model import Source, Video
from scaleplex.translator.plan import Hardware, Setting, Swap

AMD = "radeonsi"


class VaapiBackend(HardwareBackend):
    """Intel and AMD GPUs."""

    name = "vaapi"
    device = "vaapi"

    def devices(self, hardware: Hardware, method: str | None) -> Options:
        """Open the render node; OpenCL on top of it where it tone maps."""
        driver = f",driver={hardware.driver}" if hardware.driver else ""
        opened: Options = (("init_hw_device", f"vaapi=vaapi:{hardware.device}{driver}"),)
        if method == "opencl":
            opened += (("init_hw_device", "opencl=ocl@vaapi"),)
        return (*opened, ("filter_hw_device", "vaapi"))

    def hwaccel(self, surfaces: bool) -> Options:
        """Decode on the device filters use."""
        kept: Options = (("hwaccel_output_format", "vaapi"),) if surfaces else ()
        return (("hwaccel", "vaapi"), *kept, ("hwaccel_device", "vaapi"))

    def method(self, video: Video, source: Source | None, hardware: Hardware) -> str:
        """Take the operator's choice; Intel's fixed curve ends the job when frames carry no mastering metadata.

        Whoever chose that curve may have no OpenCL, so the processor takes its place.
        """
        if hardware.driver == AMD or hardware.tonemap == "cpu":
            return "cpu"
        if hardware.tonemap == "vaapi":
            return "cpu" if _bare(source) else "vaapi"
        return "opencl"

    def tonemap(self, method: str, curve: str) -> tuple[str, str, str]:
        """Tone map through OpenCL with Plex's curve, or with the driver's own."""
        if method == "vaapi":
            return "tonemap_vaapi=transfer=bt709:format=nv12", "tonemap_vaapi", "hable"
        return (
            (
                f"hwmap=derive_device=opencl,tonemap_opencl=tonemap={curve}"
                ":transfer=bt709:matrix=bt709:primaries=bt709:format=nv12,hwmap=derive_device=vaapi:reverse=1"
            ),
            "tonemap_opencl",
            curve,
        )

    def draws(self, hardware: Hardware) -> bool:
        """Only Intel's driver blends."""
        return hardware.draws and hardware.driver != AMD

    def rate(
        self, options: dict[str, str], written_for: str, hardware: Hardware
    ) -> tuple[tuple[Swap, ...], tuple[Setting, ...]]:
        """Carry rate control over, and x264's preset to a compression level."""
        swaps, settings = encoders.to_vaapi(options, written_for, hardware)
        preset = encoders.PRESETS.get(options.get("preset", ""))
        if written_for == "sw" and preset is not None:
            swaps = (*swaps, Swap("preset", "compression_level", preset[0]))
        return swaps, settings

    def extras(self, written_for: str) -> tuple[Setting, ...]:
        """Leave out closed captions, as Plex does for VAAPI."""
        if written_for == "vaapi":
            return ()
        return (Setting("sei", "-a53_cc", before="force_key_frames"),)


BACKEND = VaapiBackend()


def _bare(source: Source | None) -> bool:
    """Return whether the source's video is known to carry no mastering metadata."""
    if source is None:
        return False
    return any(s.media == "video" and s.input_index == 0 and s.mastering is False for s in source.streams)
