"""Responses come in any pieces; requests are signed."""

import pytest

from scaleplex.protocol import wire
from scaleplex.shim import http

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n \r\n00a\r\n0123456789\r\n0\r\n\r\n"
)
PLAIN = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\n\r\nabc"
UNTIL_CLOSE = b"HTTP/1.0 200 OK\r\n\r\nuntil the end"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN


@pytest.mark.parametrize(
    ("response", "status", "body"),
    [
        (CHUNKED, 200, b"hello 0123456789"),
        (PLAIN, 503, b"abc"),
        (UNTIL_CLOSE, 200, b"until the end"),
        (INTERIM, 503, b"abc"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\na", 200, b"a"),
    ],
)
def test_a_response_cut_at_every_byte_is_the_same_response(response: bytes, status: int, body: bytes) -> None:
    for cut in range(len(response) + 1):
        reader = http.ResponseReader()
        got = reader.feed(response[:cut]) + reader.feed(response[cut:])
        if not reader.done:
            got += reader.end()
        assert (reader.status, got, reader.done) == (status, body, True)
    reader = http.ResponseReader()
    got = b"".join(reader.feed(bytes([byte])) for byte in response)
    assert (reader.status, got) == (status, body)


@pytest.mark.parametrize("response", [CHUNKED[:-8], PLAIN[:-1], b"HTTP/1.1 20", b""])
def test_a_connection_closed_in_the_middle_of_a_response_is_noticed(response: bytes) -> None:
    reader = http.ResponseReader()
    reader.feed(response)
    with pytest.raises(ConnectionError):
        reader.end()


@pytest.mark.parametrize(
    "response",
    [
        b"SSH-2.0-x\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        CHUNKED.replace(b"hello\r\n", b"helloX\r\n"),
        CHUNKED.replace(b"5\r\n", b"zz\r\n"),
        CHUNKED.split(b"hello")[0] + b"hello\r\n" + b"1" * (1 << 15),
        b"HTTP/1.1 200 OK\r\n" + b"x" * (1 << 15),
    ],
)
def test_bytes_that_are_no_response_are_refused(response: bytes) -> None:
    with pytest.raises(ValueError):
        http.ResponseReader().feed(response)


def test_a_request_carries_a_signature_over_its_target_and_body() -> None:
    head, _, body = http.post("http://10.0.0.6:32481", "/task", b"{}", b"secret", "0" * 32).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /task HTTP/1.1"
    assert "Host: 10.0.0.6:32481" in lines
    assert body == b"{}"
    _, time_ms, nonce, receiver, epoch, mac = lines[-1].removeprefix(f"{wire.AUTH_HEADER}: ").split(" ")
    assert (receiver, epoch) == ("10.0.0.6:32481", wire.NO_EPOCH)
    assert mac == wire.request_mac(b"secret", "POST", receiver, "/task", int(time_ms), nonce, epoch, b"{}")
    assert len(nonce) == 32


class Drip:
    """A connection on which a byte of an answer comes every half second; notes how long each step may take."""

    def __init__(self) -> None:
        self.now = 100.0
        self.limits: list[float] = []

    def settimeout(self, seconds: float) -> None:
        self.limits.append(seconds)

    def sendall(self, data: bytes) -> None:
        self.now += 0.5

    def recv(self, size: int) -> bytes:
        if self.now >= 103.0:
            raise TimeoutError
        self.now += 0.5
        return b"H"

    def close(self) -> None: ...


def test_each_step_of_an_exchange_has_what_is_left_of_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    drip = Drip()
    connecting: list[float] = []
    monkeypatch.setattr(http.time, "monotonic", lambda: drip.now)
    monkeypatch.setattr(http, "connect", lambda url, seconds: connecting.append(seconds) or drip)
    monkeypatch.setattr(http.ResponseReader, "feed", lambda reader, received: b"")
    with pytest.raises(TimeoutError):
        http.exchange("http://127.0.0.1:1", "/placement", b"{}", b"", 2.0)
    assert connecting == [http.CONNECT_SECONDS]
    assert drip.limits == [2.0, 1.5, 1.0, 0.5, 0.001, 0.001, 0.001]


def test_without_a_secret_a_request_goes_out_unsigned() -> None:
    assert wire.AUTH_HEADER.encode() not in http.post("http://127.0.0.1:1", "/task", b"{}", b"", "0" * 32)
