"""HTTP to decisions and back."""

import ipaddress
import json
import re
import time
from collections.abc import Callable, Iterator

import falcon

from scaleplex.common.auth import canonical_host
from scaleplex.common.config import url as parse_url
from scaleplex.common.errors import BadField, NotFound, ScaleplexError
from scaleplex.common.log import Log
from scaleplex.common.service import json_body
from scaleplex.orchestrator import page
from scaleplex.orchestrator.discovery import Discovery
from scaleplex.orchestrator.fleet import Fleet
from scaleplex.orchestrator.meters import Meters
from scaleplex.orchestrator.supersede import Superseder
from scaleplex.protocol.messages import PlacementRequest, Registration

# How long a placement waits for the first look at the fleet after a start; the shim gives an orchestrator 250 ms to
# accept a connection and longer to answer.
FIRST_ROUND_SECONDS = 0.3
ID = re.compile(r"[A-Za-z0-9._~-]{1,128}", re.ASCII)
KINDS = ("video", "subtitle")
TTL_SECONDS_MAX = 300


class AfterSending:
    """A body that runs something once the server has sent it: the server closes it then (PEP 3333)."""

    def __init__(self, body: bytes, then: Callable[[], None]) -> None:
        self.whole = body  # what the answer's signature covers
        self._then = then

    def __iter__(self) -> Iterator[bytes]:
        yield self.whole

    def close(self) -> None:
        self._then()


class Placements:
    """``POST /placement``: a worker for a job, without waiting for anybody."""

    def __init__(self, fleet: Fleet, discovery: Discovery, superseder: Superseder, meters: Meters, log: Log) -> None:
        self._fleet = fleet
        self._discovery = discovery
        self._superseder = superseder
        self._meters = meters
        self._log = log

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        request = PlacementRequest.from_json(json_body(req))
        _check(request)
        self._discovery.wait_first_round(FIRST_ROUND_SECONDS)
        started_s = time.perf_counter()
        try:
            placed = self._fleet.place(request)
        except ScaleplexError as exc:
            self._meters.placements.add(outcome=exc.code)
            self._log.info("job not placed", **_story(request), outcome=exc.code, detail=exc.detail)
            raise
        finally:
            self._meters.placement_seconds.observe(time.perf_counter() - started_s)
        self._meters.placements.add(outcome="placed")
        chosen = placed.placement
        self._log.info(
            "job placed", **_story(request), worker=chosen.worker, backend=chosen.backend, reason=chosen.reason
        )
        body = json.dumps(placed.placement.to_json()).encode()
        # The older job must not end before the newer one has a worker.
        resp.stream = AfterSending(body, lambda: self._superseder.end(placed.superseded, request.job))
        resp.content_length = len(body)
        resp.content_type = falcon.MEDIA_JSON


class Registrations:
    """``POST /register``: a worker says that it is there."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        registration = Registration.from_json(json_body(req))
        try:
            url = parse_url(registration.url)
        except ValueError as exc:
            raise BadField(f"The field 'url' is {registration.url[:100]!r}.", f"It must be {exc}.") from exc
        if not 1 <= registration.ttl_seconds <= TTL_SECONDS_MAX:
            raise BadField(
                f"The field 'ttl_seconds' is {registration.ttl_seconds}.", f"It must be 1 to {TTL_SECONDS_MAX}."
            )
        self._fleet.register(url, registration.capability, registration.ttl_seconds)
        resp.status = falcon.HTTP_204


class Workers:
    """``GET /workers``: the fleet as JSON."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        workers = []
        for view in self._fleet.views():
            worker: dict[str, object] = {
                "url": view.url,
                "source": view.source,
                "state": view.state,
                "age_seconds": view.age_seconds,
                "pending": view.pending,
            }
            if view.capability is not None:
                worker["capability"] = view.capability.to_json()
            if view.problem is not None:
                worker["problem"] = view.problem
            workers.append(worker)
        resp.media = {"workers": workers}


class Sessions:
    """``GET /sessions``: every job known to run or to be about to."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {
            "sessions": [
                {
                    "session": job.session,
                    "job": job.job,
                    "kind": job.kind,
                    "attempt": job.attempt,
                    "worker": job.worker,
                    "pending": job.pending,
                }
                for job in self._fleet.jobs()
            ]
        }


class Page:
    """``GET /``: the fleet for a browser, which cannot sign; it shows no path, no title and no whole id."""

    unsigned = True

    def __init__(self, fleet: Fleet, audience: str) -> None:
        """Remember who may look.

        Args:
            audience: ``open``, ``loopback`` or ``off``.
        """
        self._fleet = fleet
        self._audience = audience

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        if not self._may_see(req.remote_addr):
            raise NotFound(
                "The fleet page is not shown here.", "See SCALEPLEX_ORCHESTRATOR_PAGE, or use `scaleplex status`."
            )
        resp.content_type = falcon.MEDIA_HTML
        resp.set_headers(
            {
                "Cache-Control": "no-store",
                "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
                "X-Content-Type-Options": "nosniff",
            }
        )
        resp.text = page.render(self._fleet.views(), self._fleet.jobs())

    def _may_see(self, peer: str) -> bool:
        if self._audience == "loopback":
            try:
                return ipaddress.ip_address(canonical_host(peer).strip("[]")).is_loopback
            except ValueError:
                return False
        return self._audience == "open"


def _check(request: PlacementRequest) -> None:
    """Refuse ids that would not survive a URL or a ticket.

    Raises:
        BadField: one of the fields has a value no shim sends.
    """
    for name, value in (("session", request.session), ("job", request.job)):
        if not ID.fullmatch(value) or value in (".", ".."):
            raise BadField(f"The field {name!r} is {value[:140]!r}.", "It must be 1 to 128 of A-Z a-z 0-9 . _ ~ -.")
    if request.attempt < 1:
        raise BadField(f"The field 'attempt' is {request.attempt}.", "It must be 1 or more.")
    if request.kind not in KINDS:
        raise BadField(f"The field 'kind' is {request.kind[:40]!r}.", f"It must be one of {', '.join(KINDS)}.")


def _story(request: PlacementRequest) -> dict[str, object]:
    """Return what a journal line says of a job; its ids were checked."""
    return {"session": request.session, "job": request.job, "attempt": request.attempt, "kind": request.kind}
