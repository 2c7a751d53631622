"""One connection to PMS, against a server that does what a test wants."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from scaleplex.common.errors import UpstreamError
from scaleplex.common.log import Secret
from scaleplex.relay import upstream as module
from scaleplex.relay.upstream import Upstream
from tests.support.loopback import LoopbackServer

TOKEN = Secret(b"local-token")
Answer = Callable[[BaseHTTPRequestHandler], None]


def say(status: int = 200, body: bytes = b"") -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


class Plex(LoopbackServer):
    def __init__(self) -> None:
        self.how: Answer = say()
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        super().__init__()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.seen.append((handler.command, handler.path, {k.lower(): v for k, v in handler.headers.items()}))
        self.how(handler)


@pytest.fixture
def plex() -> Iterator[Plex]:
    made = Plex()
    yield made
    made.down()


@pytest.fixture
def way(plex: Plex) -> Iterator[Upstream]:
    made = Upstream(plex.url, 20.0)
    yield made
    made.close()


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_an_answer_of_plex_s_is_the_answer_whatever_it_says_and_nothing_is_sent_again(
    plex: Plex, way: Upstream, status: int
) -> None:
    plex.how = say(status, b"x")
    assert way.send("POST", "/m", TOKEN, b"body").status == status
    assert len(plex.seen) == 1


def test_a_put_asks_for_a_range_as_plex_s_transcoder_does_and_a_post_does_not(plex: Plex, way: Upstream) -> None:
    way.send("PUT", "/p", TOKEN)
    way.send("POST", "/m", TOKEN, b"x")
    assert [headers.get("range") for _, _, headers in plex.seen] == ["bytes=0-", None]


def test_the_answer_may_take_longer_than_the_connection(
    plex: Plex, way: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)
    asked = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        asked.wait(0.6)  # three times as long as a connection may take; nobody sets it
        say(206)(handler)

    plex.how = slow
    assert way.send("PUT", "/p", TOKEN).status == 206


def test_a_request_plex_does_not_answer_is_not_sent_a_second_time(plex: Plex) -> None:
    way = Upstream(plex.url, 0.3)
    way.send("PUT", "/first", TOKEN)  # so that the connection is a kept one
    let_go = threading.Event()
    plex.how = lambda handler: (let_go.wait(10), say()(handler))[1]
    with pytest.raises(UpstreamError, match="did not answer"):
        way.send("POST", "/m", TOKEN, b"x")
    let_go.set()
    way.close()
    assert [target for _, target, _ in plex.seen] == ["/first", "/m"]


def test_a_kept_connection_that_plex_has_closed_costs_one_more_try(plex: Plex, way: Upstream) -> None:
    way.send("PUT", "/1", TOKEN)
    plex.down()
    plex.up()
    assert way.send("PUT", "/2", TOKEN).status == 200
    assert [target for _, target, _ in plex.seen] == ["/1", "/2"]


def test_nobody_there_is_an_error_without_the_token() -> None:
    plex = Plex()
    plex.down()
    with pytest.raises(UpstreamError) as caught:
        Upstream(plex.url, 30.0).send("PUT", "/x", TOKEN)
    assert "local-token" not in caught.value.detail


def test_a_request_does_not_wait_for_ever_behind_one_that_hangs_and_close_leaves_that_one_alone(
    plex: Plex, way: Upstream
) -> None:
    let_go, arrived = threading.Event(), threading.Event()
    plex.how = lambda handler: (arrived.set(), let_go.wait(10), say()(handler))[2]

    def first() -> None:
        with contextlib.suppress(UpstreamError):
            way.send("PUT", "/1", TOKEN)

    thread = threading.Thread(target=first)
    thread.start()
    assert arrived.wait(5)
    assert not way.close()
    with pytest.raises(UpstreamError, match="earlier callback"):
        way.send("PUT", "/2", TOKEN, turn_seconds=0.05)
    let_go.set()
    thread.join()
    assert way.close()


def test_the_wait_for_the_request_before_ends_before_the_worker_asks_again() -> None:
    from scaleplex.worker.relay_client import READ_SECONDS

    assert module.TURN_SECONDS < READ_SECONDS
