"""The one table of FFmpeg command line options: does it take a value, and to what does it apply.

Arity cannot be seen from the next word, since values may begin with a dash (`-sei:0 -a53_cc`, `-map_metadata -1`).
FFmpeg itself decides by its tables; so do we. An option that is not listed takes one value and belongs to the file it
stands before, which is how FFmpeg treats every codec and muxer option.

Source: `fftools/ffmpeg_opt.c` and `fftools/opt_common.h` of FFmpeg 7.1; Plex's private options from recorded argv.
"""

from __future__ import annotations

from dataclasses import dataclass

GLOBAL = "global"
INPUT = "input"
OUTPUT = "output"
FILE = "file"


@dataclass(frozen=True, slots=True)
class OptionSpec:
    """What the command line parser has to know of one option."""

    takes_value: bool
    scope: str


_ROWS: tuple[tuple[str, bool, str], ...] = (
    # flags of the whole run
    (
        GLOBAL,
        False,
        """
        y n stats hide_banner copyts start_at_zero stdin benchmark benchmark_all dump hex debug_ts
        ignore_unknown copy_unknown xerror xioerror report qphist auto_conversion_filters recast_media
        print_graphs version L license buildconf formats muxers demuxers devices codecs decoders encoders
        bsfs protocols filters pix_fmts layouts sample_fmts dispositions colors hwaccels
        """,
    ),
    # options of the whole run that take a value
    (
        GLOBAL,
        True,
        """
        loglevel v loglevel_plex progressurl progress stats_period filter_complex lavfi
        filter_complex_script filter_complex_threads filter_threads init_hw_device filter_hw_device
        vaapi_device qsv_device vsync copytb dts_delta_threshold dts_error_threshold max_error_rate
        frame_drop_threshold cpuflags cpucount max_alloc timelimit sdp_file vstats_file vstats_version
        abort_on
        """,
    ),
    (INPUT, False, "accurate_seek re autorotate find_stream_info seek_timestamp display_hflip display_vflip"),
    (
        INPUT,
        True,
        """
        hwaccel hwaccel_device hwaccel_output_format hwaccel_fallback_threshold eae_prefix analyzeduration
        probesize itsoffset itsscale stream_loop readrate readrate_initial_burst skip_frame dump_attachment
        guess_layout_max thread_queue_size reinit_filter sseof canvas_size isync
        """,
    ),
    (OUTPUT, False, "shortest copyinkf autoscale bitexact fix_sub_duration_heartbeat"),
    (
        OUTPUT,
        True,
        """
        map map_inlineass map_metadata map_chapters metadata disposition program stream_group frames fs
        filter vf af filter_script bsf copypriorss strict_ts force_key_frames fps_mode enc_time_base crf qp
        preset b maxrate bufsize level profile x264opts sei forced-idr movflags target attach pass
        passlogfile muxdelay muxpreload
        """,
    ),
    (FILE, False, "vn an sn dn fix_sub_duration"),
    (FILE, True, "codec c vcodec acodec scodec dcodec f ss t to r s ar ac aspect pix_fmt channel_layout ch_layout tag"),
)

OPTIONS: dict[str, OptionSpec] = {
    name: spec for scope, takes, names in _ROWS for spec in (OptionSpec(takes, scope),) for name in names.split()
}

#: Short names and the long names used in this project.
ALIASES = {"c": "codec", "v": "loglevel", "lavfi": "filter_complex"}

_UNLISTED = OptionSpec(True, FILE)


def lookup(name: str) -> OptionSpec:
    """Return what is known of an option.

    Args:
        name: the word after the dash, up to the first colon. `nostats` and `noaccurate_seek` are found through the
            flag they negate.
    """
    spec = OPTIONS.get(name)
    if spec is None and name.startswith("no"):
        spec = OPTIONS.get(name[2:])
        if spec is not None and spec.takes_value:
            spec = None
    return spec or _UNLISTED


def canonical(name: str) -> str:
    """Return the long name of an option: `codec` for `c`."""
    return ALIASES.get(name, name)
