"""Any combination of a shape's parts that a server could ask for."""

from hypothesis import strategies as st

from tests.argvgen.shapes import Shape

_PLAYED = ("dash", "hls-matroska", "hls-mpegts", "segmented-matroska")


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Draw a job with a video stream: played or optimised, any source backend, with and without subtitles."""
    kind = draw(st.sampled_from((*_PLAYED, "optimize", "optimize-remux")))
    copied = kind == "optimize-remux" or (kind != "optimize" and draw(st.booleans()))
    backend = "copy" if copied else draw(st.sampled_from(("sw", "vaapi", "nvenc", "vaapi+sw", "nvdec+sw")))
    hdr = None if copied else draw(st.sampled_from((None, "hable", "mobius", "reinhard")))
    extra = ["side-channel", "side-channel-staged"] if kind == "dash" else []
    extra += ["soft", "soft-staged"] if kind == "hls-matroska" else []
    extra += ["sidecar-file"] if kind.startswith("optimize") else []
    extra += [] if copied else ["burn-text", "burn-staged", "burn-bitmap"]
    return Shape(
        kind,
        backend,
        codec=draw(st.sampled_from(("h264", "hevc", "av1", "mpeg2video"))),
        width=draw(st.integers(80, 960)) * 4,
        height=draw(st.integers(45, 540)) * 4,
        ten_bit=backend in ("vaapi", "nvenc") and hdr is None and draw(st.booleans()),
        tonemap=hdr,
        audio=draw(st.sampled_from(("aac", "eac3", "dts", "copy", "second", "framedrop"))),
        subtitle=draw(st.sampled_from(("none", "none", *extra))),
        seek=draw(st.sampled_from((0, 13, 84, 203.995661, 2844))) if kind in _PLAYED else 0,
        segment=draw(st.sampled_from((1, 3, 5, 8, 10))),
        era=draw(st.sampled_from(("today", "today", "2023"))),
        hex_ids=draw(st.booleans()),
        gate=backend not in ("copy",) and draw(st.booleans()),
    )
