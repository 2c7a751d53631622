"""Encoder options: which belong to whom, and one encoder's rate control in another's terms."""

from __future__ import annotations

from scaleplex.ffmpeg import values
from scaleplex.translator.facts import codecs
from scaleplex.translator.plan import Hardware, Setting, Swap

#: Encoder of a codec on each backend.
ENCODERS: dict[str, dict[str, str]] = {"sw": {}, "vaapi": {}, "nvenc": {}}
for _name, (_codec, _backend) in codecs.VIDEO_ENCODERS.items():
    ENCODERS[_backend][_codec] = _name

#: x264's presets, from fast to good, in the terms of VAAPI (1 is best, 7 fastest) and of NVENC.
PRESETS: dict[str, tuple[str, str]] = {
    "ultrafast": ("7", "p1"),
    "superfast": ("7", "p1"),
    "veryfast": ("6", "p1"),
    "faster": ("5", "p2"),
    "fast": ("4", "p3"),
    "medium": ("4", "p4"),
    "slow": ("3", "p5"),
    "slower": ("2", "p6"),
    "veryslow": ("1", "p7"),
    "placebo": ("1", "p7"),
}

#: Options only encoders of one backend know. `preset` has its own rules, `level` goes whenever the encoder changes.
_OWN: dict[str, frozenset[str]] = {
    "sw": values.words(
        """
        crf crf_max tune x264opts x264-params x265-params fastfirstpass wpredp aq-mode psy psy-rd weightb weightp ssim
        intra-refresh bluray-compat b-bias b-pyramid mixed-refs 8x8dct fast-pskip mbtree deblock cplxblur partitions
        direct-pred slice-max-size nal-hrd avcintra-class me_method motion-est a53cc udu_sei forced-idr
        """
    ),
    "vaapi": values.words(
        """
        sei rc_mode global_quality compression_level low_power async_depth idr_interval b_depth blbrc max_frame_size
        quality qp tiles
        """
    ),
    "nvenc": values.words(
        """
        rc cq cbr 2pass surfaces gpu delay zerolatency multipass no-scenecut b_adapt spatial-aq spatial_aq temporal-aq
        temporal_aq aq-strength strict_gop weighted_pred b_ref_mode nonref_p rc-lookahead qp forced-idr tune
        """
    ),
}
#: Names that encoders of several backends have and mean differently; they go when the encoder changes.
_AMBIGUOUS = values.words("tune coder tier aud level qp")

#: What Plex may give an encoder of this backend although it says nothing to it.
_STRAY: dict[str, frozenset[str]] = {
    "sw": values.words("sei"),
    "vaapi": values.words("forced-idr crf x264opts x264-params x265-params"),
    "nvenc": values.words("sei crf x264opts x264-params x265-params"),
}


def unwanted(target: str, written_for: str) -> frozenset[str]:
    """Return the options that say nothing to the encoders of a backend.

    Args:
        written_for: backend of the encoder the command names; its own options stay where it is the target.
    """
    if written_for == target:
        return _STRAY[target]
    foreign = frozenset[str]().union(*(names for backend, names in _OWN.items() if backend != target))
    return (foreign - _OWN[target]) | _AMBIGUOUS


def cap_of(options: dict[str, str]) -> str | None:
    """Return the highest bit rate a command allows, None when it names none, or zero, or nothing readable."""
    cap = options.get("maxrate") or options.get("b")
    return cap if values.bits_per_second(cap) else None


def to_software(options: dict[str, str], hevc: bool) -> tuple[Swap, ...]:
    """Carry a hardware encoder's rate control over to constant quality under the same cap.

    QP to CRF is the identity for libx264 (with 15 to 16), since Plex writes the same number for both: pairs recorded
    for the same material are crf 18 / qp 18 at 4000k, crf 16 / qp 15 at 8000k and at 20121k. libx265 reaches the
    quality of libx264 at a CRF about four higher. NVENC is given no quality, only a cap: recorded pairs are crf 21 at
    1297k, 16 at 20121k, with Optimize's crf 16 at 8000k where the two meet.
    """
    old = next((name for name in ("qp", "global_quality", "cq", "b") if name in options), None)
    if old is None:
        return ()
    if old == "b":
        quality = _quality_under(cap_of(options), 21, 16)
    else:
        quality = _whole(options[old])
        quality = 16 if quality == 15 else quality
    if quality is None:
        return ()
    return (Swap(old, "crf", str(min(quality + (4 if hevc else 0), 51))),)


def to_vaapi(
    options: dict[str, str], written_for: str, hardware: Hardware
) -> tuple[tuple[Swap, ...], tuple[Setting, ...]]:
    """Return VAAPI's rate control: quality under a cap is QVBR, quality alone a constant QP.

    FFmpeg takes `-qp` for constant QP and forgets the cap (measured by others: 200 Mbit/s under a cap of 20), so a cap
    needs `-global_quality`, `-b` and the mode by name. A driver without QVBR keeps the cap and loses the quality.
    """
    if written_for == "vaapi" and "rc_mode" in options:
        return (), ()
    old, quality = _asked(options, written_for, hardware.crf_offset)
    cap = cap_of(options)
    if old is None or quality is None:
        return (), ()
    if cap is None:
        return ((Swap(old, "qp", str(quality)),) if (old, options[old]) != ("qp", str(quality)) else ()), ()
    settings = (Setting("b", cap),)
    if not hardware.qvbr:
        return (Swap(old, "b", cap),), (Setting("rc_mode", "VBR"), *settings)
    return (Swap(old, "global_quality", str(max(quality, 1))),), (Setting("rc_mode", "QVBR"), *settings)


def _asked(options: dict[str, str], written_for: str, offset: int) -> tuple[str | None, int | None]:
    """Return the option that states quality and the QP it means.

    Where NVENC is given only a cap, the QP is the one Plex gives a VAAPI encoder for such a cap: 21, and 15 from 8
    Mbit/s on.
    """
    if written_for == "sw":
        crf = _whole(options.get("crf"))
        return ("crf", None if crf is None else min(max(crf + offset, 0), 51)) if "crf" in options else (None, None)
    old = next((name for name in ("qp", "global_quality", "cq") if name in options), None)
    if old is not None:
        return old, _whole(options[old])
    if written_for == "nvenc" and "b" in options:
        return "b", _quality_under(cap_of(options), 21, 15)
    return None, None


def to_nvenc(options: dict[str, str], written_for: str) -> tuple[tuple[Swap, ...], tuple[Setting, ...]]:
    """Return NVENC's rate control: as Plex writes it, a bit rate that is the cap; quality alone becomes `-cq`."""
    if written_for == "nvenc":
        return (), ()
    old = next((name for name in ("crf", "qp", "global_quality") if name in options), None)
    cap = cap_of(options)
    if cap is not None:
        return ((Swap(old, "b", cap),) if old is not None and "b" not in options else ()), (Setting("b", cap),)
    quality = _whole(options.get(old or ""))
    if old is None or quality is None:
        return (), ()
    return (Swap(old, "cq", str(quality)),), (Setting("rc", "vbr"), Setting("b", "0"))


def _quality_under(cap: str | None, low: int, high: int) -> int | None:
    bits = values.bits_per_second(cap)
    return None if bits is None else high if bits >= 8_000_000 else low


def _whole(text: str | None) -> int | None:
    number = values.rate(text)
    return None if number is None else round(number)
