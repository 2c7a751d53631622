"""What a session takes for an answer: signed for this request, whole, bounded, from where it asked."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest
import requests

from scaleplex.common.log import Secret
from scaleplex.protocol import wire
from scaleplex.protocol.client import SignedSession, UntrustedAnswer
from tests.support.loopback import LoopbackServer

SECRET = b"a fleet secret for tests"
Act = Callable[[BaseHTTPRequestHandler, str], None]


class Server(LoopbackServer):
    """Lets ``act`` answer; notes what came."""

    def __init__(self, act: Act) -> None:
        self.act = act
        self.targets: list[str] = []
        super().__init__()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.targets.append(handler.path)
        handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.act(handler, handler.headers.get(wire.AUTH_HEADER, ""))


@pytest.fixture
def serve() -> Iterator[Callable[[Act], Server]]:
    made: list[Server] = []

    def start(act: Act) -> Server:
        made.append(Server(act))
        return made[-1]

    yield start
    for server in made:
        server.down()


@pytest.fixture
def session() -> Iterator[SignedSession]:
    made = SignedSession(Secret(SECRET))
    yield made
    made.close()


Serve = Callable[[Act], Server]


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, seal: str | None = None, **headers: str) -> None:
    handler.send_response_only(status)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    if seal is not None:
        handler.send_header(wire.ANSWER_HEADER, seal)
    handler.end_headers()
    handler.wfile.write(body)


def seal_of(auth: str, status: int, body: bytes, secret: bytes = SECRET) -> str:
    return wire.seal_answer(secret, auth.split(" ")[2], status, body)


def test_an_answer_signed_for_this_request_is_taken(serve: Serve, session: SignedSession) -> None:
    server = serve(lambda handler, auth: send(handler, 200, b'{"a": 1}', seal_of(auth, 200, b'{"a": 1}')))
    answer = session.request("POST", server.url + "/x", json={"b": 2})
    assert (answer.status_code, answer.json(), answer.text, answer.ok) == (200, {"a": 1}, '{"a": 1}', True)


@pytest.mark.parametrize(
    "seal",
    [
        lambda auth: None,
        lambda auth: "",
        lambda auth: "v2 " + "0" * 64,
        lambda auth: seal_of(auth, 200, b"ok", b"another secret of a fleet"),
        lambda auth: seal_of(auth, 201, b"ok"),
        lambda auth: seal_of(auth, 200, b"OK"),
        lambda auth: seal_of("v2 1 " + "0" * 32, 200, b"ok"),
        lambda auth: wire.seal_answer(SECRET, auth.split(" ")[2], 200, None),
        lambda auth: auth,
    ],
    ids=["none", "empty", "made-up", "secret", "status", "body", "another-request", "stream", "request-mac"],
)
def test_an_answer_nobody_of_the_fleet_gave_is_an_error(
    serve: Serve, session: SignedSession, seal: Callable[[str], str | None]
) -> None:
    server = serve(lambda handler, auth: send(handler, 200, b"ok", seal(auth)))
    with pytest.raises(UntrustedAnswer, match="is not signed with this host's fleet secret") as caught:
        session.request("GET", server.url + "/x")
    assert caught.value.answer.status_code == 200


def test_what_a_stranger_says_is_quoted_as_such_and_cut_short(serve: Serve, session: SignedSession) -> None:
    body = json.dumps({"error": "unauthorized", "detail": "no\n\x1b[31m" + "x" * 5000}).encode()
    server = serve(lambda handler, auth: send(handler, 401, body))
    with pytest.raises(UntrustedAnswer) as caught:
        session.request("GET", server.url + "/x")
    text = str(caught.value)
    assert "it says, unverified: no??[31mxxx" in text
    assert len(text) < 600


def test_without_a_secret_answers_need_no_signature(serve: Serve) -> None:
    server = serve(lambda handler, auth: send(handler, 200, auth.encode()))
    session = SignedSession(None)
    assert session.request("GET", server.url + "/x").content == b""
    session.close()


def test_a_service_that_asks_for_its_epoch_is_asked_again_once(serve: Serve, session: SignedSession) -> None:
    epochs: list[str] = []

    def act(handler: BaseHTTPRequestHandler, auth: str) -> None:
        epochs.append(auth.split(" ")[4])
        body = json.dumps({"error": "epoch"}).encode()
        known = epochs[-1] == "e1"
        status, body = (200, b"ok") if known else (401, body)
        send(handler, status, body, seal_of(auth, status, body), X_Scaleplex_Epoch="e1")

    server = serve(act)
    assert session.request("GET", server.url + "/x").status_code == 200
    assert session.request("GET", server.url + "/x").status_code == 200
    assert epochs == ["-", "e1", "e1"]

    never = serve(
        lambda handler, auth: send(
            handler, 401, b'{"error": "epoch"}', seal_of(auth, 401, b'{"error": "epoch"}'), X_Scaleplex_Epoch="e2"
        )
    )
    assert session.request("GET", never.url + "/x").status_code == 401
    assert len(never.targets) == 2


def test_redirects_are_not_followed(serve: Serve, session: SignedSession) -> None:
    def act(handler: BaseHTTPRequestHandler, auth: str) -> None:
        send(handler, 307, b"", seal_of(auth, 307, b""), Location="/elsewhere")

    server = serve(act)
    assert session.request("POST", server.url + "/x", body=b"secret").status_code == 307
    assert server.targets == ["/x"]


def test_proxies_of_the_environment_are_not_used(
    serve: Serve, session: SignedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(lambda handler, auth: send(handler, 200, b"", seal_of(auth, 200, b"")))
    server = serve(lambda handler, auth: send(handler, 200, b"", seal_of(auth, 200, b"")))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    session.request("GET", server.url + "/x")
    assert (server.targets, proxy.targets) == (["/x"], [])


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_without_an_end_is_read_up_to_the_limit(serve: Serve, session: SignedSession, chunked: bool) -> None:
    sent: list[int] = []

    def act(handler: BaseHTTPRequestHandler, auth: str) -> None:
        handler.send_response_only(200)
        if chunked:
            handler.send_header("Transfer-Encoding", "chunked")
        else:
            handler.send_header("Content-Length", str(1 << 40))
        handler.end_headers()
        piece = b"x" * 65536
        while True:
            handler.wfile.write(b"10000\r\n" + piece + b"\r\n" if chunked else piece)
            sent.append(1)

    server = serve(act)
    with pytest.raises(requests.RequestException):
        session.request("GET", server.url + "/x", answer_max_bytes=1 << 20)
    # What lies in the sockets' buffers was sent, too.
    assert len(sent) * 65536 < 32 << 20


@pytest.mark.parametrize("where", ["status", "headers", "body"])
def test_a_peer_that_sends_a_byte_now_and_then_holds_nobody_past_the_deadline(
    serve: Serve, session: SignedSession, where: str
) -> None:
    """Each byte comes well within the time-out of a read; only a deadline of the whole answer ends this."""
    over = threading.Event()

    def act(handler: BaseHTTPRequestHandler, auth: str) -> None:
        handler.close_connection = True
        handler.wfile.write(
            {
                "status": b"",
                "headers": b"HTTP/1.1 200 OK\r\n",
                "body": b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
            }[where]
        )
        for byte in b"HTTP/1.1" if where == "status" else b"a" * 900:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            if over.wait(0.05):
                return
        over.wait(30)

    server = serve(act)
    begun = time.monotonic()
    try:
        with pytest.raises(requests.RequestException):
            session.request("GET", server.url + "/x", connect_seconds=0.5, read_seconds=0.5)
        # Bytes for 45 s were to come.
        assert time.monotonic() - begun < 30
    finally:
        over.set()


def test_a_head_without_an_end_is_bounded(serve: Serve, session: SignedSession) -> None:
    def act(handler: BaseHTTPRequestHandler, auth: str) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(90):
            handler.wfile.write(b"X-%d: " % number + b"y" * 60000 + b"\r\n")

    server = serve(act)
    with pytest.raises(requests.RequestException, match="longer than any of the fleet"):
        session.request("GET", server.url + "/x", answer_max_bytes=1000)


def test_a_connection_is_kept_from_one_request_to_the_next(serve: Serve, session: SignedSession) -> None:
    peers: set[object] = set()

    def act(handler: BaseHTTPRequestHandler, auth: str) -> None:
        peers.add(handler.client_address)
        send(handler, 200, b"", seal_of(auth, 200, b""))

    server = serve(act)
    for _ in range(3):
        session.request("GET", server.url + "/x")
    assert len(peers) == 1


def test_tls_is_not_spoken(session: SignedSession) -> None:
    with pytest.raises(requests.RequestException):
        session.request("GET", "https://127.0.0.1:1/x")
