"""The way to the relay: kept connections, what is sent twice and what is not, patience."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest
import requests

from scaleplex.common.log import Secret
from scaleplex.protocol import wire
from scaleplex.worker import announcer, relay_client
from scaleplex.worker.relay_client import RelayClient, Reply, Unreachable, is_refusal, refusal
from tests.support.loopback import LoopbackServer
from tests.support.signing import sealed

SECRET = b"a fleet secret"
RELAY_HOLDS_SECONDS = 2.0  # SCALEPLEX_RELAY_VISIBLE_SECONDS, before PMS is asked


class Relay(LoopbackServer):
    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes]] = []
        self.auth: list[str | None] = []
        self.before_answer: Callable[[BaseHTTPRequestHandler], None] = lambda handler: None
        super().__init__()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.seen.append((handler.path, body))
        self.auth.append(handler.headers.get(wire.AUTH_HEADER))
        self.before_answer(handler)
        handler.send_response_only(200)
        handler.send_header("Content-Length", "2")
        for name, value in sealed(self.auth[-1], 200, b"ok", secret=SECRET).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(b"ok")


@pytest.fixture
def relay() -> Iterator[Relay]:
    made = Relay()
    yield made
    made.down()


@pytest.fixture
def client() -> Iterator[RelayClient]:
    made = RelayClient(Secret(SECRET))
    yield made
    made.close()


def test_a_manifest_arrives_signed_with_its_body(relay: Relay, client: RelayClient) -> None:
    assert client.send("POST", relay.url + "/m", body=b"rows") == Reply(200, "ok")
    assert relay.seen == [("/m", b"rows")]
    assert relay.auth[0]


def test_a_connection_the_relay_has_closed_meanwhile_costs_a_second_try(relay: Relay, client: RelayClient) -> None:
    client.send("PUT", relay.url + "/1")
    relay.down()
    relay.up()
    assert client.send("PUT", relay.url + "/2").status == 200

    def hang_up(handler: BaseHTTPRequestHandler) -> None:
        if len(relay.seen) == 3:
            handler.connection.shutdown(socket.SHUT_RDWR)

    relay.before_answer = hang_up
    assert client.send("PUT", relay.url + "/3").status == 200
    assert [path for path, _ in relay.seen] == ["/1", "/2", "/3", "/3"]


def test_a_relay_that_is_not_there_cannot_have_seen_the_request(relay: Relay, client: RelayClient) -> None:
    relay.down()
    with pytest.raises(Unreachable):
        client.send("PUT", relay.url + "/1")


def test_a_request_whose_answer_does_not_come_may_have_been_seen_and_is_not_sent_again(
    relay: Relay, client: RelayClient
) -> None:
    let_go = threading.Event()
    relay.before_answer = lambda handler: let_go.wait(10)  # type: ignore[assignment, return-value]
    with pytest.raises(requests.ReadTimeout) as caught:
        client.send("PUT", relay.url + "/1", read_seconds=0.2)
    let_go.set()
    assert not isinstance(caught.value, Unreachable)
    assert len(relay.seen) == 1


def test_a_manifest_s_answer_is_waited_for_longer_than_the_relay_holds_it_back_and_progress_s_is_not() -> None:
    assert announcer.READ_SECONDS >= RELAY_HOLDS_SECONDS + 10
    assert relay_client.READ_SECONDS < 5  # PMS's wish to slow down is worth nothing later


def test_a_refusal_is_a_sentence_whoever_wrote_it() -> None:
    ours = Reply(403, '{"error": "bad-callback", "detail": "No.", "hint": "See."}')
    assert refusal("manifest", ours) == "The relay answered 403 to a manifest callback. bad-callback: No. See."
    for body in ("<html>", "[]", "{}", '{"error": 1}'):
        assert "Plex Media Server itself" in refusal("manifest", Reply(401, body))


def test_a_relay_that_asks_for_its_epoch_does_not_refuse() -> None:
    assert is_refusal(Reply(401, '{"error": "unauthorized", "detail": "No.", "hint": "See."}'))
    assert is_refusal(Reply(403, "<html>"))
    assert not is_refusal(Reply(401, f'{{"error": "{wire.EPOCH_WANTED}", "detail": "Again.", "hint": "See."}}'))
    assert not is_refusal(Reply(410, ""))
