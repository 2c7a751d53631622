"""Software: decode, scale and tone map in memory, encode with libx264 and libx265.

The graphs are Plex's own software graphs, with one exception: Plex writes `format=p010,tonemap=X`, which FFmpeg 7.1
accepts and gets wrong (it takes PQ code values for linear light; measured peak luma 166 instead of 238). Here frames
are scaled down first and then brought to linear light by zscale.
"""

from __future__ import annotations

from scaleplex.ffmpeg import specifier, values
from scaleplex.translator.backends import base
from scaleplex.translator.facts import codecs, graph
from scaleplex.translator.facts.model import Facts, Source, Video
from scaleplex.translator.facts.streams import probed
from scaleplex.translator.plan import Bail, Plan, Setting, Swap, VideoPlan

_ENCODERS = {"h264": "libx264", "hevc": "libx265"}

#: The native `av1` decoder needs a GPU; without one it fails.
_DECODERS = (("av1", "libdav1d"),)

#: Curves of FFmpeg's tonemap filter; others (bt2390 and the like) exist only in forks.
_CURVES = frozenset({"none", "linear", "gamma", "clip", "reinhard", "hable", "mobius"})

_PRESETS = values.words(
    """
    ultrafast superfast veryfast faster fast medium slow slower veryslow placebo
    """
)

#: Options of hardware encoders that mean nothing to libx264 and libx265.
_HARDWARE_OPTIONS = values.words(
    """
    sei rc_mode global_quality compression_level low_power async_depth idr_interval b_depth blbrc max_frame_size
    quality rc cq cbr 2pass surfaces gpu delay zerolatency multipass no-scenecut b_adapt spatial-aq spatial_aq
    temporal-aq temporal_aq aq-strength strict_gop weighted_pred b_ref_mode nonref_p
    rc-lookahead qp tier coder
    """
)


class SoftwareBackend(base.Backend):
    """The backend every host has."""

    name = "sw"

    def plan(self, facts: Facts, source: Source | None) -> Plan | Bail:
        """Plan for software; subtitles that have to be drawn into the picture are refused, nothing here draws them."""
        if (bail := base.doubt(facts)) is not None:
            return bail
        if facts.subtitle.mode.startswith("burn-"):
            return Bail(facts.subtitle.mode.replace("-", ":"))
        video = facts.video
        if video is None or not video.encodes or video.encoder not in codecs.VIDEO_ENCODERS:
            return Plan(self.name, _DECODERS)
        if not base.plain(video.width) or not base.plain(video.height):
            return Bail("size")
        return Plan(self.name, _DECODERS, video=_video(video, _untagged(video, source)))


BACKEND = SoftwareBackend()


def _untagged(video: Video, source: Source | None) -> bool:
    """Return whether the source is known to carry no transfer tag, which zscale needs to find linear light."""
    pad = specifier.parse_pad(video.pad or "")
    stream = probed(source, pad) if pad is not None else None
    return stream is not None and stream.transfer in (None, "unknown", "unspecified", "reserved")


def _video(video: Video, untagged: bool) -> VideoPlan:
    codec, written_for = codecs.VIDEO_ENCODERS[video.encoder or ""]
    encoder = _ENCODERS[codec]
    ten_bit = video.ten_bit and encoder == "libx265"
    chains, tonemap = _chains(video, ten_bit, untagged)
    options = dict(video.options)
    swaps = _rate(options, encoder) if written_for != "sw" else ()
    unwanted = (_HARDWARE_OPTIONS if written_for != "sw" else frozenset({"sei"})) - {swap.old for swap in swaps}
    if encoder == "libx265":
        unwanted |= {"x264opts", "level"}
    return VideoPlan(encoder, chains, tonemap, swaps, _settings(options, encoder, ten_bit), unwanted)


def _settings(options: dict[str, str], encoder: str, ten_bit: bool) -> tuple[Setting, ...]:
    settings = []
    if ten_bit:
        settings.append(Setting("profile", "main10"))
    settings.append(Setting("preset", "veryfast", force=options.get("preset", "veryfast") not in _PRESETS))
    if encoder == "libx265":
        # x265 makes a forced keyframe a CRA picture unless the GOP is closed (measured with 3.5, forced-idr or not),
        # and a segment starts on an IDR. It also writes a banner to stderr whatever -loglevel says.
        settings.append(Setting("forced-idr", "1"))
        settings.append(Setting("x265-params", "open-gop=0:log-level=error"))
    cap = options.get("maxrate") or options.get("b")
    bits = values.bits_per_second(cap)
    if cap is not None and bits is not None:
        settings.append(Setting("maxrate", cap))
        settings.append(Setting("bufsize", f"{2 * bits // 1000}k"))
    return tuple(settings)


def _rate(options: dict[str, str], encoder: str) -> tuple[Swap, ...]:
    """Carry a hardware encoder's rate control over to constant quality under the same cap.

    QP to CRF is the identity for libx264 (with 15 to 16), since Plex writes the same number for both: pairs recorded
    for the same material are crf 18 / qp 18 at 4000k, crf 16 / qp 15 at 8000k and at 20121k. libx265 reaches the
    quality of libx264 at a CRF about four higher. NVENC is given no quality, only a cap: recorded pairs are crf 21 at
    1297k, 16 at 20121k, with Optimize's crf 16 at 8000k where the two meet.
    """
    old = "qp" if "qp" in options else "global_quality" if "global_quality" in options else "b"
    text = options.get(old)
    if text is None:
        return ()
    if old == "b":
        bits = values.bits_per_second(options.get("maxrate") or text)
        quality: float | None = None if bits is None else 16 if bits >= 8_000_000 else 21
    else:
        quality = values.integer(text)
        quality = 16 if quality == 15 else quality
    if quality is None:
        return ()
    if encoder == "libx265":
        quality += 4
    return (Swap(old, "crf", str(min(int(quality), 51))),)


def _chains(video: Video, ten_bit: bool, untagged: bool) -> tuple[tuple[str, ...] | None, str | None]:
    """Return the graph, None when Plex's own runs as it stands, and how tone mapping is done."""
    if not video.tonemap and not any(name in graph.HARDWARE for name in video.filters):
        return None, None
    chains = []
    if video.width and video.height:
        chains.append(f"scale=w={video.width}:h={video.height}:force_divisible_by=4")
    tonemap = None
    if video.tonemap:
        curve = video.tonemap if video.tonemap in _CURVES else "hable"
        tonemap = f"zscale+tonemap={curve}"
        # Plex asked for tone mapping, so an untagged source is taken for what nearly all HDR is: PQ in BT.2020.
        tags = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc," if untagged else ""
        tonemap += "+assumed-pq" if untagged else ""
        chains.append(
            f"{tags}zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,"
            f"tonemap=tonemap={curve}:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
        )
    else:
        chains.append("format=pix_fmts=yuv420p10le" if ten_bit else "format=pix_fmts=yuv420p|nv12")
    if video.gate:
        chains.append(video.gate)
    return tuple(chains), tonemap
