"""What every HTTP service needs: the app, signed requests, errors as JSON, health, gunicorn's settings."""

import contextlib
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, cast

import falcon
from gunicorn.http.errors import ParseException

from scaleplex.common import auth, errors, pulse, scrub
from scaleplex.common.auth import Verify
from scaleplex.common.config import check_bind
from scaleplex.common.intake import Admit
from scaleplex.common.log import Log, Secret
from scaleplex.common.metrics import Metrics

BODY_MAX_BYTES = 1 << 20
OPEN_PATHS = ("/healthz", "/readyz", "/metrics")


class Gate:
    """Reads each body once, bounded, and lets only signed requests through; middleware of every service.

    A resource with ``unsigned = True`` does its own checking (the relay's callbacks, the operator's page).
    """

    def __init__(self, verify: Verify | None, body_max_bytes: int = BODY_MAX_BYTES) -> None:
        self._verify = verify
        self._body_max_bytes = body_max_bytes

    def glance(self, header: str | None) -> None:
        """Refuse a request whose signature cannot be good whatever its body is.

        Raises:
            Unauthorized: there is none, it is malformed or stale.
        """
        if self._verify is not None:
            self._verify.glance(header)

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
        if self._verify is None:
            return
        if resource is None and req.get_header(auth.AUTH_HEADER) is not None:
            # No such path: whoever signed a request without a body may still trust the answer.
            with contextlib.suppress(errors.ScaleplexError):
                auth.check(self._verify, req, read_body(req, 0))
        auth.seal(self._verify, req, resp)


def loggable_path(req: falcon.Request) -> str:
    """Return the path without the signature that a callback carries in it."""
    return scrub.secrets(req.path)


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
    except RecursionError as exc:
        raise errors.BadJson("The body is nested too deeply.", "No real request is; look at who sent it.") from exc
    if not isinstance(value, dict):
        raise errors.BadJson(f"The body is a JSON {type(value).__name__}.", "Send a JSON object.")
    return value


class ServiceApp(falcon.App[falcon.Request, falcon.Response]):
    """An app with what the server asks before, and besides, calling it."""

    def __init__(
        self,
        gate: Gate,
        *,
        body_max_bytes: int,
        why_not_started: Callable[[], str | None],
        admit_unsigned: Admit | None,
    ) -> None:
        super().__init__(middleware=[gate])
        self.body_max_bytes = body_max_bytes
        self.why_not_started = why_not_started
        self._gate = gate
        self._admit_unsigned = admit_unsigned
        self._unsigned: tuple[str, ...] = ()  # what the paths of routes begin with that check signatures themselves

    def add_route(self, uri_template: str, resource: object, **kwargs: Any) -> None:
        if getattr(resource, "unsigned", False):
            self._unsigned += (uri_template.partition("{")[0],)
        super().add_route(uri_template, resource, **kwargs)

    def admit(self, method: str, target: str, headers: Mapping[str, str]) -> None:
        """Judge a head whose body has not been read; the server calls this in its loop, so it does not wait.

        Args:
            headers: by their names in upper case.

        Raises:
            ScaleplexError: nobody needs that body.
        """
        path = target.partition("?")[0]
        if path in OPEN_PATHS or path in self._unsigned:
            raise errors.TooLarge("This path takes no body.", "Send the request without one.")
        if any(path.startswith(prefix) for prefix in self._unsigned if len(prefix) > 1):
            if self._admit_unsigned is not None:
                self._admit_unsigned(method, target, headers)
            return
        self._gate.glance(headers.get(auth.AUTH_HEADER.upper()))


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
    why_not_started: Callable[[], str | None] | None = None,
    body_max_bytes: int = BODY_MAX_BYTES,
    admit_unsigned: Admit | None = None,
) -> ServiceApp:
    """Return an app with health endpoints, signature check and JSON errors; the service adds its own routes.

    Args:
        why_not_started: what keeps systemd waiting for the start; None for the same as ``why_not_ready``.
        admit_unsigned: judges heads for routes that check signatures themselves, before a body is read.
    """
    app = ServiceApp(
        Gate(verify, body_max_bytes),
        body_max_bytes=body_max_bytes,
        why_not_started=why_not_started or why_not_ready,
        admit_unsigned=admit_unsigned,
    )

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
            "detail": f"{req.method} {loggable_path(req)}: {exc.title or exc.status}.",
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

    One process with threads: the state is in memory, one lock guards it. ``timeout`` is gunicorn's own watchdog, which
    would kill every film with the service; systemd's is fed by ``scaleplex.common.pulse``. Headers by which a proxy
    would speak for a client mean nothing here. The control socket would be created below ``$HOME``.

    Raises:
        ConfigError: the address is beyond loopback and there is no secret.
    """
    check_bind(bind, secret)
    return {
        "bind": [bind],
        "workers": 1,
        "worker_class": "scaleplex.common.server.Server",
        "threads": threads,
        "timeout": 0,
        "graceful_timeout": 25,
        "on_starting": pulse.on_starting,
        "on_exit": pulse.on_exit,
        "forwarded_allow_ips": "",
        "secure_scheme_headers": {},
        "control_socket_disable": True,
        "accesslog": None,
        "errorlog": "-",
        "loglevel": "warning",
        "proc_name": "scaleplex",
    }


def settings_or_exit(make: Callable[[], dict[str, object]]) -> dict[str, object]:
    """Return gunicorn's settings; end with ``EX_CONFIG``, which its unit knows, when what they come from is wrong."""
    try:
        return make()
    except errors.ConfigError as exc:
        sys.stderr.write(f"{exc}\n")
        raise SystemExit(pulse.EX_CONFIG) from exc
