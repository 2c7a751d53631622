from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.shim.fakes import Handler, Host, Server


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers with ``serve(handler, ...)``; all are stopped in the end."""
    servers: list[Server] = []

    def start(*handlers: Handler) -> Server:
        servers.append(Server(*handlers))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def dead_url() -> str:
    """Return a URL where nobody listens."""
    server = Server()
    server.close()
    return server.url
