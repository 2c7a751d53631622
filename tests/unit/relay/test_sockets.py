"""The address of a socket that systemd hands over."""

import os
import socket

import pytest

from scaleplex.relay import sockets


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "[::1]")])
def test_the_address_of_a_socket_is_written_as_in_the_settings(
    family: socket.AddressFamily, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server((host.strip("[]"), 0), family=family) as listener:
        monkeypatch.setattr(sockets, "FIRST_DESCRIPTOR", listener.fileno())
        environ = {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
        assert sockets.inherited_addresses(environ) == (f"{host}:{listener.getsockname()[1]}",)
        assert sockets.inherited_addresses({**environ, "LISTEN_PID": "1"}) == ()
        assert sockets.inherited_addresses({**environ, "LISTEN_FDS": ""}) == ()


def test_a_unix_socket_is_on_this_host_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        monkeypatch.setattr(sockets, "FIRST_DESCRIPTOR", ours.fileno())
        assert sockets.inherited_addresses({"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}) == ("127.0.0.1:0",)
