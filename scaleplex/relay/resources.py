"""HTTP to callbacks and back."""

from collections.abc import Callable, Mapping

import falcon

from scaleplex.common import auth
from scaleplex.common.auth import Verify, request_target
from scaleplex.common.errors import Busy, EpochWanted, Gone, NotFound, ScaleplexError, TooLarge, UpstreamError
from scaleplex.common.log import Log
from scaleplex.relay import callbacks
from scaleplex.relay.forward import Forwarder
from scaleplex.relay.limits import Budget
from scaleplex.relay.meters import Meters
from scaleplex.relay.tickets import Tickets
from scaleplex.relay.upstream import Reply

REFUSALS_LOGGED_PER_SECOND = 1.0


class Callbacks:
    """``/cb/...``: what workers tell PMS.

    ``unsigned`` keeps the common gate away, not the signature: everything is signed, and checked here, so that refusals
    are counted and logged by kind. ``admit`` judges a head before the server takes in the body behind it.
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
            self._tickets.check_signature(callback)
            if self._verify is not None:
                auth.check(self._verify, req, req.context.body)
            reply = self._forwarder.forward(callback, self._tickets.check(callback), req.context.body)
        except UpstreamError:
            raise
        except ScaleplexError as exc:
            self._note_refusal(req.method, kind, exc, req.remote_addr)
            raise
        _answer(resp, reply)

    def admit(self, method: str, target: str, headers: Mapping[str, str]) -> None:
        """Refuse a request by its head, before its body is taken in: a body is memory for whoever reaches this port.

        Called in the server's loop, so it looks at no disk.

        Args:
            headers: by their names in upper case.

        Raises:
            ScaleplexError: no worker would send this.
        """
        kind = "unknown"
        try:
            callback = callbacks.parse(method, target)
            kind = callback.kind
            self._tickets.check_signature(callback)
            if self._verify is not None:
                self._verify.glance(headers.get(auth.AUTH_HEADER.upper()))
            if kind != "manifest":
                raise TooLarge(f"A {kind} callback has no body.", "Look at who sent it; no worker does.")
        except ScaleplexError as exc:
            self._note_refusal(method, kind, exc, None)
            raise

    def _note_refusal(self, method: str, kind: str, exc: ScaleplexError, peer: str | None) -> None:
        if isinstance(exc, EpochWanted):
            return  # the first request of each worker after a start; it is sent again at once
        expected = "gone" if isinstance(exc, Gone) else "busy" if isinstance(exc, Busy) else ""
        self._meters.callbacks.add(kind=kind, outcome=expected or "refused")
        # Late callbacks of a job that has just ended are normal; the path may hold a signature and is not logged.
        if not expected and self._refusals.spend(self._clock()):
            self._log.warning(
                "callback refused",
                peer=peer or "",
                method=method,
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
        """Answer what nobody expected."""
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
