"""gunicorn's settings of the orchestrator: ``gunicorn --config python:scaleplex.orchestrator.gunicorn_conf``."""

import os

from scaleplex.common.config import load, load_secret
from scaleplex.common.service import gunicorn_settings
from scaleplex.orchestrator.config import PREFIX, OrchestratorConfig

_config = load(OrchestratorConfig, PREFIX, os.environ)
globals().update(gunicorn_settings(bind=_config.bind, secret=load_secret(os.environ, PREFIX), threads=_config.threads))
