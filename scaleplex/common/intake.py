"""Takes in one HTTP request, piece by piece and within bounds, before any thread works for it.

``Intake`` knows when a request is whole; it reads no socket and no clock. gunicorn parses the head; what is here is the
frame around it: how long a head may be, who may send a body, how long that may be and where it ends. The thread that
handles the request reads it from memory, so no client can make a thread wait.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from gunicorn.http.errors import ParseException
from gunicorn.http.parser import RequestParser

from scaleplex.common import errors

HEAD_END = b"\r\n\r\n"
CHUNK_LINE_MAX_BYTES = 128
TRAILERS_MAX_BYTES = 1024
# Chunks of one byte each cost five bytes around it; real senders use kilobytes. More frame than this is an attack.
CHUNK_FRAME_MAX_BYTES = 64 * 1024
# No head of ours holds them, and parsers differ in what they make of them.
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")

# gunicorn's refusals of a head that have a status of their own; every other one is a 400.
_STATUS = {
    "LimitRequestLine": 414,
    "LimitRequestHeaders": 431,
    "ExpectationFailed": 417,
    "UnsupportedTransferCoding": 501,
}


class Malformed(errors.ScaleplexError):
    """What came is no request this server reads; ``status`` says which kind of refusal it is."""

    code = "bad-request"

    def __init__(self, detail: str, status: int = 400) -> None:
        super().__init__(detail, "Nothing of scaleplex sends this; look at who did.")
        self.status = status


# Raises ScaleplexError when the body of a request need not be read: method, target, headers by their upper-case names.
Admit = Callable[[str, str, Mapping[str, str]], None]


class Intake:
    """One request as it comes in.

    ``refusal`` is set as soon as the request cannot be served; ``whole`` when all of it is there. ``rest`` holds what
    the client sent behind it. ``request`` is gunicorn's, its body read from memory.
    """

    def __init__(self, cfg: Any, address: object, *, admit: Admit, head_max_bytes: int, body_max_bytes: int) -> None:
        self._cfg = cfg
        self._address = address
        self._admit = admit
        self._head_max_bytes = head_max_bytes
        self._body_max_bytes = body_max_bytes
        self._data = bytearray()
        self._scanned = 0
        self._parser: Any = None
        self._length: int | None = None
        self._chunks: Chunks | None = None
        self.request: Any = None
        self.whole = False
        self.refusal: errors.ScaleplexError | None = None
        self.rest = b""
        self.wants_continue = False

    @property
    def kept_bytes(self) -> int:
        """Bytes in memory for this request."""
        return len(self._data) + len(self.rest)

    @property
    def body_bytes(self) -> int:
        """Bytes of the body that have come, the frame of its chunks included."""
        return len(self._data) if self.request is not None else 0

    def feed(self, data: bytes) -> None:
        """Take what the client sent."""
        self._data += data
        try:
            if self.request is None and self._head_complete():
                self._read_head()
            if self.request is not None and not self.whole:
                self._read_body()
        except errors.ScaleplexError as exc:
            self.refusal = exc
            self._data.clear()

    def _head_complete(self) -> bool:
        end = self._data.find(HEAD_END, max(0, self._scanned - len(HEAD_END)))
        self._scanned = len(self._data)
        if end > self._head_max_bytes or (end < 0 and len(self._data) > self._head_max_bytes):
            raise Malformed(f"The head has more than {self._head_max_bytes} bytes.", 431)
        self._scanned = end if end >= 0 else self._scanned
        return end >= 0

    def _read_head(self) -> None:
        cut = self._scanned + len(HEAD_END)
        head, self._data = bytes(self._data[:cut]), self._data[cut:]
        if _CONTROL.search(head):
            raise Malformed("The head holds control characters.")
        self._parser = RequestParser(self._cfg, [head], self._address)
        try:
            request = next(self._parser)
        except ParseException as exc:
            # The text of the exception repeats what the client sent; it goes nowhere.
            name = type(exc).__name__
            raise Malformed(f"The head is malformed ({name}).", _STATUS.get(name, 400)) from exc
        except Exception as exc:  # a head that surprises the parser must not end the loop that calls this
            raise Malformed(f"The head is malformed ({type(exc).__name__}).") from exc
        headers = {str(name).upper(): str(value) for name, value in request.headers}
        self._frame_of(headers)
        if self._length or self._chunks is not None:
            self._admit(request.method, request.uri, headers)
            self.wants_continue = headers.get("EXPECT", "").lower() == "100-continue"
        self.request = request

    def _frame_of(self, headers: Mapping[str, str]) -> None:
        """Note how the body ends; gunicorn has refused lengths that contradict each other."""
        coding = headers.get("TRANSFER-ENCODING")
        if coding is not None:
            if coding.strip().lower() != "chunked":
                raise Malformed("The transfer coding is not chunked.", 501)
            self._chunks = Chunks(self._body_max_bytes)
            return
        text = headers.get("CONTENT-LENGTH", "0").strip()
        if not text.isascii() or not text.isdigit():
            raise Malformed("The content length is no number.")
        if len(text) > 18 or int(text) > self._body_max_bytes:
            raise _too_large(self._body_max_bytes)
        self._length = int(text)

    def _read_body(self) -> None:
        if self._chunks is not None:
            end = self._chunks.end(self._data)
        else:
            assert self._length is not None
            end = self._length if len(self._data) >= self._length else None
        if end is None:
            return
        self.rest = bytes(self._data[end:])
        self._parser.unreader.unread(bytes(self._data[:end]))
        self._data.clear()
        self.whole = True


class Chunks:
    """Finds where a chunked body ends; each byte is looked at once, however many pieces it comes in."""

    def __init__(self, body_max_bytes: int) -> None:
        self._body_max_bytes = body_max_bytes
        self._at = 0  # where the next line of the frame begins
        self._body_bytes = 0
        self._frame_bytes = 0
        self._last = False

    def end(self, data: bytearray) -> int | None:
        """Return the offset behind the body, None while it is not complete.

        Args:
            data: everything that came of the body so far, from its first byte.

        Raises:
            Malformed: these are no chunks.
            TooLarge: the body has more bytes than allowed.
        """
        while True:
            if self._at > len(data):
                return None
            line_end = data.find(b"\r\n", self._at, self._at + CHUNK_LINE_MAX_BYTES + 2)
            if line_end < 0:
                if len(data) - self._at > CHUNK_LINE_MAX_BYTES:
                    raise Malformed("A line between the chunks is too long.")
                return None
            line, start = bytes(data[self._at : line_end]), line_end + 2
            self._frame_bytes += start - self._at + 2
            if self._frame_bytes > CHUNK_FRAME_MAX_BYTES:
                raise Malformed("The chunks are too small for their number.", 413)
            if self._last:
                self._at = start
                if not line:
                    return start
                continue  # a trailer; gunicorn judges what it says
            self._take_size(line, start, data)

    def _take_size(self, line: bytes, start: int, data: bytearray) -> None:
        size = _CHUNK_SIZE.fullmatch(line.partition(b";")[0].strip(b" \t"))
        if size is None:
            raise Malformed("The size of a chunk is no number.")
        number = int(size[0], 16)
        self._body_bytes += number
        if self._body_bytes > self._body_max_bytes:
            raise _too_large(self._body_max_bytes)
        self._last = number == 0
        self._at = start + number + (0 if self._last else 2)
        if not self._last and len(data) >= self._at and data[self._at - 2 : self._at] != b"\r\n":
            raise Malformed("A chunk is longer than it says.")


def _too_large(limit_bytes: int) -> errors.TooLarge:
    return errors.TooLarge(
        f"The body has more than {limit_bytes} bytes.", "No real request is that long; look at who sent it."
    )
