"""Pieces of graphs that work on frames in memory, which every backend has."""

from __future__ import annotations

from scaleplex.ffmpeg import specifier, values
from scaleplex.translator.facts.graph import HDR10_TAGS
from scaleplex.translator.facts.model import Source, Subtitle, Video
from scaleplex.translator.facts.streams import probed
from scaleplex.translator.plan import Overlay

#: Curves of FFmpeg's tone mapping filters; others (bt2390 and the like) exist only in forks.
CURVES = values.words("none linear gamma clip reinhard hable mobius")

#: Plex's default for GPUs, and what stands in for a curve FFmpeg lacks.
DEFAULT_CURVE = "hable"

_UNTAGGED = (None, "unknown", "unspecified", "reserved")


def curve(video: Video) -> str:
    """Return the tone mapping curve to use."""
    return video.tonemap if video.tonemap in CURVES else DEFAULT_CURVE


def tonemap(video: Video, source: Source | None, pixels: str) -> tuple[str, str]:
    """Return the filterchain that makes SDR of HDR, and its name for a label.

    Plex writes `format=p010,tonemap=X`, which FFmpeg 7.1 accepts and gets wrong: it takes PQ code values for linear
    light (measured peak luma 166 instead of 238). Here zscale brings frames to linear light before. zscale, like every
    other tone mapper, refuses a source without a transfer tag; Plex asked for tone mapping, so that is taken for what
    nearly all HDR is: PQ in BT.2020.

    Args:
        pixels: pixel format behind the chain.
    """
    chain = (
        f"zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,"
        f"tonemap=tonemap={curve(video)}:desat=0,zscale=t=bt709:m=bt709:r=tv,format={pixels}"
    )
    return tagged(video, source, chain, f"zscale+tonemap={curve(video)}")


def tagged(video: Video, source: Source | None, chain: str, name: str) -> tuple[str, str]:
    """Put the tags of HDR10 before a tone mapping chain whose source has none, and say so in its name."""
    return (f"{HDR10_TAGS},{chain}", f"{name}+assumed-pq") if _untagged(video, source) else (chain, name)


def _untagged(video: Video, source: Source | None) -> bool:
    pad = specifier.parse_pad(video.pad or "")
    stream = probed(source, pad) if pad is not None else None
    return stream is not None and stream.transfer in _UNTAGGED


def chains(video: Video, source: Source | None, ten_bit: bool, pixels: str) -> tuple[tuple[str, ...], str | None]:
    """Return Plex's own software graph without subtitles, and how tone mapping is done.

    Args:
        pixels: pixel formats for eight bits, as the `format` filter takes them.
    """
    scaled = (f"scale=w={video.width}:h={video.height}:force_divisible_by=4",) if video.width and video.height else ()
    if video.tonemap:
        mapped, name = tonemap(video, source, pixels.split("|")[0])
        return (*scaled, mapped), name
    return (*scaled, f"format=pix_fmts={'yuv420p10le' if ten_bit else pixels}"), None


def overlay(video: Video, subtitle: Subtitle, ten_bit: bool, after: tuple[str, ...]) -> Overlay:
    """Return how a bitmap subtitle is laid over the picture; ten bits have to be asked for."""
    scale = f"scale={video.width}:{video.height}" if video.width and video.height else "null"
    join = "overlay=format=yuv420p10" if ten_bit else "overlay"
    return Overlay(subtitle.pad or "0:s:0", scale, join, after)


def drawn(subtitle: Subtitle) -> tuple[str, ...]:
    """Return the `inlineass` filters that draw in memory, with Plex's styling."""
    return tuple(f"inlineass={style}" if style else "inlineass" for style in subtitle.styles or ("",))
