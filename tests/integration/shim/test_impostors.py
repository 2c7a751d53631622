"""Somebody without the fleet secret answers first: it ends no film, keeps none at home and is believed in nothing."""

import json
import socket
import time
from collections.abc import Callable

import pytest

from scaleplex.protocol import wire
from tests.integration.shim.fakes import (
    ASKED,
    Host,
    Request,
    Server,
    exit_frame,
    place,
    send_frame,
    spawned,
    start_stream,
    stream,
)

Serve = Callable[..., Server]
GOOD = stream(spawned(), exit_frame(0))


def unsigned(status: int, body: object) -> Callable[[socket.socket, Request], None]:
    """Answer as somebody who does not know the secret."""

    def handle(connection: socket.socket, request: Request) -> None:
        text = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n{wire.EPOCH_HEADER}: abc\r\n\r\n"
        connection.sendall(head.encode() + text)

    return handle


def forged_stream(*frames: tuple[bytes, bytes], seal: bool = False) -> Callable[[socket.socket, Request], None]:
    """Answer with frames that no secret signed.

    Args:
        seal: send the head a real worker would send, as if it had been recorded and the rest replaced.
    """

    def handle(connection: socket.socket, request: Request) -> None:
        line = request.seal(200, None) if seal else f"{wire.ANSWER_HEADER}: v2 {'0' * 64}\r\n"
        connection.sendall(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{line}\r\n".encode())
        for kind, payload in frames:
            frame = wire.encode_frame(kind, payload) + b"\0" * wire.FRAME_MAC_BYTES
            connection.sendall(b"%x\r\n%s\r\n" % (len(frame), frame))
        connection.sendall(b"0\r\n\r\n")

    return handle


ENDED = exit_frame(0)
WORKERS = {
    "code 0": forged_stream(spawned(), ENDED),
    "code 0 under a real head": forged_stream(ENDED, seal=True),
    "superseded": unsigned(409, {"error": "superseded", "detail": "another job"}),
    "local-only": unsigned(422, {"error": "local-only", "detail": "stay at home"}),
    "too-large": unsigned(413, {"error": "too-large", "detail": "too long"}),
    "epoch": unsigned(401, {"error": "epoch", "detail": "again"}),
    "full": unsigned(503, {"error": "full", "detail": "x" * 60000}),
}


@pytest.mark.parametrize("what", WORKERS)
def test_a_worker_without_the_secret_is_passed_over(host: Host, serve: Serve, what: str) -> None:
    impostor, good = serve(WORKERS[what]), serve(GOOD)
    host.configure(orchestrators=serve(place(impostor.url), place(good.url)).url)
    done = host.run()
    assert (done.code, done.stdout) == (0, b"")
    assert (len(impostor.requests), len(good.requests)) == (1, 1)
    assert not host.real_ran()
    found = [event for event in host.events() if event["worker"] == impostor.url]
    (event,) = [event for event in found if event["event"] in ("refused", "lost")]
    assert len(json.dumps(event)) < 1000
    if what != "code 0 under a real head":
        assert event["reason"] == "unverified"
        assert "is not signed with the fleet secret" in event["detail"]


ORCHESTRATORS = {
    "a worker": lambda worker: unsigned(200, {"worker": worker, "ticket": "v2 1 x", "backend": "sw"}),
    "superseded": lambda worker: unsigned(409, {"error": "superseded", "detail": "another job"}),
    "no-worker": lambda worker: unsigned(503, {"error": "no-worker", "detail": "none"}),
    "epoch": lambda worker: unsigned(401, {"error": "epoch", "detail": "again"}),
}


@pytest.mark.parametrize("what", ORCHESTRATORS)
def test_an_orchestrator_without_the_secret_is_passed_over(host: Host, serve: Serve, what: str) -> None:
    decoy, good = serve(GOOD), serve(GOOD)
    impostor = serve(ORCHESTRATORS[what](decoy.url))
    host.configure(orchestrators=f"{impostor.url},{serve(place(good.url)).url}")
    assert host.run().code == 0
    assert (len(impostor.requests), len(decoy.requests), len(good.requests)) == (1, 0, 1)
    assert not host.real_ran()


def test_a_stream_into_which_somebody_puts_an_end_fails_the_job_and_is_no_end(host: Host, serve: Serve) -> None:
    def cut_in(connection: socket.socket, request: Request) -> None:
        start_stream(connection)
        send_frame(connection, *spawned())
        frame = wire.encode_frame(*ENDED) + b"\0" * wire.FRAME_MAC_BYTES
        connection.sendall(b"%x\r\n%s\r\n" % (len(frame), frame))
        connection.recv(1)

    host.configure(orchestrators=serve(place(serve(cut_in).url)).url)
    assert host.run().code == wire.EXIT_LOST_WORKER
    assert host.event_names()[-1] == ("lost", "broken")


@pytest.mark.parametrize("part", ["head", "frame"])
def test_a_byte_now_and_then_is_silence(host: Host, serve: Serve, part: str) -> None:
    """An impostor that drips a head, or a worker whose frames never become whole, keeps no viewer waiting."""

    def drip(connection: socket.socket, request: Request) -> None:
        if part == "frame":
            start_stream(connection)
            frame = wire.encode_frame(wire.STDOUT, b"x" * 4000, ASKED[connection].mac)
            drops = b"".join(b"1\r\n%s\r\n" % frame[at : at + 1] for at in range(len(frame)))
        else:
            drops = b"HTTP/1.1 200 OK\r\n" + b"X-Padding: " + b"x" * 4000
        for at in range(0, len(drops), 6):
            connection.sendall(drops[at : at + 6])
            time.sleep(0.05)  # far below the silence allowed

    host.configure(orchestrators=serve(place(serve(drip).url), place(serve(GOOD).url)).url, silence_seconds="0.5")
    done = host.run()
    assert done.code == 0
    assert ("lost", "silent") in host.event_names()


def test_a_service_that_has_just_started_is_asked_again_with_its_epoch(host: Host, serve: Serve) -> None:
    def starting(then: Callable[[socket.socket, Request], None]) -> Callable[[socket.socket, Request], None]:
        def handle(connection: socket.socket, request: Request) -> None:
            epoch = request.headers[wire.AUTH_HEADER].split(" ")[4]
            if epoch == "e1":
                then(connection, request)
                return
            text = b'{"error": "epoch", "detail": "again", "hint": "again"}'
            head = f"HTTP/1.1 401 X\r\nContent-Length: {len(text)}\r\n{wire.EPOCH_HEADER}: e1\r\n"
            connection.sendall(f"{head}{request.seal(401, text)}\r\n".encode() + text)

        return handle

    worker = serve(starting(GOOD))
    orchestrator = serve(starting(place(worker.url)))
    host.configure(orchestrators=orchestrator.url)
    assert host.run().code == 0
    assert (len(orchestrator.requests), len(worker.requests)) == (2, 2)
    assert [event for event, _ in host.event_names()] == ["placed", "ended"]
