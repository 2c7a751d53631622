"""The sockets systemd hands over, and at which addresses they really listen.

gunicorn takes them by itself (sd_listen_fds(3)) and then ignores the address of the settings. So what the settings were
checked for, that nobody listens on the network without a fleet secret, is checked for the sockets too.
"""

import os
import socket
from collections.abc import Mapping

FIRST_DESCRIPTOR = 3


def inherited_addresses(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return ``host:port`` of each socket handed over to this process; empty when it is to open its own."""
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(os.getpid()) or not count.isdigit():
        return ()
    return tuple(_address(FIRST_DESCRIPTOR + number) for number in range(int(count)))


def _address(descriptor: int) -> str:
    with socket.socket(fileno=os.dup(descriptor)) as listener:
        name = listener.getsockname()
    if not isinstance(name, tuple):
        return "127.0.0.1:0"  # a Unix socket is on this host alone
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
