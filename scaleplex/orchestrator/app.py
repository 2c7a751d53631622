"""The orchestrator: knows the workers and places each job; no stream passes through it, so it may restart any time."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import falcon

from scaleplex.common.config import load, load_secret
from scaleplex.common.log import Log, Secret, open_log
from scaleplex.common.metrics import Metrics
from scaleplex.common.service import make_app
from scaleplex.orchestrator.config import PREFIX, OrchestratorConfig
from scaleplex.orchestrator.discovery import Discovery
from scaleplex.orchestrator.fleet import Fleet
from scaleplex.orchestrator.meters import Meters
from scaleplex.orchestrator.registry import Registry
from scaleplex.orchestrator.resources import Page, Placements, Registrations, Sessions, Workers
from scaleplex.orchestrator.supersede import Superseder
from scaleplex.protocol.signing import Verifier


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """The app and the background threads that belong to it."""

    app: falcon.App[falcon.Request, falcon.Response]
    discovery: Discovery
    superseder: Superseder

    def stop(self) -> None:
        """End the threads."""
        self.discovery.stop()
        self.superseder.stop()


def create(environ: Mapping[str, str] = os.environ) -> falcon.App[falcon.Request, falcon.Response]:
    """Return the app with its background threads running; what gunicorn calls."""
    config = load(OrchestratorConfig, PREFIX, environ)
    log = open_log("orchestrator", environ)
    orchestrator = build(config, load_secret(environ, PREFIX), log)
    orchestrator.discovery.start()
    log.info("orchestrator ready", bind=config.bind, workers=len(config.workers_list), names=len(config.workers_dns))
    return orchestrator.app


def build(config: OrchestratorConfig, secret: Secret | None, log: Log) -> Orchestrator:
    """Return the app and its threads, not yet started."""
    metrics = Metrics()
    meters = Meters(metrics)
    fleet = Fleet(Registry(config.stale_seconds), secret)
    meters.watch(fleet.views)
    discovery = Discovery(
        fleet=fleet,
        secret=secret,
        workers_list=config.workers_list,
        workers_dns=config.workers_dns,
        poll_seconds=config.poll_seconds,
        dns_seconds=config.dns_seconds,
        log=log,
        meters=meters,
    )
    superseder = Superseder(secret, log, meters)

    def why_not_ready() -> str | None:
        if not discovery.wait_first_round(0):
            return "the workers have not been asked yet"
        if not any(view.state == "ready" and view.problem is None for view in fleet.views()):
            return "no worker is ready; `scaleplex status` shows why"
        return None

    verify = Verifier(secret.reveal(), config.urls, setting=PREFIX + "URLS") if secret is not None else None
    app = make_app(log=log, metrics=metrics, verify=verify, why_not_ready=why_not_ready, why_not_started=lambda: None)
    app.add_route("/placement", Placements(fleet, discovery, superseder, meters, log))
    app.add_route("/register", Registrations(fleet))
    app.add_route("/workers", Workers(fleet))
    app.add_route("/sessions", Sessions(fleet))
    app.add_route("/", Page(fleet, config.page))
    return Orchestrator(app, discovery, superseder)
