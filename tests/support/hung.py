"""A real file system that stops answering: FUSE, served from the test.

It holds one empty directory. While it answers, it can be entered and listed; after ``hang`` every call that needs it
waits, as on an NFS mount whose server is away, until the test is over.
"""

import ctypes
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

LOOKUP, FORGET, GETATTR, STATFS, INIT, OPENDIR, READDIR, RELEASEDIR, ACCESS = 1, 2, 3, 17, 26, 27, 28, 29, 34
ENOENT, ENOSYS = 2, 38
MNT_DETACH = 2
REQUEST_BYTES = 1 << 17
_libc = ctypes.CDLL(None, use_errno=True)


class HungMount:
    """Use as a context manager; afterwards nothing is mounted and whoever waited has an error."""

    def __init__(self, path: Path, *, answering: bool = False) -> None:
        """Prepare a mount over an existing directory.

        Args:
            answering: whether it answers until ``hang``; else it hangs from the start.
        """
        if os.geteuid() != 0:
            pytest.skip("mounting needs root")
        if not os.path.exists("/dev/fuse"):
            pytest.skip("cannot mount here: there is no /dev/fuse")
        self.path = path
        self._answering = answering
        self._device = -1
        self._server: subprocess.Popen[bytes] | None = None
        self._listed = 0

    def __enter__(self) -> Self:
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        if _libc.mount(b"hung", os.fsencode(self.path), b"fuse", 0, options) != 0:
            pytest.skip(f"cannot mount here: {os.strerror(ctypes.get_errno())}")
        if self._answering:
            # A process of its own: whoever starts one with a working directory in here waits for it.
            command = [sys.executable, __file__, str(self._device)]
            self._server = subprocess.Popen(command, pass_fds=(self._device,), stdout=subprocess.PIPE)
            assert self._server.stdout is not None
            os.set_blocking(self._server.stdout.fileno(), False)
        return self

    def __exit__(self, *_: object) -> None:
        _libc.umount2(os.fsencode(self.path), MNT_DETACH | 1)  # MNT_FORCE: who waits gets an error
        os.close(self._device)
        if self._server is not None:
            self._server.kill()
            self._server.communicate()

    def listed(self) -> int:
        """Return how often the directory was opened for listing."""
        assert self._server is not None
        assert self._server.stdout is not None
        self._listed += len(self._server.stdout.read() or b"")
        return self._listed

    def hang(self) -> None:
        """Answer no more."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)


def _serve(device: int) -> None:
    while True:
        try:
            request = os.read(device, REQUEST_BYTES)
        except OSError:
            return  # unmounted
        _, operation, unique = struct.unpack_from("<IIQ", request)
        if operation == OPENDIR:
            os.write(1, b"o")
        if operation != FORGET:
            error, body = _answer(operation)
            os.write(device, struct.pack("<IiQ", 16 + len(body), -error, unique) + body)


def _answer(operation: int) -> tuple[int, bytes]:
    attributes = struct.pack("<6Q3I7I", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40777, 2, 0, 0, 0, 4096, 0)
    answers = {
        INIT: struct.pack("<4I2H2I2HI7I", 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, 0, *[0] * 7),
        GETATTR: struct.pack("<Q2I", 0, 0, 0) + attributes,
        STATFS: bytes(80),
        OPENDIR: struct.pack("<Q2I", 0, 0, 0),
        READDIR: b"",
        RELEASEDIR: b"",
    }
    if operation in answers:
        return 0, answers[operation]
    return (ENOENT if operation == LOOKUP else ENOSYS), b""


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
