"""What systemd hears of a service: ready once it is, alive as long as its own loop turns, and why it is not.

gunicorn's first process is the unit's main process, the only one systemd listens to (``NotifyAccess=main``); the
service runs in its child. The child writes state, a heartbeat and a sentence into memory both share, and the main
process, woken by a timer each second, passes them on. No request feeds the watchdog: a client can neither keep a hung
service alive nor make a healthy one look dead.

A service whose settings cannot work ends with ``EX_CONFIG``; its unit does not start it again then
(``RestartPreventExitStatus=``), since nothing but an operator helps.
"""

import mmap
import os
import signal
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

EX_CONFIG = 78  # sysexits.h
PASS_ON_SECONDS = 1.0
# The loop turns at least once a second; a host that is this slow would not play a film either.
FRESH_SECONDS = 5.0
STATUS_MAX_BYTES = 400

_STATE, _BEAT, _STATUS = 0, 8, 16
_BOOTING, _READY, _BAD_CONFIG = 0, 1, 2


class Pulse:
    """The memory both processes share; made before the child is forked."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self._waits_for = ""

    def ready(self) -> None:
        """Note that the service can do its work."""
        self._memory[_STATE] = _READY

    def start(self, why_not: str | None, log: Callable[[str], object]) -> None:
        """Note how far the start has come: None is ready, a sentence is what it waits for, logged when it changes."""
        if why_not is None:
            self.say("")
            self.ready()
        elif why_not != self._waits_for:
            self._waits_for = why_not
            self.say(f"not ready yet: {why_not}")
            log(self.status)

    def bad_config(self) -> None:
        """Note that the settings cannot work."""
        self._memory[_STATE] = _BAD_CONFIG

    def beat(self, now_s: float) -> None:
        """Note that the service's loop has turned, by the monotonic clock."""
        struct.pack_into("<d", self._memory, _BEAT, now_s)

    def say(self, status: str) -> None:
        """Replace the sentence that ``systemctl status`` shows."""
        text = " ".join(status.split()).encode("utf-8", "replace")[:STATUS_MAX_BYTES]
        self._memory[_STATUS : _STATUS + STATUS_MAX_BYTES + 1] = text.ljust(STATUS_MAX_BYTES + 1, b"\0")

    @property
    def is_ready(self) -> bool:
        return self._memory[_STATE] == _READY

    @property
    def is_bad_config(self) -> bool:
        return self._memory[_STATE] == _BAD_CONFIG

    @property
    def last_beat_s(self) -> float:
        return float(struct.unpack_from("<d", self._memory, _BEAT)[0])

    @property
    def status(self) -> str:
        text = bytes(self._memory[_STATUS : _STATUS + STATUS_MAX_BYTES])
        return text.partition(b"\0")[0].decode("utf-8", "replace")


class Herald:
    """Passes a pulse on to systemd; lives in the main process."""

    def __init__(self, pulse: Pulse, address: str) -> None:
        """Remember where to.

        Args:
            address: of systemd's socket, as in ``NOTIFY_SOCKET``.
        """
        self._pulse = pulse
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._announced = False
        self._said = ""

    def pass_on(self, now_s: float) -> None:
        """Send what there is to say at this moment of the monotonic clock."""
        lines = []
        if self._pulse.is_ready and not self._announced:
            lines.append("READY=1")
        if now_s - self._pulse.last_beat_s <= FRESH_SECONDS:
            lines.append("WATCHDOG=1")
        status = self._pulse.status
        if status != self._said:
            lines.append(f"STATUS={status}")
        if lines and self._send("\n".join(lines)):
            self._announced = self._announced or self._pulse.is_ready
            self._said = status

    def _send(self, text: str) -> bool:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(text.encode(), self._address)
        except OSError:
            return False  # systemd restarts or is busy; a second later is soon enough
        return True


PULSE = Pulse()


def on_starting(arbiter: Any) -> None:
    """Start to pass the pulse on; gunicorn calls this in the main process before it starts the service.

    The address leaves the environment, so that neither gunicorn says READY by itself nor ffmpeg can speak to systemd.
    """
    address = os.environ.pop("NOTIFY_SOCKET", "")
    if not address:
        return
    herald = Herald(PULSE, address)
    # A timer and no thread: the child is forked later. Its handler runs between two steps of gunicorn's own loop.
    signal.signal(signal.SIGALRM, lambda number, frame: herald.pass_on(time.monotonic()))
    signal.setitimer(signal.ITIMER_REAL, PASS_ON_SECONDS / 4, PASS_ON_SECONDS)


def on_exit(arbiter: Any) -> None:
    """End with ``EX_CONFIG`` if the service found its settings wrong; gunicorn itself would say 3."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    if PULSE.is_bad_config:
        raise SystemExit(EX_CONFIG)
