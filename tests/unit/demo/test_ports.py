"""A port that was taken stays taken, whether somebody listens on it or not."""

import socket
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from scaleplex.demo.processes import take_port
from tests.support.loopback import LoopbackServer


def test_ports_taken_at_the_same_time_differ() -> None:
    with ThreadPoolExecutor(8) as pool:
        ports = list(pool.map(lambda _: take_port(), range(64)))
    assert len({port.number for port in ports}) == 64
    for port in ports:
        port.release()


def test_a_lock_that_its_last_holder_removed_keeps_nobody_out_and_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    first = take_port()
    monkeypatch.setattr("scaleplex.demo.processes.PORTS", range(first.number, first.number + 1))
    late = Path(first.lock.name).open("w")  # noqa: SIM115 - as one that came while it was held
    real, opened = Path.open, [late]
    monkeypatch.setattr(Path, "open", lambda self, *a, **k: opened.pop() if opened else real(self, *a, **k))
    first.release()
    Path(first.lock.name).touch()
    with pytest.raises(Exception, match="is free"):
        take_port()
    monkeypatch.undo()
    Path(first.lock.name).unlink()


class Server(LoopbackServer):
    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(204)
        handler.end_headers()


def test_a_server_that_is_down_refuses_and_nobody_gets_its_port() -> None:
    server = Server()
    server.down()
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(server.url)
    with socket.socket() as thief, pytest.raises(OSError, match="in use"):
        thief.bind(("127.0.0.1", server.port))
    server.up()
    with urllib.request.urlopen(server.url) as answer:
        assert answer.status == 204
    server.down()
