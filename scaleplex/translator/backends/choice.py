"""What runs in hardware: what Plex allows, the operator wants, and the GPU can."""

from __future__ import annotations

from dataclasses import dataclass

from scaleplex.ffmpeg import specifier, values
from scaleplex.translator.facts import codecs
from scaleplex.translator.facts.model import Facts, Source, SourceStream, Video
from scaleplex.translator.facts.streams import probed
from scaleplex.translator.plan import Hardware, Site

#: What a GPU is believed to decode when nobody asked it: what Plex decodes in hardware.
_USUAL = values.words("h264 hevc hevc:10 av1 av1:10 vp9 vp9:10 vp8 mpeg2video vc1")

#: Codecs whose ten-bit form is common; where the depth is not known, a GPU has to be able to do both.
_EITHER = values.words("hevc av1 vp9")

#: Chroma every GPU reads; 4:2:2 and 4:4:4 are decoded in software.
_CHROMA = ("yuv420p", "yuvj420p", "nv12", "p010")


@dataclass(frozen=True, slots=True)
class Choice:
    """What runs in hardware.

    Attributes:
        codec: of the source's video, None when neither the command nor a probe tells.
        notes: why something Plex or the operator would have in hardware is not.
    """

    decode: bool
    encode: bool
    codec: str | None
    notes: tuple[tuple[str, str], ...] = ()


def choose(facts: Facts, video: Video, source: Source | None, site: Site, ten_bit: bool) -> Choice:
    """Decide for one command.

    Args:
        ten_bit: whether the encoder gets ten bits.
    """
    stream = _stream(video, source)
    codec = _codec(video, stream)
    decode, encode, why = _allowed(facts, video, site)
    notes = [("policy", why)] if why else []
    if decode and (missing := _cannot_decode(codec, facts, video, stream, site.hardware)):
        decode = False
        notes += [("fallback", f"decode:{missing}")] if video.hwaccel or facts.source_backend == "sw" else []
    wanted, written_for = codecs.VIDEO_ENCODERS[video.encoder or ""]
    capability = f"{wanted}:10" if ten_bit else wanted
    able = site.hardware.encoders
    if encode and able is not None and capability not in able:
        encode = False
        notes += [("fallback", f"encode:{capability}")] if written_for != "sw" else []
    return Choice(decode, encode, codec, tuple(notes))


def _allowed(facts: Facts, video: Video, site: Site) -> tuple[bool, bool, str | None]:
    """Return whether to decode and to encode in hardware if it can, and the policy that says no.

    Hardware is part of a Plex Pass: Plex does not use it without one, and neither does a worker. A command that uses
    hardware, any, was written by a server that may.
    """
    written_for = codecs.VIDEO_ENCODERS[video.encoder or ""][1]
    decodes = video.hwaccel is not None
    if site.policy == "follow":
        encodes = written_for != "sw"
        return decodes, encodes, None if decodes or encodes else "follow:software"
    if facts.source_backend == "sw" and not site.plex_pass:
        return False, False, "no-plex-pass:software"
    return True, True, None


def _stream(video: Video, source: Source | None) -> SourceStream | None:
    pad = specifier.parse_pad(video.pad or "")
    return probed(source, pad) if pad is not None else None


def _codec(video: Video, stream: SourceStream | None) -> str | None:
    if stream is not None and stream.codec != "unknown":
        return stream.codec
    return codecs.VIDEO_DECODERS.get(video.decoder or "")


def _cannot_decode(
    codec: str | None, facts: Facts, video: Video, stream: SourceStream | None, hardware: Hardware
) -> str | None:
    """Return the capability a GPU lacks for the source, None when it can decode it."""
    if codec is None:
        return "unknown"
    pixels = stream.pixel_format if stream else None
    if pixels is not None and not pixels.startswith(_CHROMA):
        return f"{codec}:{pixels}"
    able = _USUAL if hardware.decoders is None else hardware.decoders
    return next((need for need in _needs(codec, facts, video, stream) if need not in able), None)


def _needs(codec: str, facts: Facts, video: Video, stream: SourceStream | None) -> tuple[str, ...]:
    depth = stream.bit_depth if stream else None
    if depth is not None:
        return (codec if depth == 8 else f"{codec}:{depth}",)
    if facts.hdr or video.tonemap:
        return (f"{codec}:10",) if codec in _EITHER else (codec,)
    return (codec, f"{codec}:10") if codec in _EITHER else (codec,)
