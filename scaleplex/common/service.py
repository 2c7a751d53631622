"""What every HTTP service needs: the app, signed requests, errors as JSON, health, gunicorn's settings."""

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import falcon
from gunicorn.http.errors import ParseException

from scaleplex.common import auth, errors
from scaleplex.common.auth import Verify
from scaleplex.common.config import check_bind
from scaleplex.common.log import Log, Secret
from scaleplex.common.metrics import Metrics

BODY_MAX_BYTES = 1 << 20
OPEN_PATHS = ("/healthz", "/readyz", "/metrics")


class Gate:
    """Reads each body once, bounded, and lets only signed requests through; middleware of every service.

    A resource with ``unsigned = True`` does its own checking (the relay's manifest callback, the operator's page).
    """

    def __init__(self, verify: Verify | None, body_max_bytes: int = BODY_MAX_BYTES) -> None:
        self._verify = verify
        self._body_max_bytes = body_max_bytes

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: object, params: dict[str, Any]
    ) -> None:
        body = read_body(req, self._body_max_bytes)
        req.context.body = body
        open_to_all = req.path in OPEN_PATHS or bool(getattr(resource, "unsigned", False))
        if self._verify is not None and not open_to_all:
            auth.check(self._verify, req, body)

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, req_succeeded: bool
    ) -> None:
        if self._verify is not None:
            resp.set_header(auth.EPOCH_HEADER, self._verify.epoch)


def loggable_path(req: falcon.Request) -> str:
    """Return the path without the signature that a callback carries in it."""
    return "/cb/***" if req.path.startswith("/cb/") else req.path


def read_body(req: falcon.Request, limit_bytes: int) -> bytes:
    """Return the whole body.

    Raises:
        TooLarge: it has more bytes than allowed.
        BadJson: the sender stopped in the middle.
    """
    chunked = "chunked" in (req.get_header("Transfer-Encoding") or "")
    if not chunked and not req.content_length:
        return b""
    if (req.content_length or 0) > limit_bytes:
        body = None
    else:
        stream = req.stream if chunked else req.bounded_stream
        try:
            body = stream.read(limit_bytes + 1)
        except (OSError, ParseException) as exc:
            raise _cut_short(str(exc) or type(exc).__name__) from exc
    if body is None or len(body) > limit_bytes:
        raise errors.TooLarge(
            f"The body has more than {limit_bytes} bytes.", "No real request is that long; look at who sent it."
        )
    if not chunked and len(body) < (req.content_length or 0):
        raise _cut_short(f"{len(body)} of {req.content_length} bytes came")
    return body


def _cut_short(seen: str) -> errors.BadJson:
    return errors.BadJson(f"The body ends too early: {seen}.", "The sender or the network went away; nothing was done.")


def json_body(req: falcon.Request) -> dict[str, object]:
    """Return the body as a JSON object.

    Raises:
        BadJson: it is not one.
    """
    body = cast("bytes", req.context.body)
    try:
        value = json.loads(body)
    except ValueError as exc:
        raise errors.BadJson(f"The body is not JSON: {exc}.", "Send a JSON object in UTF-8.") from exc
    if not isinstance(value, dict):
        raise errors.BadJson(f"The body is a JSON {type(value).__name__}.", "Send a JSON object.")
    return value


class Health:
    """``GET /healthz``: the process answers."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {"status": "ok"}


class Ready:
    """``GET /readyz``: it can do its work; 503 with the reason while it cannot."""

    def __init__(self, why_not: Callable[[], str | None]) -> None:
        self._why_not = why_not

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        reason = self._why_not()
        resp.status = falcon.HTTP_200 if reason is None else falcon.HTTP_503
        resp.media = {"status": "ready"} if reason is None else {"status": "not ready", "detail": reason}


class MetricsText:
    """``GET /metrics`` in Prometheus' text format."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = "text/plain; version=0.0.4; charset=utf-8"
        resp.text = self._metrics.render()


def make_app(
    *,
    log: Log,
    metrics: Metrics,
    verify: Verify | None,
    why_not_ready: Callable[[], str | None],
    body_max_bytes: int = BODY_MAX_BYTES,
) -> falcon.App[falcon.Request, falcon.Response]:
    """Return an app with health endpoints, signature check and JSON errors; the service adds its own routes."""
    app = falcon.App(middleware=[Gate(verify, body_max_bytes)])

    def on_known(req: falcon.Request, resp: falcon.Response, exc: errors.ScaleplexError, params: object) -> None:
        log.debug("request refused", method=req.method, path=loggable_path(req), error=exc.code, detail=exc.detail)
        resp.status = falcon.code_to_http_status(exc.status)
        resp.media = exc.to_json()

    def on_http(req: falcon.Request, resp: falcon.Response, exc: falcon.HTTPError, params: object) -> None:
        resp.status = exc.status
        resp.set_headers(cast("Mapping[str, str]", exc.headers or {}))
        code = "not-found" if exc.status_code == 404 else "bad-request"
        resp.media = {
            "error": code,
            "detail": f"{req.method} {req.path}: {exc.title or exc.status}.",
            "hint": "See docs/reference/protocol for what this service answers.",
        }

    def on_bug(req: falcon.Request, resp: falcon.Response, exc: Exception, params: object) -> None:
        log.bug("request failed", exc, method=req.method, path=loggable_path(req))
        resp.status = falcon.HTTP_500
        resp.media = {
            "error": "internal",
            "detail": f"{req.method} {loggable_path(req)} met an error of ours.",
            "hint": "The traceback is in the journal of this service; please report it.",
        }

    app.add_error_handler(Exception, on_bug)
    app.add_error_handler(falcon.HTTPError, on_http)
    app.add_error_handler(errors.ScaleplexError, on_known)
    app.add_route("/healthz", Health())
    app.add_route("/readyz", Ready(why_not_ready))
    app.add_route("/metrics", MetricsText(metrics))
    return app


def gunicorn_settings(*, bind: str, secret: Secret | None, threads: int) -> dict[str, object]:
    """Return gunicorn's settings of a service; its ``gunicorn_conf`` module puts them into its globals.

    One process with threads: the state is in memory, one lock guards it. No watchdog: gunicorn closes connections in
    its main loop and gives each client up to two seconds to close its end; a few that do not would look like a hung
    process, and the cure would end every film. The control socket would be created below ``$HOME``.

    Raises:
        ConfigError: the address is beyond loopback and there is no secret.
    """
    check_bind(bind, secret)
    return {
        "bind": [bind],
        "workers": 1,
        "worker_class": "gthread",
        "threads": threads,
        "timeout": 0,
        "graceful_timeout": 25,
        "keepalive": 75,
        "control_socket_disable": True,
        "accesslog": None,
        "errorlog": "-",
        "loglevel": "warning",
        "proc_name": "scaleplex",
    }
