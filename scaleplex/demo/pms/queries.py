"""The callbacks' queries: which keys each may have and how each value is printed (contract 3.4 to 3.9)."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

INTEGER = r"-?\d+"
COUNT = r"\d+"
ONE_DECIMAL = r"-?\d+\.\d"
WORD = r"[A-Za-z0-9_.-]+"
TEXT = r"[\s\S]+"
FLAG = r"[01]"
DISPOSITIONS = (
    *("default", "dub", "original", "comment", "lyrics", "karaoke", "forced"),
    *("hearing_impaired", "visual_impaired", "clean_effects", "timed_thumbnails"),
)


@dataclass(frozen=True, slots=True)
class Form:
    """What one kind of callback may say."""

    kind: str
    required: dict[str, str]
    optional: dict[str, str]


STARTUP = Form("startup", {"status": "startup"}, {})
DURATION = Form("duration", {"duration": r"-?\d+\.\d{6}"}, {})
SIZE = Form("size", {"width": COUNT, "height": COUNT}, {})
PROGRESS = Form(
    "progress",
    {"progress": ONE_DECIMAL, "size": INTEGER, "remaining": INTEGER},
    {"vdec_packets": COUNT, "vdec_hw_failed": COUNT, "vdec_sw_failed": COUNT, "vdec_hw_ok": COUNT, "vdec_sw_ok": COUNT}
    | {"speed": r"\d+\.\d", "vdec_hw_status": FLAG},
)
STREAM = Form("stream", {"index": COUNT, "id": COUNT, "codec": WORD, "type": "video|audio"}, {"profile": TEXT})
STREAM_DETAIL = Form(
    "streamDetail",
    {"index": COUNT, "id": COUNT, "codec": WORD, "type": "video|audio|subtitle"},
    {"bitrate": COUNT, "profile": TEXT, "language": TEXT, "width": COUNT, "height": COUNT, "interlaced": FLAG}
    | {"separateFields": "1", "sar": r"\d+:\d+", "level": INTEGER, "frameRate": r"\d+\.\d{3}", "closedCaptions": "1"}
    | {"channels": COUNT, "layout": TEXT, "sampleRate": COUNT, "bitDepth": COUNT}
    | {f"disp_{name}": "1" for name in DISPOSITIONS},
)
LOG = Form("log", {"level": "[0-4]", "message": TEXT}, {})
MANIFEST = Form("manifest", {}, {"X-Plex-Http-Pipeline": "infinite", "stream": "subtitles"})
# Which form a PUT to .../progress has is told by a key that only one of them has.
PROGRESS_FORMS = {"status": STARTUP, "duration": DURATION, "width": SIZE, "progress": PROGRESS}
TOKEN = "X-Plex-Token"  # noqa: S105 - a parameter's name
LOG_MESSAGE_MAX = 2047

# Steps 1 to 5 of contract 3.3, and progress. ffmpeg sends manifests itself: they keep no order with the others.
ORDER = {"startup": 1, "stream": 2, "streamDetail": 3, "duration": 4, "size": 5, "progress": 6}


def form_of(path_tail: str, query: dict[str, str]) -> Form | None:
    """Return the form a callback should have, None when its path or its query is none PMS knows.

    Args:
        path_tail: what follows the job's id: ``progress``, ``progress/stream``, ``manifest`` and so on.
        query: its parameters.
    """
    fixed = {
        "progress/stream": STREAM,
        "progress/streamDetail": STREAM_DETAIL,
        "progress/log": LOG,
        "manifest": MANIFEST,
    }
    if path_tail != "progress":
        return fixed.get(path_tail)
    return next((form for key, form in PROGRESS_FORMS.items() if key in query), None)


def parse(query_string: str) -> tuple[dict[str, str], list[str]]:
    """Return a query's parameters without the token, and what is wrong with its form."""
    pairs = parse_qsl(query_string, keep_blank_values=True)
    problems = [f"{key} stands twice" for key in {k for k, _ in pairs} if sum(k == key for k, _ in pairs) > 1]
    return {key: value for key, value in pairs if key != TOKEN}, problems


def problems_of(form: Form, query: dict[str, str]) -> list[str]:
    """Return what is wrong with the parameters of a callback; nothing when PMS's transcoder could have sent it."""
    problems = [f"{key} is missing" for key in form.required if key not in query]
    known = form.required | form.optional
    for key, value in query.items():
        if key not in known:
            problems.append(f"{key} is not a key of {form.kind}")
        elif not re.fullmatch(known[key], value):
            problems.append(f"{key}={value!r} is not printed as {known[key]}")
    if form is LOG and len(query.get("message", "").encode()) > LOG_MESSAGE_MAX:
        problems.append(f"message has more than {LOG_MESSAGE_MAX} bytes")
    return problems


def parse_token(query_string: str) -> str | None:
    """Return the token a query carries, None without one."""
    return next((value for key, value in parse_qsl(query_string) if key == TOKEN), None)
