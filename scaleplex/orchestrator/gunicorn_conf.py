"""gunicorn's settings of the orchestrator: ``gunicorn --config python:scaleplex.orchestrator.gunicorn_conf``."""

import os

from scaleplex.common.config import load, load_secret
from scaleplex.common.service import gunicorn_settings, settings_or_exit
from scaleplex.orchestrator.config import PREFIX, OrchestratorConfig


def _settings() -> dict[str, object]:
    config = load(OrchestratorConfig, PREFIX, os.environ)
    return gunicorn_settings(bind=config.bind, secret=load_secret(os.environ, PREFIX), threads=config.threads)


globals().update(settings_or_exit(_settings))
