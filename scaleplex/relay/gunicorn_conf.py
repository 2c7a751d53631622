"""gunicorn's settings of the relay: ``gunicorn --config python:scaleplex.relay.gunicorn_conf``."""

import os

from scaleplex.common.config import load, load_secret
from scaleplex.common.service import gunicorn_settings
from scaleplex.relay.config import PREFIX, RelayConfig

_config = load(RelayConfig, PREFIX, os.environ)
globals().update(
    gunicorn_settings(bind=_config.bind, secret=load_secret(os.environ, PREFIX), threads=_config.threads),
    limit_request_line=8190,  # a log line of 2 KiB, escaped
    limit_request_fields=32,
    limit_request_field_size=2048,
)
