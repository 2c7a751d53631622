"""What a video graph asks for: size, bit depth, tone mapping, burning, each found wherever it stands."""

from __future__ import annotations

from dataclasses import dataclass

from scaleplex.ffmpeg import filtergraph, values
from scaleplex.ffmpeg.filtergraph import Filter, Filtergraph

SCALERS = ("scale", "scale_vaapi", "scale_cuda")
TONEMAPPERS = ("tonemap", "tonemap_opencl", "tonemap_cuda", "tonemap_vaapi")

_SCALED = values.words("0 1 w h width height format force_divisible_by flags mode interp_algo passthrough")
_MAPPED = values.words("0 tonemap t transfer m matrix p primaries r range format")

#: The tags of HDR10, which a tone mapper is given where a source has none.
HDR10_TAGS = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"

#: Filters a plan may replace, with the arguments (by name or place) that facts carry or that change no picture, None
#: for all. With another argument a filter means something that writing the graph anew would lose.
_CARRIED: dict[str, frozenset[str] | None] = {
    "scale": _SCALED,
    "scale_vaapi": _SCALED,
    "scale_cuda": _SCALED,
    "hwupload": None,
    "hwupload_cuda": None,
    "hwdownload": None,
    "hwmap": None,
    "format": None,
    "tonemap": values.words("0 tonemap desat"),
    "tonemap_opencl": _MAPPED,
    "tonemap_vaapi": _MAPPED,
    "tonemap_cuda": _MAPPED | values.words("1 desat"),
    "zscale": values.words("t transfer m matrix p primaries r range npl d dither"),
    "inlineass": None,
    "overlay": values.words("format"),
    "overlay_vaapi": frozenset(),
    "overlay_cuda": frozenset(),
    "select": None,
}

HARDWARE = values.words(
    """
    scale_vaapi scale_cuda hwupload hwupload_cuda hwdownload hwmap tonemap_opencl tonemap_vaapi tonemap_cuda
    overlay_vaapi overlay_cuda
    """
)

_AUDIO = values.words(
    """
    aresample aformat pan volume loudnorm amerge amix asetpts atempo atrim channelmap dynaudnorm anull adelay
    acompressor asplit asetrate apad
    """
)


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """Facts of one video graph; see `Video` for the fields."""

    filters: tuple[str, ...]
    pad: str | None
    width: str | None
    height: str | None
    ten_bit: bool
    tonemap: str | None
    tonemap_filter: str | None
    gate: str | None
    burn: str | None
    burn_pad: str | None
    styles: tuple[str, ...]
    unread: int | None


#: Arguments of `inlineass` that are not Plex's styling: paths of its host, and how a worker draws.
_NOT_STYLE = values.words("font_path fontconfig_file render_height animated_tier_down")


def is_audio(graph: Filtergraph) -> bool:
    """Return whether a graph carries audio."""
    names = [found.name for found in graph.filters()]
    return bool(names) and all(name in _AUDIO for name in names)


def read(graph: Filtergraph) -> GraphFacts:
    """Read the facts off a video graph."""
    filters = tuple(graph.filters())
    names = tuple(found.name for found in filters)
    burn, burn_pad = _burn(graph, names)
    scaler = next(
        (found for found in filters if found.name in SCALERS and _size(found) and not _scales(found, burn_pad)), None
    )
    width, height = (_size(scaler) if scaler else None) or (None, None)
    mapper = graph.first(*TONEMAPPERS)
    gate = graph.first("select")
    return GraphFacts(
        filters=names,
        pad=_source_pad(filters, burn_pad),
        width=width,
        height=height,
        ten_bit=_ten_bit(filters),
        tonemap=_algorithm(mapper) if mapper else None,
        tonemap_filter=mapper.name if mapper else None,
        gate=gate.body() if gate else None,
        burn=burn,
        burn_pad=burn_pad,
        styles=tuple(_style(found) for found in filters if found.name == "inlineass"),
        unread=_unread(filters, burn_pad),
    )


def _unread(filters: tuple[Filter, ...], burn_pad: str | None) -> int | None:
    """Return the place, from 0, of the first filter that means something no fact carries."""
    once: set[str] = set()
    for place, found in enumerate(filters):
        if not _carried(found):
            return place
        # Of two sizes or two gates a fact holds one.
        kind = "size" if found.name in SCALERS and _size(found) and not _scales(found, burn_pad) else found.name
        if kind in once:
            return place
        once |= {kind} & {"size", "select"}
    return None


def _carried(found: Filter) -> bool:
    """Return whether facts carry all a filter means."""
    if found.name not in _CARRIED:
        return found.body() == HDR10_TAGS
    carried = _CARRIED[found.name]
    written = {argument.key or str(number) for number, argument in enumerate(found.arguments)}
    return carried is None or written <= carried


def _burn(graph: Filtergraph, names: tuple[str, ...]) -> tuple[str | None, str | None]:
    """Return how a subtitle is drawn into the picture, and for bitmaps the stream that is drawn."""
    if "inlineass" in names:
        # PMS always states a style; only a plan of ours draws a bitmap through the filter, and says how, not what.
        drawn = graph.first("inlineass")
        ours = drawn is not None and drawn.get("render_height") is not None and not _style(drawn)
        return "burn-bitmap" if ours else "burn-text", None
    if any(name.startswith("overlay") for name in names):
        first = next(iter(graph.filters()))
        return "burn-bitmap", next((label for label in first.inputs if ":" in label), None)
    return None, None


def _style(found: Filter) -> str:
    return ":".join(argument.raw for argument in found.arguments if argument.key not in _NOT_STYLE)


def _scales(found: Filter, pad: str | None) -> bool:
    return pad is not None and pad in found.inputs


def _source_pad(filters: tuple[Filter, ...], burn_pad: str | None) -> str | None:
    for found in filters:
        for label in found.inputs:
            if ":" in label and label != burn_pad:
                return label
    return None


def _size(found: Filter) -> tuple[str, str] | None:
    width = found.get("w", 0) or found.get("width")
    height = found.get("h", 1) or found.get("height")
    return (width, height) if width and height else None


def _ten_bit(filters: tuple[Filter, ...]) -> bool:
    """Return whether the last pixel format the graph names has ten bits."""
    last = ""
    for found in filters:
        if found.name == "format":
            last = found.get("pix_fmts", 0) or last
        elif found.name == "tonemap_cuda":
            last = found.get("format", 1) or last
        elif found.name in SCALERS or found.name in TONEMAPPERS:
            last = found.get("format") or last
    first_choice = last.split("|")[0]
    return first_choice.startswith(("p010", "p210")) or first_choice.endswith(("p10", "p10le", "x2rgb10le"))


def _algorithm(mapper: Filter) -> str:
    """Return the curve a tone mapping filter names; `hable` when it names none, as Plex's own default for GPUs."""
    if mapper.name == "tonemap_vaapi":
        return "hable"
    return mapper.get("tonemap", 0) or "hable"


def parse(text: str) -> Filtergraph:
    """Parse a graph; here so that facts have one door to the language."""
    return filtergraph.parse(text)
