"""Which requests a worker may have forwarded to PMS, and what becomes of them.

PMS trusts whoever speaks to it from loopback, so the relay forwards nothing it does not understand: a request line is
read into ids, a kind and its query, and the request to PMS is written anew from those. Pure: text in, values out.

The grammar (docs/explanation/relay.md), on the decoded path, ``S`` a session, ``J`` a job::

    PUT  /cb/ATTEMPT/SIGNATURE/video/:/transcode/session/S/J/progress[/stream|/streamDetail]
    POST /cb/ATTEMPT/SIGNATURE/video/:/transcode/session/S/J/progress/log
    POST /cb/ATTEMPT/SIGNATURE/video/:/transcode/session/S/J/manifest
"""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote_to_bytes

from scaleplex.common.errors import ScaleplexError

Kind = Literal["progress", "stream", "streamDetail", "log", "manifest"]

SESSION = re.compile(r"[A-Za-z0-9._~-]{1,128}", re.ASCII)
JOB = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
ATTEMPT = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
SIGNATURE = re.compile(r"[0-9a-f]{40}", re.ASCII)
# What a query value may hold, still percent-encoded: nothing that ends the value, the query or the request line.
VALUE = re.compile(r"[A-Za-z0-9._~:@!$'()*,;/+-]*(?:%[0-9A-Fa-f]{2}[A-Za-z0-9._~:@!$'()*,;/+-]*)*", re.ASCII)
# No escaped dot, slash, backslash, NUL or percent sign in a path: nothing may look different after a second decoding.
FORBIDDEN_ESCAPE = re.compile(r"%(?:2e|2f|5c|00|25)", re.IGNORECASE)

LOG_MESSAGE_MAX_BYTES = 2048

DISPOSITIONS = (
    "default",
    "dub",
    "original",
    "comment",
    "lyrics",
    "karaoke",
    "forced",
    "hearing_impaired",
    "visual_impaired",
    "clean_effects",
    "timed_thumbnails",
)
PIPELINE = "X-Plex-Http-Pipeline"


def _keys(*names: str) -> frozenset[str]:
    return frozenset((*names, PIPELINE))


# Path below the job → kind, the one method that may carry it, its query keys.
ROUTES: dict[str, tuple[Kind, str, frozenset[str]]] = {
    "progress": (
        "progress",
        "PUT",
        _keys(
            *("status", "duration", "width", "height", "progress", "size", "remaining", "speed"),
            *("vdec_packets", "vdec_hw_failed", "vdec_sw_failed", "vdec_hw_ok", "vdec_sw_ok", "vdec_hw_status"),
        ),
    ),
    "progress/stream": ("stream", "PUT", _keys("index", "id", "codec", "type", "profile")),
    "progress/streamDetail": (
        "streamDetail",
        "PUT",
        _keys(
            *("index", "id", "codec", "type", "bitrate", "profile", "language", "width", "height", "interlaced"),
            *("separateFields", "sar", "level", "frameRate", "closedCaptions"),
            *("channels", "layout", "sampleRate", "bitDepth"),
            *(f"disp_{flag}" for flag in DISPOSITIONS),
        ),
    ),
    "progress/log": ("log", "POST", _keys("level", "message")),
    "manifest": ("manifest", "POST", _keys("stream")),
}
EXACT_VALUES = {PIPELINE: "infinite"}


class CallbackRefused(ScaleplexError):
    """The relay does not forward this request; it is not one a worker of this fleet makes for a live job."""

    code = "bad-callback"
    status = 403


@dataclass(frozen=True, slots=True)
class Callback:
    """One request a worker wants forwarded, taken apart; ``query`` pairs are still percent-encoded."""

    kind: Kind
    method: str
    session: str
    job: str
    attempt: int
    signature: str
    query: tuple[tuple[str, str], ...]

    @property
    def stream(self) -> str:
        """Which of a job's manifests this is: empty for the media, ``subtitles`` for the text side channel."""
        return dict(self.query).get("stream", "")

    @property
    def upstream_target(self) -> str:
        """Path and query of the request to PMS, written from the parts."""
        tail = next(path for path, (kind, _, _) in ROUTES.items() if kind == self.kind)
        query = "&".join(f"{key}={value}" for key, value in self.query)
        path = f"/video/:/transcode/session/{self.session}/{self.job}/{tail}"
        return f"{path}?{query}" if query else path


def parse(method: str, target: str) -> Callback:
    """Return the callback a request line asks for.

    Args:
        method: HTTP method in capitals.
        target: path and query exactly as in the request line.

    Raises:
        CallbackRefused: it is none of those PMS expects from a transcoder; the text says what is wrong, and never
            holds the query.
    """
    raw_path, _, raw_query = target.partition("?")
    attempt, signature, session, job, tail = _split_path(_decoded(raw_path))
    route = ROUTES.get(tail)
    if route is None:
        raise _refused("The path ends in no transcoder's callback.")
    kind, only_method, keys = route
    if method != only_method:
        raise _refused(f"{method} on {kind!r}: PMS takes {only_method} there.")
    query = _read_query(raw_query, keys, kind)
    return Callback(kind, method, session, job, attempt, signature, query)


def _decoded(raw_path: str) -> str:
    if not raw_path.startswith("/cb/"):
        raise _refused("The request target is not a path below /cb/.")
    if FORBIDDEN_ESCAPE.search(raw_path):
        raise _refused("The path holds an escaped dot, slash, backslash, NUL or percent sign.")
    try:
        path = unquote_to_bytes(raw_path).decode("ascii")
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise _refused("The path holds bytes beyond ASCII.") from None
    if any(ord(c) <= 0x20 or ord(c) == 0x7F or c in "\\%#?" for c in path):
        raise _refused("The path holds a control character, a space, a backslash or an unfinished escape.")
    if "//" in path or any(part in (".", "..") for part in path.split("/")):
        raise _refused("The path is not in its normal form.")
    return path


def _split_path(path: str) -> tuple[int, str, str, str, str]:
    parts = path.split("/")
    if len(parts) < 11 or parts[4:8] != ["video", ":", "transcode", "session"]:
        raise _refused("The path is not below /cb/ATTEMPT/SIGNATURE/video/:/transcode/session/.")
    attempt, signature, session, job, tail = parts[2], parts[3], parts[8], parts[9], "/".join(parts[10:])
    if not ATTEMPT.fullmatch(attempt) or not SIGNATURE.fullmatch(signature):
        raise _refused("Attempt or signature in the path is malformed.")
    if not SESSION.fullmatch(session) or not JOB.fullmatch(job):
        raise _refused("Session or job in the path is malformed.")
    return int(attempt), signature, session, job, tail


def _read_query(raw: str, keys: frozenset[str], kind: Kind) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for piece in raw.split("&") if raw else ():
        key, separator, value = piece.partition("=")
        if key not in keys or not separator:
            raise _refused(f"A query key does not belong to {kind!r}.")
        if not VALUE.fullmatch(value):
            raise _refused(f"The value of {key!r} holds characters that must be escaped.")
        if any(key == earlier for earlier, _ in pairs):
            raise _refused(f"The query key {key!r} stands twice.")
        wanted = "subtitles" if key == "stream" and kind == "manifest" else EXACT_VALUES.get(key)
        if wanted is not None and value != wanted:
            raise _refused(f"The value of {key!r} can only be {wanted!r}.")
        if key == "message" and len(unquote_to_bytes(value)) > LOG_MESSAGE_MAX_BYTES:
            raise _refused(f"The log message has more than {LOG_MESSAGE_MAX_BYTES} bytes.")
        pairs.append((key, value))
    return tuple(pairs)


def _refused(detail: str) -> CallbackRefused:
    return CallbackRefused(detail, "The relay forwards only what a transcoder sends; see docs/explanation/relay.")
