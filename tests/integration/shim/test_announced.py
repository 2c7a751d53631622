"""The session directory is listed until the first announcement, and no longer."""

import ctypes
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scaleplex.protocol import wire
from tests.integration.shim.fakes import Host, Request, Server, announced, exit_frame, place, send_frame, spawned
from tests.integration.shim.fakes import start_stream as start

Serve = Callable[..., Server]
IN_ACCESS = 0x1  # of a directory: somebody has read its entries
LISTING_SECONDS = 0.2


class Watched:
    """A directory under inotify(7)."""

    def __init__(self, path: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self.fd >= 0
        assert libc.inotify_add_watch(self.fd, os.fsencode(path), IN_ACCESS) >= 0

    def listed(self, seconds: float) -> bool:
        """Return whether it is listed within that time; what was before does not count."""
        try:
            while os.read(self.fd, 65536):
                pass
        except BlockingIOError:
            pass
        return bool(select.select([self.fd], [], [], seconds)[0])


@pytest.fixture
def watched(host: Host) -> Iterator[Watched]:
    made = Watched(host.session_dir)
    yield made
    os.close(made.fd)


def test_the_directory_is_listed_until_the_worker_says_that_something_was_announced(
    host: Host, serve: Serve, watched: Watched
) -> None:
    tell, end = threading.Event(), threading.Event()

    def run(connection: socket.socket, request: Request) -> None:
        start(connection)
        send_frame(connection, *spawned())
        tell.wait(20)
        send_frame(connection, *announced())
        send_frame(connection, wire.STDOUT, b"told")
        end.wait(20)
        send_frame(connection, *exit_frame(0))
        connection.sendall(b"0\r\n\r\n")

    host.configure(orchestrators=serve(place(serve(run).url)).url)
    with host.started() as process:
        assert process.stdout is not None
        try:
            for _ in range(3):
                assert watched.listed(20)  # it goes on
            tell.set()
            assert process.stdout.read(4) == b"told"  # the frame before it was taken, too
            assert not watched.listed(5 * LISTING_SECONDS)
        finally:
            tell.set()
            end.set()
        process.communicate(timeout=20)
        assert process.returncode == 0
