"""Where ffmpeg leaves its manifests: what gets in, what does not, and that nothing sent before an end is overlooked."""

import http.client
import socket
import threading
import uuid
from collections.abc import Iterator

import pytest

from scaleplex.protocol.manifests import BODY_MAX_BYTES
from scaleplex.worker.listener import Listener

JOB = str(uuid.uuid4())
PLEX = f"/video/:/transcode/session/s/{JOB}/manifest?X-Plex-Http-Pipeline=infinite"


class Box:
    """An inbox that notes."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        self.cuts: list[str] = []
        self.hold: threading.Event | None = None
        self.entered = threading.Event()

    def take(self, target: str, body: bytes) -> None:
        self.entered.set()
        if self.hold is not None:
            self.hold.wait(10)
        self.taken.append((target, body))

    def cut(self, target: str) -> None:
        self.cuts.append(target)


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def box(listener: Listener) -> Box:
    made = Box()
    listener.connect(JOB, 1, made)
    return made


def path(listener: Listener, job: str = JOB, attempt: int = 1) -> str:
    return listener.base(job, attempt).removeprefix(listener.url) + PLEX


def send(listener: Listener, raw: bytes) -> bytes:
    """Send bytes and return the status line."""
    with socket.create_connection(listener.server_address[:2], 10) as connection:  # type: ignore[arg-type]
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            return stream.readline().strip()


def chunked(target: str, *chunks: bytes, end: bytes = b"0\r\n\r\n", method: str = "POST") -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\nHost: x\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_manifest_as_ffmpeg_sends_it_is_handed_over_with_the_target_plex_would_have_seen(
    listener: Listener, box: Box, method: str
) -> None:
    assert send(listener, chunked(path(listener), b"one,", b"two", method=method)) == b"HTTP/1.1 200 OK"
    assert box.taken == [(PLEX, b"one,two")]
    connection = http.client.HTTPConnection(*listener.server_address[:2], timeout=10)  # type: ignore[arg-type]
    connection.request(method, path(listener), b"with a length")
    assert connection.getresponse().status == 200
    connection.close()
    assert box.taken[1] == (PLEX, b"with a length")


def test_the_port_is_on_loopback_and_only_the_word_of_the_attempt_lets_in(listener: Listener, box: Box) -> None:
    assert listener.url.startswith("http://127.0.0.1:")
    good = path(listener)
    guessed = good.replace(good.split("/")[3], "0" * 40)
    other_listener = Listener()
    try:
        elsewhere = other_listener.base(JOB, 1).removeprefix(other_listener.url) + PLEX
    finally:
        other_listener.server_close()
    for target in (guessed, elsewhere, path(listener, attempt=2), "/", PLEX, good.replace("/video/", "/library/")):
        assert b" 404 " in send(listener, chunked(target, b"x"))
    assert box.taken == []
    listener.disconnect(JOB, 1)
    assert b" 404 " in send(listener, chunked(good, b"x"))


@pytest.mark.parametrize(
    "tail",
    [
        b"100\r\nnot as long as it says",
        b"5\r\nabcde\r\n",
        b"nonsense\r\n",
        b"-5\r\nabcde\r\n0\r\n\r\n",
        b"%x\r\n" % (BODY_MAX_BYTES + 1),
        b"",
    ],
    ids=["short-chunk", "no-end", "no-number", "negative", "too-long", "nothing"],
)
def test_what_does_not_come_whole_is_noted_as_cut_and_not_handed_over(
    listener: Listener, box: Box, tail: bytes
) -> None:
    assert b" 400 " in send(listener, chunked(path(listener), end=tail))
    assert box.taken == []
    assert box.cuts == [PLEX]


def test_other_methods_and_things_that_are_no_http_do_no_harm(listener: Listener, box: Box) -> None:
    assert b" 501 " in send(listener, f"GET {path(listener)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    send(listener, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    send(listener, b"")
    assert b" 200 " in send(listener, chunked(path(listener), b"x"))
    assert box.taken == [(PLEX, b"x")]


def test_after_settling_everything_that_was_sent_before_has_been_handed_over(listener: Listener, box: Box) -> None:
    sent = []
    for number in range(20):
        # As an ffmpeg that leaves: everything sent, nothing read, connection closed.
        with socket.create_connection(listener.server_address[:2], 10) as connection:  # type: ignore[arg-type]
            connection.sendall(chunked(path(listener), b"%d" % number))
        sent.append(b"%d" % number)
    assert listener.settle(10)
    assert sorted(body for _, body in box.taken) == sorted(sent)


def test_settling_waits_for_what_is_still_being_read_and_says_when_it_took_too_long(
    listener: Listener, box: Box
) -> None:
    box.hold = threading.Event()
    with socket.create_connection(listener.server_address[:2], 10) as connection:  # type: ignore[arg-type]
        connection.sendall(chunked(path(listener), b"slow"))
    assert box.entered.wait(5)
    assert not listener.settle(0.1)
    box.hold.set()
    assert listener.settle(10)
    assert box.taken == [(PLEX, b"slow")]
