"""What crosses the wire, in the few lines the shim can afford.

Both ends read this module: the shim under the system's python3 with nothing but C modules loaded, the services with
everything. It therefore imports only ``_json`` and ``_sha256`` (``_sha2`` since Python 3.12), each with its public
module as fallback, and holds no type that only one side needs. ``tests/start`` keeps the list of loaded modules short.

Formats (docs/reference/protocol.md prints them from here):

* a **frame** of a task's stream is one type byte, a big-endian 32-bit length, the payload and, when there is a fleet
  secret, a MAC of 16 bytes: the beginning of HMAC-SHA256 with the stream's key over the frame's number in the stream
  (64 bits, from 0), type, length and payload. The key is HMAC-SHA256 with the fleet secret over ``stream`` and the
  request's nonce;
* a **signed request** carries ``X-Scaleplex-Auth: v2 TIME_MS NONCE RECEIVER EPOCH MAC``, the MAC being HMAC-SHA256 with
  the fleet secret over version, method, receiver (``host:port`` of the URL the sender calls), target (path and query),
  time, nonce, epoch and the SHA-256 of the body;
* an **answer** to it carries ``X-Scaleplex-Answer: v2 MAC``, over ``answer``, version, the request's nonce, status and
  the SHA-256 of the body; ``stream`` stands for that of a stream of frames;
* an **epoch** is a random word of one life of a service. A sender learns it from an answer, in ``X-Scaleplex-Epoch``;
  one that does not know it sends ``-``, which a service takes once no request to its earlier life can be replayed;
* a **ticket** is the signed leave to run one attempt of one job on one worker, ``v2 EXPIRES_MS MAC``;
* a **callback base** is the URL prefix a worker may call back on, for one attempt of one job:
  ``RELAY/cb/ATTEMPT/SIGNATURE``.
"""

try:
    from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    try:
        from _sha2 import sha256  # type: ignore[import-not-found,unused-ignore,no-redef]
    except ImportError:
        from hashlib import sha256  # type: ignore[assignment,unused-ignore]
try:
    from _json import encode_basestring_ascii as _quote
    from _json import make_scanner as _make_scanner
except ImportError:
    from json.encoder import py_encode_basestring_ascii as _quote  # type: ignore[attr-defined,unused-ignore]
    from json.scanner import py_make_scanner as _make_scanner  # type: ignore[assignment,no-redef,attr-defined,unused-ignore]

# --- frames ---------------------------------------------------------------------------------------------------------

STDOUT = b"O"  # bytes the transcoder wrote to stdout, unchanged
STDERR = b"E"  # bytes the transcoder wrote to stderr, unchanged
INFO = b"I"  # JSON: {"event": "spawned", ...}; from the first one on the Plex host must not start a second writer
HEARTBEAT = b"H"  # empty; at least every HEARTBEAT_SECONDS
EXIT = b"X"  # JSON: {"code", "signal", "reason", "detail", "retry"}; the last frame of a stream
FRAME_KINDS = (STDOUT, STDERR, INFO, HEARTBEAT, EXIT)
FRAME_HEADER_BYTES = 5
FRAME_MAC_BYTES = 16
FRAME_MAX_BYTES = 1 << 20
HEARTBEAT_SECONDS = 1.0
SILENCE_SECONDS = 10.0  # a stream silent for longer is broken: the host behind it is gone

# --- requests -------------------------------------------------------------------------------------------------------

AUTH_HEADER = "X-Scaleplex-Auth"
AUTH_VERSION = "v2"
ANSWER_HEADER = "X-Scaleplex-Answer"
EPOCH_HEADER = "X-Scaleplex-Epoch"
NO_EPOCH = "-"
CLOCK_TOLERANCE_MS = 60_000  # how far two clocks of the fleet may be apart
TICKET_LIFETIME_MS = 30_000
TASK_MAX_BYTES = 1 << 20
STREAM_TYPE = "application/x-scaleplex-frames"

# --- errors senders act on ------------------------------------------------------------------------------------------

EPOCH_WANTED = "epoch"  # the service has just started: sign again, with the epoch its answer names
LOCAL_ONLY = "local-only"  # no worker can serve this argv: the Plex host's own transcoder has to

# --- exit codes of the shim's own (PMS treats every non-zero value alike; contract 2.7) --------------------------

EXIT_LOST_WORKER = 74  # the stream broke after something may have been written or announced
EXIT_NO_WORKER = 75  # nobody can take it and the local fallback is switched off


def _encoded(text: str) -> bytes:
    """Return a text as bytes, whatever a stranger has put into it: JSON may hold lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def hmac_sha256(key: bytes, message: bytes) -> str:
    """Return the HMAC-SHA256 of a message as lower-case hex (RFC 2104), without importing ``hmac``.

    Args:
        key: bytes of any length.
        message: bytes.
    """
    if len(key) > 64:
        key = sha256(key).digest()
    key = key.ljust(64, b"\0")
    inner = sha256(bytes(b ^ 0x36 for b in key) + message).digest()
    mac: str = sha256(bytes(b ^ 0x5C for b in key) + inner).hexdigest()
    return mac


def same(left: str, right: str) -> bool:
    """Compare two strings in a time that does not depend on where they differ."""
    return same_bytes(_encoded(left), _encoded(right))


def same_bytes(ours: bytes, theirs: bytes) -> bool:
    """Compare bytes in a time that does not depend on where they differ."""
    if len(ours) != len(theirs):
        return False
    difference = 0
    for a, b in zip(ours, theirs, strict=True):
        difference |= a ^ b
    return difference == 0


def request_mac(
    secret: bytes, method: str, receiver: str, target: str, time_ms: int, nonce: str, epoch: str, body: bytes
) -> str:
    """Return the MAC of a request.

    Args:
        secret: the fleet secret, bytes.
        method: HTTP method in capitals.
        receiver: :func:`authority` of the URL the sender calls.
        target: path and query exactly as in the request line.
        time_ms: sender's wall clock, integer milliseconds since 1970.
        nonce: 32 hex digits, never used twice.
        epoch: the receiver's, ``NO_EPOCH`` when not known.
        body: bytes, empty if none.
    """
    text = "\n".join((AUTH_VERSION, method, receiver, target, str(time_ms), nonce, epoch, sha256(body).hexdigest()))
    return hmac_sha256(secret, _encoded(text))


def sign_request(
    secret: bytes,
    method: str,
    receiver: str,
    target: str,
    body: bytes,
    time_ms: int,
    nonce: str,
    epoch: str = NO_EPOCH,
) -> str:
    """Return the value of the ``X-Scaleplex-Auth`` header; arguments as in :func:`request_mac`."""
    mac = request_mac(secret, method, receiver, target, time_ms, nonce, epoch, body)
    return f"{AUTH_VERSION} {time_ms} {nonce} {receiver} {epoch} {mac}"


def seal_answer(secret: bytes, nonce: str, status: int, body: bytes | None) -> str:
    """Return the value of the ``X-Scaleplex-Answer`` header.

    Args:
        nonce: the request's.
        body: None when it is a stream of frames, which have MACs of their own.
    """
    digest = "stream" if body is None else sha256(body).hexdigest()
    text = "\n".join(("answer", AUTH_VERSION, nonce, str(status), digest))
    return f"{AUTH_VERSION} {hmac_sha256(secret, _encoded(text))}"


def is_epoch(text: str) -> bool:
    """Return whether a stranger's text can stand in a header as an epoch."""
    return 0 < len(text) <= 64 and text.isascii() and text.isalnum()


def authority(url: str) -> str:
    """Return ``host:port`` of an ``http://host:port`` URL in lower case, with port 80 when the URL names none."""
    found = url.split("://", 1)[-1].split("/", 1)[0].lower()
    host, _, port = found.rpartition(":")
    return found if host and port.isdigit() else found + ":80"


def make_ticket(secret: bytes, worker: str, session: str, job: str, attempt: int, expires_ms: int) -> str:
    """Return the signed leave to run one attempt of one job on one worker.

    Args:
        worker: :func:`authority` of the URL under which the worker is called.
        expires_ms: the issuer's wall clock after which the leave ends, milliseconds since 1970.
    """
    text = "\n".join(("ticket", worker, session, job, str(attempt), str(expires_ms)))
    return f"{AUTH_VERSION} {expires_ms} {hmac_sha256(secret, _encoded(text))}"


def ticket_problem(
    secret: bytes, ticket: str, worker: str, session: str, job: str, attempt: int, now_ms: int
) -> str | None:
    """Return why a ticket is not valid here and now, or None when it is.

    The issuer's clock may be ``CLOCK_TOLERANCE_MS`` ahead of ours or behind it, as a sender's may.
    """
    parts = ticket.split(" ")
    if len(parts) != 3 or parts[0] != AUTH_VERSION or not parts[1].isdecimal() or len(parts[1]) > 15:
        return "the ticket is malformed"
    if not same(make_ticket(secret, worker, session, job, attempt, int(parts[1])), ticket):
        return "the ticket was not issued for this worker, session, job and attempt with this fleet's secret"
    left_ms = int(parts[1]) - now_ms
    if left_ms < -CLOCK_TOLERANCE_MS:
        return "the ticket has expired"
    if left_ms > TICKET_LIFETIME_MS + CLOCK_TOLERANCE_MS:
        return f"the clock of the ticket's issuer is {(left_ms - TICKET_LIFETIME_MS) // 1000} s ahead"
    return None


def callback_signature(secret: bytes, session: str, job: str, attempt: int) -> str:
    """Return the signature that stands in callback URLs of one attempt of one job, 40 hex digits."""
    return hmac_sha256(secret, _encoded("\n".join(("callback", session, job, str(attempt)))))[:40]


def callback_base(relay_url: str, secret: bytes, session: str, job: str, attempt: int) -> str:
    """Return the URL that stands for ``http://127.0.0.1:32400`` in a worker's command line."""
    return f"{relay_url.rstrip('/')}/cb/{attempt}/{callback_signature(secret, session, job, attempt)}"


class FrameMac:
    """Makes the MACs of one direction of one stream, frame after frame; each end has its own."""

    def __init__(self, secret: bytes, nonce: str) -> None:
        """Begin at the first frame.

        Args:
            nonce: that of the request the stream answers.
        """
        key = bytes.fromhex(hmac_sha256(secret, _encoded("stream\n" + nonce))).ljust(64, b"\0")
        # HMAC's two pads are hashed once and copied for each frame.
        self._inner = sha256(bytes(b ^ 0x36 for b in key))
        self._outer = sha256(bytes(b ^ 0x5C for b in key))
        self._number = 0

    def of(self, head: bytes, payload: bytes) -> bytes:
        """Return the MAC of the next frame, from its type and length and its payload."""
        inner = self._inner.copy()
        inner.update(self._number.to_bytes(8, "big") + head)
        inner.update(payload)
        outer = self._outer.copy()
        outer.update(inner.digest())
        self._number += 1
        mac: bytes = outer.digest()[:FRAME_MAC_BYTES]
        return mac


def encode_frame(kind: bytes, payload: bytes, mac: FrameMac | None = None) -> bytes:
    """Return one frame as bytes; the payload is at most ``FRAME_MAX_BYTES`` long."""
    head = kind + len(payload).to_bytes(4, "big")
    return head + payload + (mac.of(head, payload) if mac is not None else b"")


class FrameReader:
    """Cuts a byte stream into frames, whatever the pieces it arrives in."""

    def __init__(self, mac: FrameMac | None = None) -> None:
        self._pending = b""
        self._mac = mac
        self._mac_bytes = FRAME_MAC_BYTES if mac is not None else 0
        self._problem = ""

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Return the frames completed by these bytes as ``(kind, payload)`` pairs.

        Frames in front of a bad one count: one of them may say that a writer has begun. The next call then raises.

        Raises:
            ValueError: the bytes are no frames, or not those that were sent; the stream cannot be trusted any more.
        """
        if self._problem:
            raise ValueError(self._problem)
        self._pending += data
        frames: list[tuple[bytes, bytes]] = []
        start = 0
        while len(self._pending) - start >= FRAME_HEADER_BYTES:
            head = self._pending[start : start + FRAME_HEADER_BYTES]
            kind, length = head[:1], int.from_bytes(head[1:], "big")
            if kind not in FRAME_KINDS or length > FRAME_MAX_BYTES:
                return self._end(frames, f"not a frame: type {kind!r}, length {length}")
            end = start + FRAME_HEADER_BYTES + length
            if end + self._mac_bytes > len(self._pending):
                break
            payload = self._pending[start + FRAME_HEADER_BYTES : end]
            start = end + self._mac_bytes
            if self._mac is not None and not same_bytes(self._mac.of(head, payload), self._pending[end:start]):
                return self._end(frames, "a frame was changed, left out, repeated or moved, or is not the worker's")
            frames.append((kind, payload))
        self._pending = self._pending[start:]
        return frames

    def _end(self, frames: list[tuple[bytes, bytes]], problem: str) -> list[tuple[bytes, bytes]]:
        if not frames:
            raise ValueError(problem)
        self._problem = problem
        return frames


def dump_json(value: object) -> str:
    """Return a value of dict, list, tuple, str, int, float (finite), bool and None as ASCII JSON text.

    Bytes that are not UTF-8 travel as the lone surrogates Python decodes them to (``os.fsdecode``).
    """
    if isinstance(value, str):
        return _quote(value)
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ",".join(_quote(key) + ":" + dump_json(item) for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(dump_json, value)) + "]"
    raise TypeError(f"cannot be sent as JSON: {type(value).__name__}")


class _ScannerContext:
    """What ``_json.make_scanner`` wants to know of a decoder."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012 - read by the pure Python scanner only

    # The pure Python scanner also asks for these.
    parse_string = None
    parse_object = None
    parse_array = None


_scan = _make_scanner(_ScannerContext())  # type: ignore[arg-type]


def load_json(text: str) -> object:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is not JSON.
    """
    text = text.strip(" \t\r\n")
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        raise ValueError("not JSON") from None
    if end != len(text):
        raise ValueError("extra data after the JSON value")
    return value
