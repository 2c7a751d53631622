"""The one table of FFmpeg command line options: does it take a value, and to what does it apply.

Arity cannot be seen from the next word, since values may begin with a dash (`-sei:0 -a53_cc`, `-map_metadata -1`).
FFmpeg itself decides by its tables; so do we. An option that is not listed takes one value and belongs to the file it
stands before, which is how FFmpeg treats every codec and muxer option.

Source: `fftools/ffmpeg_opt.c` and `fftools/opt_common.h` of FFmpeg 7.1; Plex's private options from recorded argv.
"""

from __future__ import annotations

GLOBAL = "global"
INPUT = "input"
OUTPUT = "output"
FILE = "file"


_ROWS: tuple[tuple[str, bool, str], ...] = (
    # flags of the whole run
    (
        GLOBAL,
        False,
        """
        y n stats hide_banner copyts start_at_zero stdin benchmark benchmark_all dump hex debug_ts
        ignore_unknown copy_unknown xerror xioerror report qphist auto_conversion_filters recast_media
        version L buildconf formats muxers demuxers devices codecs decoders encoders
        bsfs protocols filters pix_fmts layouts sample_fmts dispositions colors hwaccels vstats
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
    (INPUT, False, "accurate_seek re autorotate find_stream_info display_hflip display_vflip"),
    (
        INPUT,
        True,
        """
        hwaccel hwaccel_device hwaccel_output_format hwaccel_fallback_threshold eae_prefix analyzeduration
        probesize itsoffset itsscale stream_loop readrate readrate_initial_burst skip_frame dump_attachment
        guess_layout_max seek_timestamp thread_queue_size reinit_filter sseof canvas_size isync
        """,
    ),
    (OUTPUT, False, "shortest force_fps copyinkf autoscale bitexact fix_sub_duration_heartbeat"),
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

#: Option name → (takes a value, scope).
OPTIONS: dict[str, tuple[bool, str]] = {
    name: (takes_value, scope) for scope, takes_value, names in _ROWS for name in names.split()
}

#: Short names and the long names used in this project.
ALIASES = {"c": "codec", "v": "loglevel", "lavfi": "filter_complex"}

_UNLISTED = (True, FILE)


def _lookup(name: str) -> tuple[bool, str]:
    """Return what is known of an option; `nostats` and `noaccurate_seek` are found through the flag they negate."""
    found = OPTIONS.get(name)
    if found is None and name.startswith("no"):
        found = OPTIONS.get(name[2:])
        if found is not None and found[0]:
            found = None
    return found or _UNLISTED


def takes_value(name: str) -> bool:
    """Return whether the next word is the option's value.

    Args:
        name: the word after the dash, up to the first colon.
    """
    return _lookup(name)[0]


def scope(name: str) -> str:
    """Return to what an option applies: `global` wherever it stands, `input`, `output`, or `file` for either."""
    return _lookup(name)[1]
