"""Software: decode, scale and tone map in memory, encode with libx264 and libx265.

The graphs are Plex's own software graphs, with one exception, tone mapping: see `pictures.tonemap`.
"""

from __future__ import annotations

from scaleplex.ffmpeg import values
from scaleplex.translator.backends import base, encoders, pictures
from scaleplex.translator.facts import codecs, graph
from scaleplex.translator.facts.model import Facts, Source, Video
from scaleplex.translator.plan import Bail, Overlay, Plan, Setting, Site, VideoPlan

#: The native `av1` decoder needs a GPU; without one it fails.
DECODERS = (("av1", "libdav1d"),)


class SoftwareBackend(base.Backend):
    """The backend every host has."""

    name = "sw"

    def plan(self, facts: Facts, source: Source | None, site: Site) -> Plan | Bail:
        """Plan for software."""
        if (bail := base.doubt(facts, site)) is not None:
            return bail
        return plan(self.name, facts, source)


BACKEND = SoftwareBackend()


def plan(name: str, facts: Facts, source: Source | None) -> Plan:
    """Return the plan without hardware; other backends use it for what they leave to the processor.

    Args:
        name: of the backend that asks.
    """
    video = base.encodes(facts)
    return Plan(name, DECODERS, video=video_plan(facts, video, source) if video is not None else None)


def video_plan(facts: Facts, video: Video, source: Source | None) -> VideoPlan:
    """Return how the video is made in memory and encoded by the processor."""
    codec, written_for = codecs.VIDEO_ENCODERS[video.encoder or ""]
    encoder = encoders.ENCODERS["sw"][codec]
    hevc = codec == "hevc"
    ten_bit = video.ten_bit and hevc
    chains, tonemap, overlay = _graph(facts, video, source, ten_bit)
    options = dict(video.options)
    swaps = encoders.to_software(options, hevc) if written_for != "sw" else ()
    unwanted = encoders.unwanted("sw", written_for)
    unwanted |= frozenset({"b"} if swaps else ()) | frozenset({"x264opts", "level"} if hevc else ())
    return VideoPlan(
        encoder,
        chains,
        tonemap,
        swaps,
        _settings(options, encoder, ten_bit),
        unwanted - {swap.old for swap in swaps},
        overlay,
        facts.subtitle.pads if facts.subtitle.mode == "burn-text" else (),
    )


def _settings(options: dict[str, str], encoder: str, ten_bit: bool) -> tuple[Setting, ...]:
    settings = []
    if ten_bit:
        settings.append(Setting("profile", "main10"))
    known = options.get("preset", "veryfast") in encoders.PRESETS
    settings.append(Setting("preset", "veryfast", force=not known))
    if encoder == "libx265":
        # x265 makes a forced keyframe a CRA picture unless the GOP is closed (measured with 3.5, forced-idr or not),
        # and a segment starts on an IDR. It also writes a banner to stderr whatever -loglevel says.
        settings.append(Setting("forced-idr", "1"))
        settings.append(Setting("x265-params", "open-gop=0:log-level=error"))
    cap = encoders.cap_of(options)
    if cap is not None:
        settings.append(Setting("maxrate", cap))
        settings.append(Setting("bufsize", f"{2 * (values.bits_per_second(cap) or 0) // 1000}k"))
    return tuple(settings)


def _graph(
    facts: Facts, video: Video, source: Source | None, ten_bit: bool
) -> tuple[tuple[str, ...] | None, str | None, Overlay | None]:
    """Return the chains, None when Plex's own run as they stand, how tone mapping is done, and what is laid over."""
    subtitle = facts.subtitle
    bitmap, text = subtitle.mode == "burn-bitmap", subtitle.mode == "burn-text"
    foreign = any(name in graph.HARDWARE for name in video.filters) or (bitmap and "inlineass" in video.filters)
    if not video.tonemap and not foreign:
        return None, None, None
    chains, tonemap = pictures.chains(video, source, ten_bit, "yuv420p|nv12")
    gate = (video.gate,) if video.gate else ()
    if bitmap:
        return chains, tonemap, pictures.overlay(video, subtitle, ten_bit, gate)
    return (*chains, *(pictures.drawn(subtitle) if text else ()), *gate), tonemap, None
