"""May this command line run here? What a client, a media file or a stranger on the network may have put into it.

Nothing runs that is not known: each option, each filter with its arguments and each encoder parameter is listed with
what its value looks like (``options``, ``graphs``, ``encoders``, ``grammar``). A list of what is dangerous would have
to know all of FFmpeg, and to read quotes and escapes exactly as FFmpeg does.

PMS is trusted, but what it hands over was shaped by clients and media files, and the fleet is a network service that
executes command lines (contract 9.1). Each rule is a function that returns normally or raises a refusal that names the
rule and how to change it. Paths are resolved by the caller (``prepare``): nothing here looks at the host.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scaleplex.common.errors import PolicyRefusal
from scaleplex.ffmpeg import argv, values
from scaleplex.worker.policy import encoders, grammar, graphs, options

ARGS_MAX_BYTES = 256 * 1024
ARGS_MAX_ITEMS = 4096
ATTEMPT_MAX = 99
NUMBER_MAX = 10_000_000

SESSION = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~-]{1,128}\Z")
JOB = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
KINDS = ("video", "subtitle")
ENVIRONMENT = re.compile(r"(LANG|LC_[A-Z]+|TZ)\Z")
SESSION_DIRECTORY = re.compile(r"(/[^/]+)*/(Sessions/plex-transcode-[A-Za-z0-9._~-]+|Detection(/[A-Za-z0-9._~-]+)?)\Z")
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
    for file in command.files:
        (_check_input if file.is_input else _check_output)(file, cwd, resolved, site)
        for option in file.options:
            _check_option(option, "i" if file.is_input else "o", session, job, site)
    for option in command.trailing:
        _check_option(option, "t", session, job, site)


def inside(path: str, root: str) -> bool:
    """Return whether a resolved path lies below a resolved directory."""
    return path.startswith(root.rstrip("/") + "/")


def _refusal(rule: str, seen: str) -> PolicyRefusal:
    return PolicyRefusal(
        f"Rule {rule}: {seen}.",
        "If Plex sends this by itself, report the command line: how-to/report-a-command-line. The Plex host plays it.",
    )


def _check_input(file: argv.File, cwd: str, resolved: Mapping[str, str], site: Site) -> None:
    # What starts with a slash is a file to ffmpeg; anything else may name a protocol ("subfile,,start,0,...:").
    if not file.url.startswith("/") and not STAGED_NAME.match(file.url):
        raise _refusal(
            "input-url", f"the input {file.url.split('?')[0][:80]!r} is no absolute path; only files are read"
        )
    real = resolved[file.url]
    if not inside(real, cwd) and not any(inside(real, root) for root in site.media_roots):
        roots = ", ".join(site.media_roots) or "none configured"
        raise PolicyRefusal(
            f"Rule input-path: {real} is not below a media root ({roots}) nor in the session directory.",
            "Add its directory to SCALEPLEX_WORKER_MEDIA_ROOTS on this worker.",
        )


def _check_output(file: argv.File, cwd: str, resolved: Mapping[str, str], site: Site) -> None:
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


def _check_option(option: argv.Option, place: str, session: str, job: str, site: Site) -> None:
    rule = options.OPTIONS.get(option.name)
    if rule is None:
        raise _refusal("option", f"the option -{option.name[:60]} is not one Plex is known to use")
    if place not in rule.places:
        where = {"i": "before an input", "o": "before an output", "t": "behind the last output"}[place]
        raise _refusal("option-place", f"the option -{option.name} does not stand {where}")
    if option.specifier is not None and not (rule.specifier and rule.specifier.match(option.specifier)):
        raise _refusal("specifier", f"{option.flag[:80]!r} names no stream")
    value = option.value
    if (value is None) is not (rule.value == options.FLAG):
        raise _refusal("option-value", f"the option -{option.name} has no value")
    if value is None:
        return
    if isinstance(rule.value, re.Pattern):
        if not rule.value.match(value):
            kind = "file-name" if rule.value is grammar.BASE_NAME else "option-value"
            raise _refusal(kind, f"-{option.name} {_shown(value)} is not what Plex gives to it")
    elif rule.value == options.CALLBACK:
        _check_callback(option.name, value, session, job, site)
    else:
        _check_special(option.name, rule.value, value, place)


def _check_special(name: str, kind: str, value: str, place: str) -> None:
    """Check a value that has a grammar of its own."""
    if kind == options.NUMBER:
        number = values.seconds(value) if grammar.TIME.match(value) else None
        if number is None or not -NUMBER_MAX <= number <= NUMBER_MAX:
            raise _refusal("number", f"-{name} {value[:40]!r} is not a number in a sensible range")
    elif kind == options.GRAPH:
        broken = graphs.refusal(value)
        if broken is not None:
            raise _refusal(*broken)
    elif kind == options.PARAMETERS:
        seen = encoders.refusal(name, value)
        if seen is not None:
            raise _refusal("encoder-parameter", seen)
    elif kind in (options.FORMAT, options.SEGMENT_FORMAT):
        _check_format(value, kind, place)
    else:
        _check_names(name, kind, value)


def _check_format(value: str, kind: str, place: str) -> None:
    if place == "i":
        if value not in options.INPUT_FORMATS:
            raise _refusal("input-format", f"the input format {value[:40]!r} can name other files or devices")
    elif value not in (options.MUXERS if kind == options.FORMAT else options.SEGMENT_FORMATS):
        raise _refusal("muxer", f"the muxer {value[:40]!r} is not one a transcode uses")


def _check_names(name: str, kind: str, value: str) -> None:
    """Check a list of settings, or of bitstream filters, by the names in it."""
    if kind == options.SETTINGS:
        pattern, separator, known = grammar.ITEMS, ":", options.SETTING_KEYS
    else:
        pattern, separator, known = grammar.BITSTREAM_FILTERS, ",", options.BITSTREAM_FILTERS
    if not pattern.match(value) or any(item.partition("=")[0] not in known for item in value.split(separator)):
        raise _refusal("option-value", f"-{name} {_shown(value)} is not what Plex gives to it")


def _shown(value: str) -> str:
    """Return a value as a refusal quotes it: short, and without the query of a URL, which may hold a token."""
    return repr(value.partition("?")[0][:80])


def _check_callback(name: str, value: str, session: str, job: str, site: Site) -> None:
    if name == "segment_list" and grammar.BASE_NAME.match(value):
        return
    found = CALLBACK.match(value)
    if not found or int(found["port"]) != site.plex_port:
        raise PolicyRefusal(
            f"Rule callback: -{name} {value.split('?')[0][:120]!r} is not a transcode-session URL of PMS on"
            f" 127.0.0.1:{site.plex_port}.",
            "If PMS listens on another port, set SCALEPLEX_WORKER_PLEX_PORT.",
        )
    if (found["session"], found["job"]) != (session, job):
        raise _refusal("callback", f"-{name} names another session or job than the task")
