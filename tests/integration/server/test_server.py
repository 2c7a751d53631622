"""The server under clients that mean no good: none of them holds a thread, and health answers all the while."""

import contextlib
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.integration.server.app import BIG_BYTES, THREADS
from tests.integration.server.conftest import Running, read_all, until

MANY = 8 * THREADS
# How long an answer may take while others misbehave; a thread that waits for them would take much longer than this.
PROMPT_SECONDS = 5.0

MISDEEDS = {
    "idle": b"",
    "half a request line": b"GET /ec",
    "half a head": b"GET /echo HTTP/1.1\r\nHost: h\r\n",
    "a body that never comes": b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nx",
    "a chunk that never comes": b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\nx",
    "a client that expects to be told to go on": (
        b"POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n"
    ),
    "an answer that is not read": b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n",
    "a client that does not close": b"GET /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
}


def prompt(running: Running, path: str) -> bytes:
    """Return the answer to a request that has to be quick."""
    began = time.monotonic()
    answer = running.get(path)
    assert time.monotonic() - began < PROMPT_SECONDS
    return answer


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_clients_that_misbehave_hold_no_thread_and_are_closed(running: Running, misdeed: str) -> None:
    with contextlib.ExitStack() as clients:
        sockets = []
        for _ in range(MANY if misdeed != "an answer that is not read" else THREADS + 1):
            client = clients.enter_context(running.connect())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(MISDEEDS[misdeed])
            sockets.append(client)
        assert b"200 OK" in prompt(running, "/healthz")
        assert b"200 OK" in prompt(running, "/echo")
        for client in sockets:
            if misdeed != "an answer that is not read":
                read_all(client)  # raises when it is still open after all that time
            else:
                until(lambda client=client: closed(client), "the server gives up on a client that does not read")


def closed(client: socket.socket) -> bool:
    """Return whether the other end is gone, without taking the bytes that wait here."""
    state = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state not in (1, 4, 5)  # established, or half closed by this end


@pytest.mark.parametrize(
    "head",
    [
        b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n",
        b"GET /echo HTTP/1.1\r\nX: ",
    ],
)
def test_a_byte_now_and_then_does_not_renew_a_deadline(running: Running, head: bytes) -> None:
    with running.connect() as client:
        client.sendall(head)
        sent = 0
        client.settimeout(0.05)
        began = time.monotonic()
        while True:
            assert time.monotonic() - began < PROMPT_SECONDS
            try:
                client.sendall(b"x")
                sent += 1
                if not client.recv(100):
                    break
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                break
    assert sent > 3


def test_health_answers_while_every_thread_is_busy(running: Running) -> None:
    with contextlib.ExitStack() as clients:
        for _ in range(THREADS):
            client = clients.enter_context(running.connect())
            client.sendall(b"GET /film HTTP/1.1\r\nHost: h\r\n\r\n")
            assert client.recv(100)
        assert b'{"status": "ok"}' in prompt(running, "/healthz")
        head = running.ask(b"HEAD /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert head.endswith(b"\r\n\r\n")


def test_thousands_of_connections_cost_the_oldest_and_nobody_else(running: Running) -> None:
    with contextlib.ExitStack() as clients:
        film = clients.enter_context(running.connect())
        film.sendall(b"GET /film HTTP/1.0\r\nHost: h\r\n\r\n")
        assert film.recv(12) == b"HTTP/1.0 200"
        for _ in range(1000):
            with contextlib.suppress(OSError):
                clients.enter_context(running.connect())
        assert b"200 OK" in prompt(running, "/echo")
        assert b"00000001" in film.recv(4096) + film.recv(4096) + film.recv(4096)


def test_a_request_in_pieces_and_several_in_one_are_answered_in_order(running: Running) -> None:
    one = b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n"
    with running.connect() as client:
        client.sendall(one + b"a")
        client.sendall(b"bc" + one + b"def" + b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n" * 300)
        client.sendall(b"GET /echo?last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        answers = read_all(client)
    assert answers.count(b"HTTP/1.1 200 OK") == 303
    assert answers.index(b"abc") < answers.index(b"def") < answers.index(b'{"status": "ok"}') < answers.index(b"last")


def test_a_client_that_waits_to_be_told_goes_on_and_is_told_once(running: Running) -> None:
    with running.connect() as client:
        client.sendall(
            b"POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
        )
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"abc")


def test_a_refusal_reaches_a_client_that_is_still_sending(running: Running) -> None:
    answer = running.ask(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n" + b"x" * 1048577)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"error": "too-large"' in answer


def test_an_answer_longer_than_the_socket_takes_arrives_whole(running: Running) -> None:
    answer = running.get("/big")
    assert len(answer.partition(b"\r\n\r\n")[2]) == BIG_BYTES


def test_headers_of_a_proxy_change_nothing(running: Running) -> None:
    answer = running.ask(
        b"GET /echo HTTP/1.1\r\nHost: h\r\nSCRIPT_NAME: /echo\r\nPATH_INFO: /big\r\nX-Forwarded-Proto: https\r\n"
        b"X-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"/echo  127.0.0.1")


def test_a_fault_in_an_answer_ends_that_connection_and_is_in_the_log(tmp_path: Path) -> None:
    service = Running(tmp_path)
    try:
        until(lambda: b"200 OK" in service.get("/healthz"), "health")
        service.get("/broken")
        assert "A request met an error of ours." in service.log()
        assert b"200 OK" in service.get("/echo")
    finally:
        service.stop()


# --- systemd ---------------------------------------------------------------------------------------------------------


def test_systemd_hears_ready_when_the_service_is_and_why_it_is_not_before(running: Running) -> None:
    running.hears("STATUS=not ready yet: it waits for POST /begin")
    running.hears("WATCHDOG=1")
    assert "READY=1" not in running.said()
    running.post("/begin")
    running.hears("READY=1")
    running.hears("STATUS=")


def test_the_watchdog_is_fed_while_films_hold_every_thread_but_not_while_a_request_waits(running: Running) -> None:
    with contextlib.ExitStack() as clients:
        for _ in range(THREADS):
            client = clients.enter_context(running.connect())
            client.sendall(b"GET /film HTTP/1.1\r\nHost: h\r\n\r\n")
            assert client.recv(100)
        heard = len(running.said())
        running.hears("WATCHDOG=1", after=heard)
        waiting = clients.enter_context(running.connect())
        waiting.sendall(b"GET /echo HTTP/1.1\r\nHost: h\r\n\r\n")
        until(lambda: beats_stopped(running), "the end of the beats")
    running.hears("WATCHDOG=1", after=len(running.said()))


def beats_stopped(running: Running) -> bool:
    """Return whether no beat came for longer than a fresh one lasts; systemd waits a minute for the next."""
    heard = len(running.said())
    time.sleep(2.5)  # more than the period, so silence here is silence
    return "WATCHDOG=1" not in running.said()[heard:]


def test_a_loop_that_hangs_is_not_reported_alive(running: Running) -> None:
    child = int(Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()[0])
    running.hears("WATCHDOG=1")
    os.kill(child, signal.SIGSTOP)
    try:
        until(lambda: beats_stopped(running), "the end of the beats")
    finally:
        os.kill(child, signal.SIGCONT)
    running.hears("WATCHDOG=1", after=len(running.said()))


@pytest.mark.parametrize("where", ["CONF_WITHOUT_SETTINGS", "APP_WITHOUT_SETTINGS"])
def test_settings_that_cannot_work_end_the_service_with_the_code_its_unit_knows(tmp_path: Path, where: str) -> None:
    service = Running(tmp_path, {where: "1"})
    try:
        assert service.process.wait(20) == 78
        assert "_SETTING is not set" in service.log()
    finally:
        service.stop()


def test_a_stop_finishes_what_runs_and_ends_clean(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    service = Running(tmp_path, {"APP_PIPE": str(tmp_path / "pipe")})
    try:
        until(lambda: b"200 OK" in service.get("/healthz"), "health")
        with service.connect() as held, service.connect() as idle, service.connect() as half:
            idle.sendall(b"GET /echo HTTP/1.1\r\nHost: h\r\n\r\n")
            assert idle.recv(100)
            half.sendall(b"GET /ec")
            held.sendall(b"GET /held HTTP/1.1\r\nHost: h\r\n\r\n")
            with (tmp_path / "pipe").open("wb"):  # opens once the other end is: the request is under way
                service.process.terminate()
            assert b"200 OK" in read_all(held)
        assert service.process.wait(20) == 0
        assert "Traceback" not in service.log()
    finally:
        service.stop()
