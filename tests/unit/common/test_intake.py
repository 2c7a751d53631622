"""A request as it comes in: bounded, whole before anybody works for it, and nothing behind its end."""

from collections.abc import Mapping

import pytest
from gunicorn.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from scaleplex.common import errors
from scaleplex.common.intake import CHUNK_FRAME_MAX_BYTES, Intake

BODY_MAX_BYTES = 1000


def nobody_cares(method: str, target: str, headers: Mapping[str, str]) -> None:
    """Admit every head."""


def intake(admit: object = nobody_cares) -> Intake:
    return Intake(
        Config(),
        ("192.0.2.7", 40000),
        admit=admit,  # type: ignore[arg-type]
        head_max_bytes=2000,
        body_max_bytes=BODY_MAX_BYTES,
    )


def fed(data: bytes) -> Intake:
    one = intake()
    one.feed(data)
    return one


def body_of(one: Intake) -> bytes:
    body = one.request.body.read()
    assert isinstance(body, bytes)
    return body


POST = b"POST /echo?a=b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("whole", "body"),
    [
        (POST + b"hello", b"hello"),
        (CHUNKED + b"5\r\nhello\r\n3;x=y\r\n wo\r\n0\r\nX-Trailer: 1\r\n\r\n", b"hello wo"),
        (CHUNKED + b"0\r\n\r\n", b""),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b""),
        (b"GET / HTTP/1.0\r\n\r\n", b""),
    ],
)
def test_a_request_is_whole_with_its_last_byte_however_it_is_cut(whole: bytes, body: bytes) -> None:
    for size in (1, 2, 3, 7, len(whole)):
        one = intake()
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        for piece in pieces[:-1]:
            one.feed(piece)
            assert not one.whole
            assert one.refusal is None
        one.feed(pieces[-1])
        assert one.whole
        assert body_of(one) == body
        assert one.rest == b""


def test_what_follows_a_request_belongs_to_the_next() -> None:
    one = fed(POST + b"hello" + POST)
    assert one.whole
    assert one.rest == POST
    assert body_of(one) == b"hello"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1_0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        *((b"GET / HTTP/1.1\r\nX: a%cb\r\n\r\n" % code, 400) for code in (0, 7, 11, 12, 27, 127)),
        (b"x" * 2001, 431),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 2000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 2000 + b" HTTP/1.1\r\n\r\n", 431),
        (CHUNKED + b"zz\r\n", 400),
        (CHUNKED + b"-1\r\n", 400),
        (CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", 400),
        (CHUNKED + b"5\r\nhelloXX0\r\n\r\n", 400),
        (CHUNKED + b"FFFFFFFFF\r\n", 400),
        (CHUNKED + b"FFFFFFFF\r\n", 413),
        (CHUNKED + b"3e9\r\n", 413),
        (CHUNKED + b"5;" + b"x" * 200, 400),
        (CHUNKED + b"0\r\n" + b"X: y\r\n" * (CHUNK_FRAME_MAX_BYTES // 6), 413),
    ],
)
def test_what_is_no_request_is_refused_with_a_reason_that_repeats_nothing(data: bytes, status: int) -> None:
    one = fed(data)
    assert one.refusal is not None
    assert one.refusal.status == status
    assert one.refusal.detail
    assert one.refusal.hint
    assert "xxx" not in one.refusal.detail
    assert one.kept_bytes == 0


def test_a_body_is_not_read_when_nobody_needs_it() -> None:
    asked = []

    def refuse(method: str, target: str, headers: Mapping[str, str]) -> None:
        asked.append((method, target, headers["HOST"]))
        raise errors.Unauthorized("The request is not signed.", "Sign it.")

    one = intake(refuse)
    one.feed(POST)
    assert one.refusal is not None
    assert one.refusal.status == 401
    assert asked == [("POST", "/echo?a=b", "h")]
    without_body = intake(refuse)
    without_body.feed(b"GET /echo HTTP/1.1\r\nHost: h\r\n\r\n")
    assert without_body.whole


def test_the_work_for_a_body_in_tiny_chunks_is_bounded() -> None:
    one = fed(CHUNKED)
    fed_chunks = 0
    while one.refusal is None and fed_chunks < CHUNK_FRAME_MAX_BYTES:
        one.feed(b"000001\r\nx\r\n")
        fed_chunks += 1
    assert one.refusal is not None
    assert fed_chunks <= BODY_MAX_BYTES + 1


@settings(deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_no_bytes_raise_and_none_are_kept_beyond_the_bounds(data: bytes, after_head: bool) -> None:
    one = fed((CHUNKED if after_head else b"") + data)
    assert one.whole or one.refusal is not None or one.kept_bytes <= 2000 + len(data)
