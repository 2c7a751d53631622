"""The filters a graph of Plex may hold, and the arguments each may carry.

FFmpeg 7.1 reads an argument's value from a file when its key begins with `/`, and filters have arguments that name
files (`subtitles=filename`, `lut3d=file`). So each filter has its list of keys here, and none of them names a file.
The two paths of Plex's own `inlineass` are those of the Plex host; the translator takes them out.

A graph is unquoted twice, as a whole and again in each filter's arguments, and a key counts only as it stands after
the first round. Instead of following both, the check takes the few ways in which Plex quotes (a comma behind a
backslash, a value wholly in quotes, three backslashes in the styles of `inlineass`) and refuses every other.
"""

import re
from dataclasses import dataclass
from typing import Final

from scaleplex.ffmpeg import filtergraph

_WORD_CHARS = r"A-Za-z0-9_.+|#&@~\-"
_EXPRESSION_CHARS = _WORD_CHARS + r"*/%()<>"
_KEY = r"(?:(?P<key>[A-Za-z0-9_]+)=)?"
WORD: Final = re.compile(rf"{_KEY}(?:[{_WORD_CHARS}]*|'[{_WORD_CHARS} ]*')\Z")
EXPRESSION: Final = re.compile(rf"{_KEY}(?:(?:[{_EXPRESSION_CHARS}]|\\,)*|'[{_EXPRESSION_CHARS}, ]*')\Z")
#: Styles and paths of inlineass: whatever stands behind a backslash ends nothing.
TEXT: Final = re.compile(rf"{_KEY}(?:[^\\':;,\[\]\x00-\x1f]|\\[^\x00-\x1f'])*\Z")
#: `pan=stereo|c0=FL+0.5*FC`: one argument without a key, with its own equals signs.
PAN: Final = re.compile(r"(?P<key>(?!))?[A-Za-z0-9.]+(?:\|[A-Za-z0-9_]+[=<][A-Za-z0-9_.+*\-]+)*\Z")
LABEL: Final = re.compile(r"[A-Za-z0-9_:#?]{1,40}\Z")
GRAPH_MAX_CHARS = 65536


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a filter may be told.

    Attributes:
        positional: names of the arguments that may stand without a key, in their order.
        keys: name → the pattern of the argument as it stands in the graph.
    """

    positional: tuple[str, ...]
    keys: dict[str, re.Pattern[str]]


#: Names of filters; arguments by place; keys with expressions; keys with words and numbers.
_ROWS: tuple[tuple[str, str, str, str], ...] = (
    ("hwdownload null anull showinfo hwupload", "", "", "derive_device checksum"),
    ("hwupload_cuda", "device", "", "device"),
    ("hwmap", "", "", "mode derive_device reverse"),
    (
        "scale",
        "w h",
        "w width h height",
        """
        flags interl size s in_color_matrix out_color_matrix in_range out_range in_chroma_loc out_chroma_loc
        in_v_chr_pos in_h_chr_pos out_v_chr_pos out_h_chr_pos force_original_aspect_ratio force_divisible_by param0
        param1 eval
        """,
    ),
    (
        "scale_vaapi",
        "w h",
        "w h",
        """
        format mode out_color_matrix out_range out_color_primaries out_color_transfer out_chroma_location
        force_original_aspect_ratio force_divisible_by
        """,
    ),
    (
        "scale_cuda scale_npp",
        "w h",
        "w h",
        """
        interp_algo format passthrough param force_original_aspect_ratio force_divisible_by
        """,
    ),
    (
        "zscale",
        "w h",
        "w width h height",
        """
        size s dither d filter f out_range range r primaries p transfer t matrix m in_range rangein rin primariesin
        pin transferin tin matrixin min chromal c chromalin cin npl agamma param_a param_b
        """,
    ),
    ("format", "pix_fmts", "", "pix_fmts color_spaces color_ranges"),
    ("fps", "fps start_time round", "fps", "start_time round eof_action"),
    ("framerate", "fps", "", "fps interp_start interp_end scene flags"),
    ("select", "expr", "expr e", "outputs n"),
    ("setpts asetpts", "expr", "expr", ""),
    ("setsar setdar", "ratio", "ratio r sar dar", "max"),
    ("split asplit", "outputs", "", "outputs"),
    ("trim atrim", "", "", "start end start_pts end_pts duration start_frame end_frame start_sample end_sample"),
    ("crop", "w h x y", "w out_w h out_h x y", "keep_aspect exact"),
    ("pad", "w h x y color", "w width h height x y", "color eval aspect"),
    ("transpose", "dir passthrough", "", "dir passthrough"),
    ("overlay overlay_vaapi overlay_cuda", "x y", "x y w h", "eof_action eval shortest format repeatlast alpha"),
    ("tonemap", "tonemap param desat peak", "", "tonemap param desat peak"),
    (
        "tonemap_opencl tonemap_cuda tonemap_vaapi",
        "tonemap format",
        "",
        """
        tonemap transfer t matrix m primaries p range r format peak param desat threshold display light
        """,
    ),
    ("yadif yadif_cuda bwdif bwdif_cuda", "mode parity deint", "", "mode parity deint"),
    ("deinterlace_vaapi", "mode rate auto", "", "mode rate auto"),
    ("procamp_vaapi", "", "", "b brightness s saturatio c contrast h hue"),
    ("setparams", "", "", "field_mode range color_primaries color_trc colorspace chroma_location"),
    (
        "colorspace",
        "all",
        "",
        """
        all space range primaries trc format fast dither wpadapt iall ispace irange iprimaries itrc
        """,
    ),
    ("sidedata", "", "", "mode type"),
    (
        "aresample",
        "sample_rate",
        "",
        """
        sample_rate async ochl out_chlayout ocl rematrix_maxval osr out_sample_rate isr in_sample_rate ichl
        in_chlayout icl osf out_sample_fmt isf in_sample_fmt tsf internal_sample_fmt clev center_mix_level slev
        surround_mix_level lfe_mix_level rmvol rematrix_volume flags dither_method filter_size phase_shift
        linear_interp exact_rational cutoff resampler precision cheby min_comp min_hard_comp comp_duration
        max_soft_comp first_pts matrix_encoding filter_type kaiser_beta
        """,
    ),
    ("aformat", "sample_fmts sample_rates channel_layouts", "", "sample_fmts f sample_rates r channel_layouts cl"),
    ("atempo", "tempo", "", "tempo"),
    ("volume", "volume", "volume", "precision eval replaygain replaygain_preamp replaygain_noclip"),
    (
        "loudnorm",
        "",
        "",
        """
        I i LRA lra TP tp measured_I measured_i measured_LRA measured_lra measured_TP measured_tp measured_thresh
        offset linear dual_mono print_format
        """,
    ),
    ("dynaudnorm", "", "", "framelen f gausssize g peak p maxgain m targetrms r coupling n correctdc c altboundary b"),
    ("channelmap", "map channel_layout", "", "map channel_layout"),
)
_INLINEASS = "charenc font_scale font_path font_size margin fonts_dir fontconfig_file language overrides outline shadow"


def _filters() -> dict[str, Arguments]:
    table = {
        "pan": Arguments(("args",), {"args": PAN}),
        "inlineass": Arguments((), dict.fromkeys(_INLINEASS.split(), TEXT)),
    }
    for names, positional, expressions, words in _ROWS:
        keys = dict.fromkeys(words.split(), WORD) | dict.fromkeys(expressions.split(), EXPRESSION)
        for name in names.split():
            table[name] = Arguments(tuple(positional.split()), keys)
    return table


#: Filter → what it may be told.
FILTERS: Final = _filters()


def refusal(text: str) -> tuple[str, str] | None:
    """Return which rule a graph breaks and what was seen, None for one that may run."""
    if len(text) > GRAPH_MAX_CHARS:
        return "filter", f"a graph of {len(text)} characters is longer than any real one"
    for item in filtergraph.parse(text).filters():
        if item.opaque is not None or item.name not in FILTERS:
            return "filter", f"the filter {(item.name or item.opaque or '')[:40]!r} is not one a transcode uses"
        if not all(map(LABEL.match, (*item.inputs, *item.outputs))):
            return "filter", f"a link of the filter {item.name!r} has no name that Plex gives"
        if item.has_arguments:
            seen = _argument_refusal(item)
            if seen is not None:
                return "filter-argument", seen
    return None


def _argument_refusal(item: filtergraph.Filter) -> str | None:
    known = FILTERS[item.name]
    for place, argument in enumerate(item.arguments):
        name, equals, _ = argument.raw.partition("=")
        if not equals or name not in known.keys:
            name = known.positional[place] if place < len(known.positional) else ""
        pattern = known.keys.get(name)
        found = pattern.match(argument.raw) if pattern else None
        if found is None or found["key"] not in (None, name):
            return f"the filter {item.name!r} may not be told {argument.raw[:60]!r}"
    return None
