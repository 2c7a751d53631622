"""The session directory is listed while PMS waits for the first segment, and one that hangs holds nothing up."""

import ctypes
import itertools
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from scaleplex.protocol import wire
from tests.integration.shim.fakes import (
    Host,
    Request,
    Server,
    exit_frame,
    fleet,
    send_frame,
    spawned,
    start_stream,
    wait_until,
)
from tests.support.hung import HungMount

Serve = Callable[..., Server]


def test_the_session_directory_is_listed_five_times_a_second_until_a_segment_is_announced(
    host: Host, serve: Serve
) -> None:
    announce = threading.Event()
    announced = wire.INFO, json.dumps({"event": "announced"}).encode()

    def run(connection: socket.socket, request: Request) -> None:
        start_stream(connection)
        send_frame(connection, *spawned())
        announce.wait(20)
        send_frame(connection, *announced)
        send_frame(connection, wire.STDERR, b"x")
        connection.recv(1)

    fleet(host, serve, run)
    with watched_openings(host.session_dir) as openings, host.started() as process:
        wait_until(lambda: openings() >= 5)
        gaps = [b - a for a, b in itertools.pairwise(openings.moments[:5])]
        announce.set()
        assert process.stderr
        assert process.stderr.read(1) == b"x"
        time.sleep(0.5)
        before = openings()
        time.sleep(1.0)
        assert openings() == before
    assert min(gaps) > 0.1


def test_a_session_directory_that_hangs_holds_nothing_up(host: Host, serve: Serve) -> None:
    hung = threading.Event()

    def run(connection: socket.socket, request: Request) -> None:
        start_stream(connection)
        send_frame(connection, *spawned())
        hung.wait(20)
        for _ in range(15):
            time.sleep(0.2)
            send_frame(connection, wire.HEARTBEAT)
        send_frame(connection, wire.STDOUT, b"still here")
        send_frame(connection, *exit_frame(0))

    fleet(host, serve, run, silence_seconds="2")
    with HungMount(host.session_dir, answering=True) as mount, host.started() as process:
        wait_until(lambda: mount.listed() > 1)
        mount.hang()
        hung.set()
        assert process.communicate(timeout=20)[0] == b"still here"
        assert process.returncode == 0


def test_a_hung_session_directory_does_not_keep_a_killed_shims_connection(host: Host, serve: Serve) -> None:
    closed = threading.Event()

    def run(connection: socket.socket, request: Request) -> None:
        start_stream(connection)
        send_frame(connection, *spawned())
        assert connection.recv(1) == b""
        closed.set()

    fleet(host, serve, run)
    with HungMount(host.session_dir, answering=True) as mount, host.started() as process:
        wait_until(mount.listed)
        mount.hang()
        time.sleep(0.5)  # a listing hangs now
        process.kill()
        assert closed.wait(5)


class watched_openings:  # noqa: N801 - used as a function
    """Counts how often a directory is opened, by the kernel's own account (inotify)."""

    IN_OPEN = 0x20

    def __init__(self, directory: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert libc.inotify_add_watch(self._descriptor, os.fsencode(directory), self.IN_OPEN) >= 0
        self.moments: list[float] = []

    def __call__(self) -> int:
        with suppress(BlockingIOError):
            data = os.read(self._descriptor, 1 << 16)
            self.moments += [time.monotonic()] * (len(data) // 16)  # events of the directory itself have no name
        return len(self.moments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
