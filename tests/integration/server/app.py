"""A small service on the real server: what is slow in a real one can be made slow here."""

import os
import threading
from collections.abc import Iterator

import falcon

from scaleplex.common.connection import Limits
from scaleplex.common.errors import ConfigError
from scaleplex.common.log import Log
from scaleplex.common.metrics import Metrics
from scaleplex.common.server import Server
from scaleplex.common.service import ServiceApp, make_app

BIG_BYTES = 24 << 20  # more than a socket takes for a client that does not read
THREADS = 3


class Hasty(Server):
    """The server with limits a test can wait for."""

    limits = Limits(
        head_seconds=0.6,
        body_seconds=0.6,
        body_bytes_per_second=1 << 20,
        idle_seconds=1.0,
        send_seconds=0.8,
        linger_seconds=0.5,
        drain_linger_seconds=0.2,
        waiting_per_peer=600,
        kept_max_bytes=64 << 20,
        stuck_seconds=1.0,
    )


class Echo:
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.data = req.context.body

    on_put = on_post

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.text = f"{req.path} {req.query_string} {req.remote_addr}"


class Big:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.data = b"x" * BIG_BYTES


class Held:
    """Keeps its thread until somebody opens the other end of a pipe."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        os.close(os.open(os.environ["APP_PIPE"], os.O_RDONLY))


class Film:
    """A stream that does not end by itself."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.stream = self._frames()

    def _frames(self) -> Iterator[bytes]:
        for number in range(3000):
            yield f"{number:08d}".encode()
            threading.Event().wait(0.02)


class Broken:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.stream = iter([1])  # type: ignore[list-item]  # a fault that only the server meets
        resp.content_length = 4


def create() -> ServiceApp:
    if os.environ.get("APP_WITHOUT_SETTINGS"):
        raise ConfigError(["APP_SETTING is not set"])
    began = threading.Event()
    app = make_app(
        log=Log("test"),
        metrics=Metrics(),
        verify=None,
        why_not_ready=lambda: None if began.is_set() else "it waits for POST /begin",
        body_max_bytes=1 << 20,
    )
    app.add_route("/echo", Echo())
    app.add_route("/big", Big())
    app.add_route("/held", Held())
    app.add_route("/film", Film())
    app.add_route("/broken", Broken())
    app.add_route("/begin", Begin(began))
    return app


class Begin:
    def __init__(self, began: threading.Event) -> None:
        self._began = began

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._began.set()
