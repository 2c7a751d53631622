"""Encoder parameters in one text (`-x264opts subme=1:me=hex`): which keys may stand there.

x264 and x265 take their whole command line this way, and some of its options name files (`stats`, `dump-yuv`, `csv`).
FFmpeg takes quotes and backslashes off the keys first; Plex writes none, so a text with one is refused.
"""

from typing import Final

from scaleplex.worker.policy import grammar

_X264 = (
    "subme me_range me-range merange rc_lookahead rc-lookahead me no_chroma_me chroma_me no-chroma-me 8x8dct no-8x8dct "
    "partitions analyse bframes b-adapt b-bias b-pyramid ref keyint min-keyint scenecut no-scenecut cabac no-cabac "
    "weightp weightb no-weightb trellis deblock no-deblock aq-mode aq-strength vbv-maxrate vbv-bufsize vbv-init crf "
    "qp crf-max qpmin qpmax qpstep bitrate threads lookahead-threads sliced-threads sync-lookahead nal-hrd filler "
    "open-gop level intra-refresh psy psy-rd no-psy qcomp mbtree no-mbtree mixed-refs no-mixed-refs direct fast-pskip "
    "no-fast-pskip dct-decimate no-dct-decimate nr colorprim transfer colormatrix fullrange range chromaloc overscan "
    "videoformat interlaced tff bff fake-interlaced constrained-intra slices slice-max-size slice-max-mbs aud "
    "force-cfr ipratio pbratio deadzone-inter deadzone-intra bluray-compat annexb repeat-headers"
)
_X265 = (
    "sao no-sao bframes b-adapt b-pyramid no-b-pyramid ref rd rdoq-level rc-lookahead keyint min-keyint scenecut "
    "no-scenecut vbv-maxrate vbv-bufsize vbv-init crf crf-max qp qpmin qpmax bitrate pools frame-threads wpp no- "
    "wpp pmode pme me subme merange max-merge aq-mode aq-strength hdr10 no-hdr10 hdr10-opt no-hdr10-opt repeat- "
    "headers no-repeat-headers colorprim transfer colormatrix range chromaloc max-cll level-idc high-tier no- "
    "high-tier log-level open-gop no-open-gop info no-info psy-rd psy-rdoq weightp no-weightp weightb limit-refs "
    "limit-modes rect no-rect amp no-amp tu-intra-depth tu-inter-depth early-skip fast-intra strong-intra- "
    "smoothing no-strong-intra-smoothing deblock cutree no-cutree ctu qcomp aud hrd annexb lookahead-slices "
    "lookahead-threads strict-cbr rskip"
)
KEYS: Final = {
    "x264opts": frozenset(_X264.split()),
    "x264-params": frozenset(_X264.split()),
    "x265-params": frozenset(_X265.split()),
}


def refusal(option: str, text: str) -> str | None:
    """Return what was seen in the parameters that may not stand there, None when all may."""
    if not grammar.ITEMS.match(text):
        return f"-{option} {text[:60]!r} is not a list of key=value of letters and digits"
    for item in text.split(":"):
        key = item.partition("=")[0]
        if key not in KEYS[option]:
            return f"{key[:40]!r} in -{option} is not a parameter a transcode sets"
    return None
