"""gunicorn's settings for the worker.

    gunicorn -c python:scaleplex.worker.gunicorn_conf 'scaleplex.worker.app:create()'

SIGTERM drains. gunicorn's own graceful stop only waits for streams to end, and a film lasts two hours; so its worker's
handler is preceded by one that ends every stream with ``retry``, which takes a moment, and the wait is short.
"""

import os
import signal
from typing import Any

from scaleplex.common.config import load, load_secret
from scaleplex.common.service import gunicorn_settings, settings_or_exit
from scaleplex.worker.config import PREFIX, WorkerConfig


def _settings() -> dict[str, object]:
    config = load(WorkerConfig, PREFIX, os.environ)
    config.check()
    secret = load_secret(os.environ, PREFIX)
    return {
        **gunicorn_settings(bind=config.bind, secret=secret, threads=config.threads),
        "proc_name": "scaleplex-worker",
    }


globals().update(settings_or_exit(_settings))


def post_worker_init(worker: Any) -> None:
    """Put the drain in front of gunicorn's own handler of SIGTERM."""
    service = worker.app.callable
    before = signal.getsignal(signal.SIGTERM)

    def drain_then_stop(number: int, frame: Any) -> None:
        service.drain_for_exit()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, drain_then_stop)
