"""The relay: lets workers reach PMS's transcode callbacks, which answer to loopback only, and nothing else."""

import os
import time
from collections.abc import Mapping

import falcon

from scaleplex.common.config import load, load_secret
from scaleplex.common.errors import ScaleplexError
from scaleplex.common.log import Log, Secret, open_log
from scaleplex.common.metrics import Metrics
from scaleplex.common.service import make_app
from scaleplex.protocol import manifests
from scaleplex.protocol.signing import Verifier
from scaleplex.relay.config import PREFIX, RelayConfig
from scaleplex.relay.events import EventFile
from scaleplex.relay.forward import Forwarder
from scaleplex.relay.history import History
from scaleplex.relay.housekeeping import Housekeeping
from scaleplex.relay.meters import Meters
from scaleplex.relay.resources import Callbacks, Errors, NothingElse
from scaleplex.relay.tickets import Tickets


def create(environ: Mapping[str, str] = os.environ) -> falcon.App[falcon.Request, falcon.Response]:
    """Return the app with its background thread running; what gunicorn calls."""
    config = load(RelayConfig, PREFIX, environ)
    log = open_log("relay", environ)
    app, housekeeping = build(config, load_secret(environ, PREFIX), log)
    housekeeping.start()
    log.info("relay ready", bind=config.bind, plex_url=config.plex_url, runtime_dir=config.runtime_dir)
    return app


def build(
    config: RelayConfig, secret: Secret | None, log: Log
) -> tuple[falcon.App[falcon.Request, falcon.Response], Housekeeping]:
    """Return the app and the thread that belongs to it, not yet started."""
    metrics = Metrics()
    meters = Meters(metrics)
    verify = Verifier(secret.reveal(), config.urls, setting=PREFIX + "URLS") if secret is not None else None
    tickets = Tickets(config.runtime_dir, secret)
    forwarder = Forwarder(
        plex_url=config.plex_url,
        upstream_seconds=config.upstream_seconds,
        visible_seconds=config.visible_seconds,
        log_lines_per_second=config.log_lines_per_second,
        threads=config.threads,
        log=log,
        meters=meters,
    )
    history = History(config.state_dir, lambda problem: log.warning("fallbacks cannot be kept", problem=problem))
    events = EventFile(
        config.runtime_dir, lambda event, reason: meters.events.add(event=event, reason=reason), history.keep
    )
    housekeeping = Housekeeping(
        tickets=tickets, forwarder=forwarder, events=events, meters=meters, log=log, pause_seconds=config.sweep_seconds
    )

    def why_not_ready() -> str | None:
        jobs_dir = config.runtime_dir / "jobs"
        if not os.access(jobs_dir, os.R_OK | os.X_OK):
            return f"{jobs_dir} cannot be read; systemd-tmpfiles makes it"
        return None

    resource = Callbacks(
        verify=verify, tickets=tickets, forwarder=forwarder, log=log, meters=meters, clock=time.monotonic
    )
    app = make_app(
        log=log,
        metrics=metrics,
        verify=verify,
        why_not_ready=why_not_ready,
        body_max_bytes=manifests.BODY_MAX_BYTES,
        admit_unsigned=resource.admit,
    )
    answers = Errors(log)
    app.add_error_handler(Exception, answers.unknown)
    app.add_error_handler(ScaleplexError, answers.known)
    app.add_route("/cb/{rest:path}", resource)
    app.add_sink(NothingElse(meters))
    return app, housekeeping
