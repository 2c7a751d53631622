"""May this command line run here? What a client, a media file or a stranger on the network may have put into it.

PMS is trusted, but what it hands over was shaped by clients and media files, and the fleet is a network service that
executes command lines (contract 9.1). Each rule is a function that returns normally or raises a refusal that names the
rule and how to change it. Paths are resolved by the caller (``prepare``): nothing here looks at the host.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scaleplex.common.errors import PolicyRefusal
from scaleplex.ffmpeg import argv, filtergraph, values

ARGS_MAX_BYTES = 256 * 1024
ARGS_MAX_ITEMS = 4096
ATTEMPT_MAX = 99
NUMBER_MAX = 10_000_000

SESSION = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~-]{1,128}\Z")
JOB = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
KINDS = ("video", "subtitle")
ENVIRONMENT = re.compile(r"(LANG|LC_[A-Z]+|TZ)\Z")
SESSION_DIRECTORY = re.compile(r"(/[^/]+)*/(Sessions/plex-transcode-[A-Za-z0-9._~-]+|Detection(/[A-Za-z0-9._~-]+)?)\Z")
BASE_NAME = re.compile(r"[A-Za-z0-9$%][A-Za-z0-9$%._+-]{0,254}\Z")
OUTPUT_NAME = re.compile(
    r"(dash|nullfile|-|header|(sub-)?chunk-%0\d{1,2}d|(media|thumb)-%0\d{1,2}d(\.[a-z0-9]{1,8})?"
    r"|[A-Za-z0-9_-]{1,64}\.(mp4|mkv|ts|srt|ass|vtt|mp3|flac|m4a))\Z"
)
STAGED_NAME = re.compile(r"temp-\d{1,4}\.[a-z0-9]{1,8}\Z")
CALLBACK = re.compile(
    r"http://127\.0\.0\.1:(?P<port>\d{1,5})/(video|music)/:/transcode/session/(?P<session>[^/?#]+)/(?P<job>[^/?#]+)"
    r"/(progress|manifest|seglist)(\?[A-Za-z0-9=&._~-]*)?\Z"
)
CALLBACK_BASE = re.compile(r"https?://[A-Za-z0-9.\[\]:_-]{1,255}/cb/\d{1,3}/[0-9a-f]{40}\Z")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CALLBACK_OPTIONS = ("progressurl", "manifest_name", "segment_list")
NAME_OPTIONS = ("init_seg_name", "media_seg_name", "segment_header_filename", "segment_list")
NUMBER_OPTIONS = (
    "ss", "t", "to", "segment_start_number", "skip_to_segment", "segment_time", "seg_duration", "window_size",
    "segment_list_size",
)  # fmt: skip
# Values of these are text or devices that the translator replaces; a slash in them names no file that is opened here.
SLASH_OPTIONS = ("metadata", "init_hw_device", "vaapi_device", "hwaccel_device", "r", "aspect", "force_key_frames")
GRAPH_OPTIONS = ("filter_complex", "vf", "af", "filter")
MUXERS = _words("dash ssegment segment stream_segment null mp4 srt ass webvtt flac image2 matroska mpegts mov mp3 adts")
INPUT_FORMATS = _words("srt ass webvtt matroska mov mp4 mpegts avi flac mp3 aac h264 hevc")
FORBIDDEN_OPTIONS = _words(
    "filter_complex_script filter_script passlogfile pass vstats vstats_file report dump_attachment attach "
    "sdp_file stats_enc_pre stats_enc_post stats_mux_pre stats_enc_pre_fmt stats_enc_post_fmt "
    "stats_mux_pre_fmt mux_stats fpre vpre apre spre pre progress protocol_whitelist protocol_blacklist "
    "format_whitelist codec_whitelist http_proxy headers cookies user_agent method listen f_opts dump_extra "
    "mmap import_key target tee print_graphs_file hls_key_info_file hls_segment_filename hls_master_name "
    "master_pl_name hls_fmp4_init_filename key cafile cert_file key_file lua_script fontsdir fontfile "
    "textfile temp_dir trace_headers utc_timing_url"
)
FILTERS = _words(
    "aresample aformat anull asetpts asplit atrim atempo pan volume loudnorm channelmap dynaudnorm format "
    "null hwdownload hwupload hwupload_cuda hwmap inlineass overlay overlay_vaapi overlay_cuda scale "
    "scale_vaapi scale_cuda scale_npp zscale select setpts setsar setdar fps framerate showinfo split trim "
    "crop pad transpose tonemap tonemap_cuda tonemap_opencl tonemap_vaapi yadif yadif_cuda bwdif "
    "deinterlace_vaapi procamp_vaapi deinterlace_opencl setparams colorspace sidedata"
)
# Parameters of encoders that name files (x264's and x265's command lines in one option).
ENCODER_FILE_KEYS = _words(
    "stats dump-yuv qpfile cqmfile cqm tcfile tcfile-in tcfile-out log-file output input csv csv-log-level "
    "recon analysis-save analysis-load analysis-reuse-file lambda-file zonefile scaling-list dhdr10-info "
    "fps-file opencl-clbin dolby-vision-rpu multi-pass-opt-rps rc-stats"
)
ENCODER_PARAMETER_OPTIONS = ("x264opts", "x264-params", "x265-params", "svtav1-params", "aom-params")


@dataclass(frozen=True, slots=True)
class Site:
    """Where files may lie on this host; every path resolved.

    Attributes:
        transcode_root: the directory PMS keeps ``Transcode/Sessions`` in.
        media_roots: where inputs may lie.
        plex_port: port of PMS in the callback URLs of the argv.
    """

    transcode_root: str
    media_roots: tuple[str, ...]
    plex_port: int = 32400


def check_identity(session: str, job: str, attempt: int, kind: str) -> None:
    """Refuse ids that are not of PMS's grammar: they become file names, header fields and log lines."""
    if not SESSION.match(session):
        raise _refusal("ids", f"the session {session[:140]!r} is not 1 to 128 of A-Z a-z 0-9 . _ ~ -")
    if not JOB.match(job):
        raise _refusal("ids", f"the job {job[:140]!r} is not a lower-case UUID")
    if not 1 <= attempt <= ATTEMPT_MAX:
        raise _refusal("ids", f"the attempt {attempt} is not between 1 and {ATTEMPT_MAX}")
    if kind not in KINDS:
        raise _refusal("ids", f"the kind {kind[:40]!r} is neither video nor subtitle")


def child_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that may reach ffmpeg: an allow-list, since a deny-list is never complete."""
    return {
        name: value
        for name, value in env.items()
        if ENVIRONMENT.match(name) and len(value) <= 256 and not any(c in value for c in "\0\n")
    }


def check_size(words: Sequence[str]) -> None:
    """Refuse a command line longer than any real one, or one that holds a NUL."""
    if len(words) > ARGS_MAX_ITEMS or sum(map(len, words)) > ARGS_MAX_BYTES:
        raise _refusal("size", f"the command line has {len(words)} words; no real one is that long")
    if any("\0" in word for word in words):
        raise _refusal("size", "the command line holds a NUL")


def check_cwd(cwd: str, site: Site) -> None:
    """Refuse a working directory (resolved) that is no session directory below the transcode root."""
    if not inside(cwd, site.transcode_root) or not SESSION_DIRECTORY.match(cwd[len(site.transcode_root.rstrip("/")) :]):
        raise PolicyRefusal(
            f"Rule cwd: {cwd} is not a session directory below {site.transcode_root}.",
            "Set SCALEPLEX_WORKER_TRANSCODE_ROOT to PMS's transcoder temporary directory, mounted at the same path.",
        )


def named_paths(command: argv.Command) -> tuple[str, ...]:
    """Return the paths the command names, as written: inputs, then absolute outputs. The caller resolves them."""
    inputs = tuple(file.url for file in command.inputs)
    return inputs + tuple(file.url for file in command.outputs if file.url.startswith("/"))


def check_command(
    command: argv.Command, *, session: str, job: str, cwd: str, resolved: Mapping[str, str], site: Site
) -> None:
    """Refuse a command line that could read, write or call what a transcode has no business with.

    Args:
        cwd: resolved.
        resolved: every path of ``named_paths`` → the same with symbolic links followed.

    Raises:
        PolicyRefusal: which rule, what was seen, and how to change it.
    """
    check_size(argv.emit(command))
    for file in command.inputs:
        _check_input(file, cwd, resolved, site)
    for file in command.outputs:
        _check_output(file, cwd, resolved, site)
    for option in command.options():
        _check_option(option, session, job, site)


def inside(path: str, root: str) -> bool:
    """Return whether a resolved path lies below a resolved directory."""
    return path.startswith(root.rstrip("/") + "/")


def _refusal(rule: str, seen: str) -> PolicyRefusal:
    return PolicyRefusal(
        f"Rule {rule}: {seen}.",
        "If PMS really sends this, report the command line (scaleplex explain); the Plex host plays it meanwhile.",
    )


def _check_input(file: argv.File, cwd: str, resolved: Mapping[str, str], site: Site) -> None:
    # What starts with a slash is a file to ffmpeg; anything else may name a protocol ("subfile,,start,0,...:").
    if not file.url.startswith("/") and not STAGED_NAME.match(file.url):
        raise _refusal(
            "input-url", f"the input {file.url.split('?')[0][:80]!r} is no absolute path; only files are read"
        )
    form = file.get("f")
    if form is not None and form not in INPUT_FORMATS:
        raise _refusal("input-format", f"the input format {form[:40]!r} can name other files or devices")
    real = resolved[file.url]
    if not inside(real, cwd) and not any(inside(real, root) for root in site.media_roots):
        roots = ", ".join(site.media_roots) or "none configured"
        raise PolicyRefusal(
            f"Rule input-path: {real} is not below a media root ({roots}) nor in the session directory.",
            "Add its directory to SCALEPLEX_WORKER_MEDIA_ROOTS on this worker.",
        )


def _check_output(file: argv.File, cwd: str, resolved: Mapping[str, str], site: Site) -> None:
    muxer = file.get("f")
    if muxer is not None and muxer not in MUXERS:
        raise _refusal("muxer", f"the muxer {muxer[:40]!r} is not one a transcode uses")
    if not file.url.startswith("/"):
        if not OUTPUT_NAME.match(file.url):
            raise _refusal("output-name", f"the output {file.url[:80]!r} is no name PMS gives to one")
        return
    real = resolved[file.url]
    detection = site.transcode_root.rstrip("/") + "/Transcode/Detection"
    optimized = re.search(r"/Plex Versions/[^/]+/\.inProgress/[^/]+\Z", real)
    if optimized and any(inside(real, root) for root in site.media_roots):
        return
    if not inside(real, detection) and not inside(real, cwd):
        raise PolicyRefusal(
            f"Rule output-path: {real} is neither in the session directory, nor below {detection}, nor an optimized"
            " version below a media root.",
            "Absolute outputs elsewhere are not written; correct MEDIA_ROOTS or TRANSCODE_ROOT of this worker if it"
            " should be one of these.",
        )


def _check_option(option: argv.Option, session: str, job: str, site: Site) -> None:
    name, value = option.key, option.value or ""
    if name in FORBIDDEN_OPTIONS or name.startswith(("/", "hls_", "stats_")):
        raise _refusal("option", f"the option -{option.name[:60]} reads or writes other files or opens connections")
    if name in CALLBACK_OPTIONS and "://" in value:
        _check_callback(name, value, session, job, site)
    elif name in NAME_OPTIONS:
        if not BASE_NAME.match(value):
            raise _refusal("file-name", f"-{name} {value[:80]!r} is not a plain file name")
    elif name in GRAPH_OPTIONS:
        _check_graph(value)
    elif name in ENCODER_PARAMETER_OPTIONS:
        for key in _parameter_keys(value):
            if key in ENCODER_FILE_KEYS:
                raise _refusal("encoder-parameter", f"{key!r} in -{name} reads or writes a file")
    elif name in NUMBER_OPTIONS:
        number = values.seconds(value)
        if number is None or not -NUMBER_MAX <= number <= NUMBER_MAX:
            raise _refusal("number", f"-{name} {value[:40]!r} is not a number in a sensible range")
    elif name not in SLASH_OPTIONS and (value.startswith(("/", "./", "../", "file:")) or "://" in value):
        raise _refusal("option-path", f"-{name[:60]} {value.split('?')[0][:80]!r} names a file or a URL")


def _check_callback(name: str, value: str, session: str, job: str, site: Site) -> None:
    found = CALLBACK.match(value)
    if not found or int(found["port"]) != site.plex_port:
        raise PolicyRefusal(
            f"Rule callback: -{name} {value.split('?')[0][:120]!r} is not a transcode-session URL of PMS on"
            f" 127.0.0.1:{site.plex_port}.",
            "If PMS listens on another port, set SCALEPLEX_WORKER_PLEX_PORT.",
        )
    if (found["session"], found["job"]) != (session, job):
        raise _refusal("callback", f"-{name} names another session or job than the task")


def _check_graph(text: str) -> None:
    for item in filtergraph.parse(text).filters():
        name = item.name.partition("@")[0]
        if name not in FILTERS:
            seen = name or (item.opaque or "")[:40]
            raise _refusal("filter", f"the filter {seen!r} is not one a transcode uses")


def _parameter_keys(text: str) -> Iterator[str]:
    for key, _ in values.dictionary(text.replace(",", ":")):
        yield key.strip().lower().replace("_", "-")
