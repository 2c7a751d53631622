"""The options a command line of Plex may carry: where each may stand and what its value looks like.

What is not here is refused, however harmless it may be: FFmpeg knows two thousand options, and some of them read or
write files, run scripts or call other hosts. The list is what recorded command lines hold, and what FFmpeg's encoders
and muxers that Plex uses take as numbers, words and flags.

Source: recorded argv; `fftools/ffmpeg_opt.c`, `libavcodec/options_table.h` and the muxers of FFmpeg 7.1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scaleplex.ffmpeg.values import words
from scaleplex.worker.policy import grammar
from scaleplex.worker.policy.grammar import Grammar

# Options of one kind are checked by a function of the package and not by a pattern.
CALLBACK: Final = "callback"
GRAPH: Final = "graph"
PARAMETERS: Final = "parameters"
FORMAT: Final = "format"
SEGMENT_FORMAT: Final = "segment-format"
SETTINGS: Final = "settings"
BITSTREAM: Final = "bitstream"
NUMBER: Final = "number"
FLAG: Final = "flag"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is known of an option.

    Attributes:
        places: where it may stand: `i` before an input, `o` before an output, `t` behind the last file.
        value: the pattern of its value, or the name of the check that reads it.
        specifier: the pattern of what may follow its first colon, None for nothing.
    """

    places: str
    value: Grammar | str
    specifier: Grammar | None


#: Places, whether a stream specifier may follow (`s`), value, names.
_ROWS: tuple[tuple[str, Grammar | str, str], ...] = (
    # of the whole run
    ("iot", FLAG, "y nostats stats nostdin hide_banner copyts start_at_zero ignore_unknown copy_unknown xioerror"),
    ("iot", grammar.LOG_LEVEL, "loglevel v loglevel_plex"),
    ("iot", CALLBACK, "progressurl"),
    ("iot", grammar.COUNT, "filter_threads filter_complex_threads"),
    ("iot", grammar.WORD, "vsync filter_hw_device"),
    ("iot", grammar.NUMBER, "copytb max_error_rate stats_period"),
    ("iot", grammar.INIT_DEVICE, "init_hw_device"),
    ("iot", grammar.DEVICE, "vaapi_device"),
    ("iot", GRAPH, "filter_complex"),
    # of a file
    ("ios", grammar.WORD, "codec c"),
    ("io", grammar.WORD, "vcodec acodec scodec"),
    ("io", FORMAT, "f"),
    ("io", NUMBER, "ss t to itsoffset"),
    ("io", FLAG, "vn an sn dn"),
    ("io", grammar.FLAGS, "fflags avioflags"),
    ("ios", grammar.FLAGS, "flags flags2 err_detect strict export_side_data"),
    ("ios", grammar.COUNT, "threads"),
    ("ios", grammar.FLAGS, "thread_type"),
    ("ios", grammar.RATIO, "r"),
    ("ios", grammar.NUMBER, "ar ac"),
    ("ios", grammar.WORDS, "channel_layout ch_layout"),
    ("ios", grammar.SIZE, "s"),
    ("ios", grammar.WORD, "pix_fmt tag sample_fmt"),
    # of an input
    ("i", FLAG, "noaccurate_seek accurate_seek noautorotate autorotate fix_sub_duration"),
    ("is", grammar.WORD, "hwaccel hwaccel_output_format skip_frame skip_loop_filter skip_idct discard lowres"),
    ("is", grammar.DEVICE, "hwaccel_device"),
    ("is", grammar.NUMBER, "hwaccel_fallback_threshold guess_layout_max"),
    ("is", grammar.PREFIX, "eae_prefix"),
    ("is", grammar.WORDS, "sub_charenc"),
    ("is", grammar.RATE, "analyzeduration probesize"),
    ("is", grammar.NUMBER, "itsscale"),
    ("i", grammar.RATE, "fpsprobesize formatprobesize max_probe_packets thread_queue_size rw_timeout"),
    ("i", grammar.NUMBER, "seek_timestamp stream_loop sseof scan_all_pmts reconnect reconnect_streamed"),
    ("i", grammar.NUMBER, "reconnect_delay_max reconnect_at_eof extra_hw_frames readrate"),
    ("i", grammar.SWITCH, "ignore_editlist advanced_editlist"),
    ("i", grammar.SIZE, "canvas_size"),
    # of an output
    ("o", grammar.MAP, "map"),
    ("o", grammar.STREAM, "map_inlineass"),
    ("o", grammar.MAP_METADATA, "map_chapters"),
    ("om", grammar.MAP_METADATA, "map_metadata"),
    ("om", grammar.METADATA, "metadata"),
    ("os", grammar.FLAGS, "disposition"),
    ("os", GRAPH, "filter"),
    ("o", GRAPH, "vf af"),
    ("os", BITSTREAM, "bsf"),
    ("os", grammar.KEY_FRAMES, "force_key_frames"),
    ("ots", grammar.WORD, "fps_mode"),
    ("os", grammar.NUMBER, "copypriorss strict_ts frames"),
    ("o", grammar.NUMBER, "vframes aframes"),
    ("o", FLAG, "shortest"),
    ("o", grammar.RATIO, "aspect"),
    ("o", grammar.WORD, "rematrix_maxval"),
    # of an encoder
    ("os", grammar.RATE, "b maxrate minrate bufsize crf qp q qscale cq global_quality compression_level"),
    ("os", grammar.RATE, "g keyint_min bf refs sc_threshold qmin qmax qcomp qdiff rc_init_occupancy cutoff"),
    ("os", grammar.RATE, "rc-lookahead b_strategy trellis subq me_range slices max_frame_size idr_interval"),
    ("os", grammar.RATE, "async_depth b_depth surfaces delay gpu quality frame_duration packet_loss aq-strength"),
    ("os", grammar.WORD, "preset tune profile level tier rc rc_mode coder me_method b_ref_mode application vbr"),
    ("os", grammar.WORD, "mpeg_quant color_range color_primaries color_trc colorspace multipass"),
    ("os", grammar.SWITCH, "forced-idr zerolatency spatial_aq spatial-aq temporal_aq temporal-aq low_power aud blbrc"),
    ("os", grammar.SWITCH, "bluray-compat a53cc strict_gop nonref_p"),
    ("os", grammar.FLAGS, "sei"),
    ("os", grammar.RATIO, "enc_time_base"),
    ("os", PARAMETERS, "x264opts x264-params x265-params"),
    # of a muxer
    ("o", grammar.FLAGS, "movflags mpegts_flags segment_list_flags"),
    ("o", grammar.WORD, "avoid_negative_ts dash_segment_type segment_list_type frag_type"),
    ("o", NUMBER, "segment_start_number skip_to_segment segment_time seg_duration window_size segment_list_size"),
    ("o", grammar.NUMBER, "segment_time_delta time_delta min_seg_duration extra_window_size frag_duration max_delay"),
    ("o", grammar.NUMBER, "output_ts_offset muxdelay muxpreload max_interleave_delta segment_wrap initial_offset"),
    ("o", grammar.NUMBER, "segment_clocktime_offset start_number id3v2_version max_muxing_queue_size"),
    ("os", grammar.NUMBER, "muxing_queue_data_threshold"),
    ("o", grammar.SWITCH, "delete_removed individual_header_trailer segment_copyts segment_list_unfinished update"),
    ("o", grammar.SWITCH, "segment_list_separate_stream_times segment_atclocktime break_non_keyframes write_xing"),
    ("o", grammar.SWITCH, "reset_timestamps write_header_trailer write_empty_segments use_template use_timeline"),
    ("o", grammar.SWITCH, "remove_at_exit ldash streaming index_correction flush_packets write_id3v1 live"),
    ("o", grammar.TIMES, "segment_times segment_frames"),
    ("o", grammar.BASE_NAME, "init_seg_name media_seg_name segment_header_filename"),
    ("o", CALLBACK, "manifest_name segment_list"),
    ("o", SEGMENT_FORMAT, "segment_format"),
    ("o", SETTINGS, "segment_format_options format_options"),
    ("o", grammar.ADAPTATION_SETS, "adaptation_sets"),
)  # fmt: skip


def _rules() -> Iterator[tuple[str, Rule]]:
    for where, value, names in _ROWS:
        specifier = grammar.SPECIFIER if "s" in where else grammar.METADATA_SPECIFIER if "m" in where else None
        rule = Rule(where.rstrip("sm"), value, specifier)
        for name in names.split():
            yield name, rule


#: Name as it is written → what is known of it.
OPTIONS: Final[dict[str, Rule]] = dict(_rules())

#: Muxers a transcode writes with, and formats its segments have.
MUXERS: Final = words(
    "dash ssegment segment stream_segment null mp4 srt ass webvtt flac image2 matroska mpegts mov mp3 adts webm ogg "
    "opus wav ipod"
)
SEGMENT_FORMATS: Final = words("matroska mpegts mp4 mov ass srt webvtt adts mp3 ac3 eac3 flac webm ogg")
#: What `-f` may say before an input.
INPUT_FORMATS: Final = words(
    "srt ass webvtt matroska mov mp4 mpegts avi flac mp3 aac h264 hevc ac3 eac3 dts truehd ogg wav mpeg asf flv sup "
    "vobsub microdvd"
)
#: FFmpeg's names of what a file of a Plex library, or a subtitle beside it, may be. Each reads the file it is given
#: (`vobsub` also the `.sub` beside its `.idx`); lists of other files (concat, hls) are not among them.
LIBRARY_FORMATS: Final = (
    *(
        "matroska",
        "mov",
        "avi",
        "mpegts",
        "mpeg",
        "mpegvideo",
        "asf",
        "flv",
        "ogg",
        "rm",
        "wtv",
        "mxf",
        "dv",
        "nuv",
        "ty",
    ),
    *("h264", "hevc", "vc1", "m4v", "obu", "ivf"),
    *(
        "flac",
        "mp3",
        "aac",
        "wav",
        "w64",
        "ac3",
        "eac3",
        "dts",
        "dtshd",
        "truehd",
        "mlp",
        "aiff",
        "caf",
        "ape",
        "wv",
        "tta",
    ),
    *("tak", "dsf", "iff", "mpc", "mpc8", "amr", "au", "loas"),
    *(
        "srt",
        "ass",
        "webvtt",
        "sup",
        "vobsub",
        "dvbsub",
        "microdvd",
        "mpl2",
        "mpsub",
        "sami",
        "subviewer",
        "subviewer1",
    ),
    *("jacosub", "realtext", "pjs", "vplayer", "stl", "aqtitle", "scc", "lrc"),
    *("jpeg_pipe", "png_pipe", "gif"),
)
#: Keys of `-segment_format_options` and `-format_options`.
SETTING_KEYS: Final = words(
    "output_ts_offset live ignore_readorder movflags mpegts_flags fflags avoid_negative_ts max_delay "
    "cluster_time_limit cluster_size_limit reserve_index_space flush_packets write_xing id3v2_version"
)
BITSTREAM_FILTERS: Final = words(
    "dovi_rpu framedrop h264_mp4toannexb hevc_mp4toannexb aac_adtstoasc extract_extradata eac3_core truehd_core "
    "dca_core h264_metadata hevc_metadata av1_metadata vp9_superframe vp9_superframe_split mpeg4_unpack_bframes "
    "mov2textsub text2movsub remove_extra dump_extra null pcm_rechunk opus_metadata av1_frame_merge"
)
