"""Filtergraphs as PMS writes them: labels count through the whole argument list, the last one is mapped."""

from tests.argvgen.shapes import Shape

_STYLE = (
    r"overrides=ScaledBorderAndShadow\\\=yes\\\,FontName\\\=Noto\\\ Sans\\\ Medium\\\,PrimaryColour\\\=&H00FFFFFF"
    ":outline=2.6:shadow=1.7:font_size=54"
)
INLINEASS = (
    "inlineass=font_scale=1.000000:font_path=/usr/lib/plexmediaserver/Resources/Fonts/NotoSans-Medium.otf"
    f":fontconfig_file=/usr/lib/plexmediaserver/Resources/fonts.conf:language=en:{_STYLE}"
)


def _number(nodes: list[str], pad: str, first: int = 0) -> tuple[str, int]:
    """Chain nodes with labels counting up from a number; return the graph and its last label."""
    text, source = [], pad
    for label, node in enumerate(nodes, first):
        text.append(f"[{source}]{node}[{label}]")
        source = str(label)
    return ";".join(text), first + len(nodes) - 1


def video(shape: Shape, spec: str) -> tuple[str, int]:
    """Return the video graph and its last label; an empty text for copied video."""
    if shape.backend == "copy":
        return "", -1
    nodes = {"vaapi": _vaapi, "nvenc": _cuda}.get(shape.backend, _software)(shape)
    if shape.subtitle == "burn-bitmap":
        return _overlay(shape, nodes, spec)
    if shape.gate:
        where = len(nodes) - 1 if shape.backend == "vaapi" else len(nodes)
        nodes.insert(where, rf"select=gte(t\,{shape.seek:g})")
    return _number(nodes, f"0:{spec}")


def _software(shape: Shape) -> list[str]:
    nodes = [f"scale=w={shape.width}:h={shape.height}:force_divisible_by=4"]
    if shape.tonemap:
        nodes.append(f"format=p010,tonemap={shape.tonemap}")
    nodes.append("format=pix_fmts=yuv420p|nv12")
    return nodes + ([INLINEASS] if shape.subtitle in ("burn-text", "burn-staged") else [])


def _vaapi(shape: Shape) -> list[str]:
    surface = "p010" if shape.tonemap or shape.ten_bit else "nv12"
    after = "nv12" if shape.tonemap else surface
    nodes = ["hwupload", f"scale_vaapi=w={shape.width}:h={shape.height}:format={surface}"]
    burn = shape.subtitle in ("burn-text", "burn-staged")
    if shape.tonemap:
        nodes += [
            "hwmap=derive_device=opencl",
            f"tonemap_opencl=tonemap={shape.tonemap}:format=nv12:m=bt709:p=bt709:r=tv",
        ]
        nodes += [] if burn else ["hwmap=derive_device=vaapi:reverse=1"]
    nodes += [f"hwdownload,format={after}", INLINEASS] if burn else []
    return [*nodes, "hwupload"]


def _cuda(shape: Shape) -> list[str]:
    surface = "p010" if shape.tonemap or shape.ten_bit else "nv12"
    after = "nv12" if shape.tonemap else surface
    nodes = ["hwupload", f"scale_cuda=w={shape.width}:h={shape.height}:format={surface}"]
    nodes += [f"tonemap_cuda={shape.tonemap}:nv12"] if shape.tonemap else []
    burn = shape.subtitle in ("burn-text", "burn-staged")
    return nodes + ([f"hwdownload,format={after}", INLINEASS] if burn else [])


def _overlay(shape: Shape, nodes: list[str], spec: str) -> tuple[str, int]:
    """A bitmap subtitle enters first, as `[0:3]`, and meets the video before the encoder."""
    vaapi = shape.backend == "vaapi"
    size = f"scale={shape.width}:{shape.height}"
    graph, last = _number(nodes[:-1] if vaapi else nodes, f"0:{spec}", 1)
    text = f"[0:3]{size}{',hwupload' if vaapi else ''}[0];{graph};"
    if not vaapi:
        return f"{text}[{last}][0]overlay[{last + 1}]", last + 1
    pixels = "p010" if shape.ten_bit else "nv12"
    joined = f"{text}[{last}][0]overlay_vaapi,scale_vaapi=format={pixels}[{last + 1}]"
    return f"{joined};[{last + 1}]hwupload[{last + 2}]", last + 2


def audio(shape: Shape, spec: str, label: int) -> tuple[str, int]:
    """Return the audio graph and its label; an empty text for copied audio."""
    if shape.audio == "copy":
        return "", -1
    layout = "ocl" if shape.era == "2020" else "ochl"
    channels = "5.1" if shape.kind == "hls-matroska" else "stereo"
    rate = 96000 if shape.backend == "copy" else 48000
    chain = f"aresample=async=1:{layout}='{channels}':rematrix_maxval=0.000000dB:osr={rate}"
    return f"[0:{spec}] {chain}[{label}]", label
