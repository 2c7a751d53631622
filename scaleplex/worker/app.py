"""The worker as a WSGI app: parts are made here and handed to each other, and nothing starts on import."""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from scaleplex.common.config import load, load_secret
from scaleplex.common.errors import ConfigError
from scaleplex.common.log import Log, Secret, open_log
from scaleplex.common.service import ServiceApp, make_app
from scaleplex.protocol import wire
from scaleplex.protocol.signing import Verifier
from scaleplex.worker import doctor, giveup, resources
from scaleplex.worker.capability import CapabilitySource
from scaleplex.worker.capture import Capture
from scaleplex.worker.config import PREFIX, WorkerConfig
from scaleplex.worker.confine import Launcher
from scaleplex.worker.equipment import Equipment
from scaleplex.worker.leftovers import PidFiles
from scaleplex.worker.listener import Listener
from scaleplex.worker.metrics import WorkerMetrics
from scaleplex.worker.policy import Site
from scaleplex.worker.prepare import Preparer
from scaleplex.worker.probe import Prober
from scaleplex.worker.registration import Registrar
from scaleplex.worker.relay_client import RelayClient, Transport
from scaleplex.worker.runner import Runner
from scaleplex.worker.storage import Storage
from scaleplex.worker.supervisor import Supervisor
from scaleplex.worker.warmup import WarmUp

App = ServiceApp


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker's parts, for whoever has to reach them besides HTTP: signals and tests."""

    app: App
    supervisor: Supervisor
    warm_up: WarmUp
    registrar: Registrar
    listener: Listener
    storage: Storage


def build(
    config: WorkerConfig, secret: Secret | None, log: Log, transport: Callable[[], Transport] | None = None
) -> Worker:
    """Return a worker made of parts; nothing runs yet.

    Args:
        transport: makes a connection to the relay; None for the real one.

    Raises:
        ConfigError: the state directory cannot be used.
        OSError: no port on loopback is free.
    """
    metrics = WorkerMetrics()
    pid_files = _pid_files(config, metrics, log)
    warm_up = WarmUp(config, lambda problem: log.warning("not ready", detail=problem), partial(_log_equipment, log))
    storage = Storage(config.transcode_root, on_change=partial(_log_storage, log, config))
    supervisor = Supervisor(
        max_sessions=config.max_sessions,
        why_not_ready=lambda: storage.problem or warm_up.problem,
        log=log,
        metrics=metrics,
    )
    launcher = Launcher.beside(config.ffmpeg)
    _log_box(log, launcher)
    prober = Prober(config.ffprobe, launcher)
    listener = Listener()
    runner = Runner(
        config=config,
        equipment=lambda: warm_up.equipment,
        preparer=Preparer(
            config,
            equipment=lambda: warm_up.equipment,
            prober=prober,
            site=_site(config),
            announce_at=listener.base,
            gave_up=partial(giveup.report, metrics, log),
            storage=storage,
        ),
        prober=prober,
        supervisor=supervisor,
        pid_files=pid_files,
        metrics=metrics,
        transport=transport or (lambda: RelayClient(secret)),
        listener=listener,
        log=log,
        capture=Capture.of(config, lambda why: log.warning("command line not captured", detail=why)),
        storage=storage,
        launcher=launcher,
    )
    capability = CapabilitySource(config.name, config.max_sessions, supervisor, warm_up)

    def why_not_ready() -> str | None:
        return "The worker is draining." if supervisor.state == "draining" else storage.problem or warm_up.problem

    app = make_app(
        log=log,
        metrics=metrics.all,
        verify=Verifier(secret.reveal(), config.own_urls, setting=PREFIX + "URLS") if secret else None,
        why_not_ready=why_not_ready,
        body_max_bytes=wire.TASK_MAX_BYTES,
    )
    add_routes(app, runner, supervisor, capability, secret)
    doctor.add_routes(app, config, secret, launcher)
    registrar = Registrar(config.orchestrators, config.advertise_url, capability, secret, log)
    return Worker(app, supervisor, warm_up, registrar, listener, storage)


def _pid_files(config: WorkerConfig, metrics: WorkerMetrics, log: Log) -> PidFiles:
    """Return the notes on running processes, after those of an earlier life have been ended.

    Raises:
        ConfigError: the state directory cannot be used.
    """
    try:
        pid_files = PidFiles.below(config.state_dir)
        config.home.mkdir(exist_ok=True)
    except OSError as exc:
        raise ConfigError([f"{PREFIX}STATE_DIR={config.state_dir} cannot be used: {exc}"]) from exc
    for cwd in pid_files.clear():
        metrics.leftovers.add()
        log.warning("ended a process of an earlier life", cwd=cwd)
    return pid_files


def _site(config: WorkerConfig) -> Site:
    """Return what the policy has to know of this host."""
    return Site(
        transcode_root=os.path.realpath(config.transcode_root),
        media_roots=tuple(os.path.realpath(root) for root in config.media_roots),
        plex_port=config.plex_port,
    )


def _log_storage(log: Log, config: WorkerConfig, problem: str | None) -> None:
    if problem is None:
        log.info("the transcode directory answers again", path=config.transcode_root)
    else:
        log.warning("the transcode directory hangs", detail=problem)


def _log_equipment(log: Log, found: Equipment) -> None:
    """Say once what tasks will run on, and why not on something better."""
    hardware = found.hardware
    log.info(
        "equipment found",
        backend=found.backend,
        device=hardware.device,
        driver=hardware.driver,
        decoders=" ".join(sorted(hardware.decoders or ())),
        encoders=" ".join(sorted(hardware.encoders or ())),
        tonemap=hardware.tonemap,
        burn=found.burn,
        against="; ".join(found.against),
    )


def _log_box(log: Log, launcher: Launcher) -> None:
    """Say once whether what reads films is confined."""
    if launcher.missing is None:
        log.info("ffmpeg is confined", landlock=launcher.version)
    else:
        log.warning("ffmpeg is not confined", detail=launcher.missing)


def add_routes(
    app: App, runner: Runner, supervisor: Supervisor, capability: CapabilitySource, secret: Secret | None
) -> None:
    """Add what docs/reference/protocol lists for the worker."""
    app.add_route("/task", resources.NewTask(runner, secret))
    app.add_route("/tasks", resources.TaskList(supervisor))
    app.add_route("/task/{job}", resources.OneTask(supervisor))
    app.add_route("/task/{job}/kill", resources.Kill(supervisor))
    app.add_route("/capability", resources.CapabilityResource(capability))
    app.add_route("/drain", resources.Drain(supervisor, capability))
    app.add_route("/undrain", resources.Undrain(supervisor, capability))


class Service:
    """The WSGI callable gunicorn holds; ``drain_for_exit`` is what its SIGTERM hook calls."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.admit = worker.app.admit
        self.body_max_bytes = worker.app.body_max_bytes
        self.why_not_started = worker.app.why_not_started

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        return self._worker.app(environ, start_response)

    def drain_for_exit(self) -> None:
        """End the running streams so that their shims go on elsewhere; returns at once (called by a signal handler)."""
        self._worker.registrar.stop()
        self._worker.warm_up.stop()
        self._worker.storage.stop()
        threading.Thread(target=self._worker.supervisor.drain, kwargs={"end_running": True}, daemon=True).start()


def create(environ: Mapping[str, str] = os.environ) -> Service:
    """Return the running service, as gunicorn's configuration names it.

    Raises:
        ConfigError: the settings cannot work.
    """
    config = load(WorkerConfig, PREFIX, environ)
    config.check()
    log = open_log("worker", environ, map(str, config.media_roots))
    worker = build(config, load_secret(environ, PREFIX), log)
    worker.listener.start()
    if config.warm_up:
        worker.warm_up.start()
    else:
        worker.warm_up.problem = None
    worker.registrar.start()
    worker.storage.watch()
    log.info("worker started", bind=config.bind, worker=config.name, max_sessions=config.max_sessions)
    return Service(worker)
