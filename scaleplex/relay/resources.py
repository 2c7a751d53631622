"""HTTP to callbacks and back."""

from collections.abc import Callable

import falcon

from scaleplex.common import auth
from scaleplex.common.auth import Verify, request_target
from scaleplex.common.errors import EpochWanted, Gone, NotFound, ScaleplexError
from scaleplex.common.log import Log
from scaleplex.relay import callbacks
from scaleplex.relay.callbacks import Callback, CallbackRefused
from scaleplex.relay.forward import Forwarder
from scaleplex.relay.limits import Budget
from scaleplex.relay.meters import Meters
from scaleplex.relay.tickets import Tickets
from scaleplex.relay.upstream import Reply

# On the progress request a worker sends when ffmpeg has ended.
LAST_HEADER = "X-Scaleplex-Last"
REFUSALS_LOGGED_PER_SECOND = 1.0


class Callbacks:
    """``/cb/...``: what workers and their ffmpeg tell PMS.

    ``unsigned`` keeps the common gate away: ffmpeg cannot sign, so its manifests carry their signature in the path
    alone. Everything a worker sends itself is signed as well, which is checked here.
    """

    unsigned = True

    def __init__(
        self,
        *,
        verify: Verify | None,
        tickets: Tickets,
        forwarder: Forwarder,
        log: Log,
        meters: Meters,
        clock: Callable[[], float],
    ) -> None:
        self._verify = verify
        self._tickets = tickets
        self._forwarder = forwarder
        self._log = log
        self._meters = meters
        self._clock = clock
        self._refusals = Budget(REFUSALS_LOGGED_PER_SECOND)

    def on_put(self, req: falcon.Request, resp: falcon.Response, rest: str) -> None:
        self._handle(req, resp)

    def on_post(self, req: falcon.Request, resp: falcon.Response, rest: str) -> None:
        self._handle(req, resp)

    def on_get(self, req: falcon.Request, resp: falcon.Response, rest: str) -> None:
        self._handle(req, resp)  # refused like every method PMS does not expect, counted and logged alike

    on_head = on_delete = on_patch = on_options = on_get

    def _handle(self, req: falcon.Request, resp: falcon.Response) -> None:
        kind = "unknown"
        try:
            callback = callbacks.parse(req.method, request_target(req))
            kind = callback.kind
            self._check_sender(req, callback)
            ticket = self._tickets.check(callback)
        except ScaleplexError as exc:
            self._note_refusal(req, kind, exc)
            raise
        try:
            last = req.get_header(LAST_HEADER) == "1"
            reply = self._forwarder.forward(callback, ticket, req.context.body, last=last)
        except CallbackRefused as exc:
            self._note_refusal(req, kind, exc)
            raise
        _answer(resp, reply)

    def _check_sender(self, req: falcon.Request, callback: Callback) -> None:
        if callback.kind != "manifest" and self._verify is not None:
            auth.check(self._verify, req, req.context.body)

    def _note_refusal(self, req: falcon.Request, kind: str, exc: ScaleplexError) -> None:
        if isinstance(exc, EpochWanted):
            return  # the first request of each worker after a start; it is sent again at once
        gone = isinstance(exc, Gone)
        self._meters.callbacks.add(kind=kind, outcome="gone" if gone else "refused")
        # Late callbacks of a job that has just ended are normal; the path may hold a signature and is not logged.
        if not gone and self._refusals.spend(self._clock()):
            self._log.warning(
                "callback refused",
                peer=req.remote_addr,
                method=req.method,
                kind=kind,
                error=exc.code,
                detail=exc.detail,
            )


class NothingElse:
    """Any other path: this is no way to PMS."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters

    def __call__(self, req: falcon.Request, resp: falcon.Response, **_: str) -> None:
        self._meters.callbacks.add(kind="unknown", outcome="refused")
        raise NotFound(
            f"{req.method} on a path that is no callback.", "The relay forwards transcode callbacks and nothing else."
        )


class Errors:
    """Errors as JSON, like every service's; but paths hold signatures here: they are neither logged nor repeated."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def known(self, req: falcon.Request, resp: falcon.Response, exc: ScaleplexError, params: object) -> None:
        """Answer an error that says what it is."""
        resp.status = falcon.code_to_http_status(exc.status)
        resp.media = exc.to_json()

    def unknown(self, req: falcon.Request, resp: falcon.Response, exc: Exception, params: object) -> None:
        """Answer what nobody expected; ffmpeg being killed while it sends a manifest is not that."""
        if isinstance(exc, OSError) and not hasattr(req.context, "body"):
            resp.status = falcon.HTTP_400
            resp.media = {
                "error": "bad-request",
                "detail": "The body ended before its end.",
                "hint": "Nothing to do if its sender was killed.",
            }
            return
        self._log.bug("request failed", exc, method=req.method)
        resp.status = falcon.HTTP_500
        resp.media = {
            "error": "internal",
            "detail": f"{req.method} met an error of ours.",
            "hint": "The traceback is in the journal of the relay; please report it.",
        }


def _answer(resp: falcon.Response, reply: Reply) -> None:
    resp.status = falcon.code_to_http_status(reply.status)
    if reply.status == 204:
        return
    resp.content_type = reply.content_type or "text/plain"
    resp.data = reply.body
