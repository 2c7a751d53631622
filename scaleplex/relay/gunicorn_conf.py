"""gunicorn's settings of the relay: ``gunicorn --config python:scaleplex.relay.gunicorn_conf``."""

import os

from scaleplex.common.config import check_bind, load, load_secret
from scaleplex.common.service import gunicorn_settings, settings_or_exit
from scaleplex.relay.config import PREFIX, RelayConfig
from scaleplex.relay.sockets import inherited_addresses


def _settings() -> dict[str, object]:
    config = load(RelayConfig, PREFIX, os.environ)
    secret = load_secret(os.environ, PREFIX)
    for address in inherited_addresses(os.environ):
        check_bind(address, secret)
    return {
        **gunicorn_settings(bind=config.bind, secret=secret, threads=config.threads),
        "limit_request_line": 8190,  # a log line of 2 KiB, escaped
        "limit_request_fields": 32,
        "limit_request_field_size": 2048,
    }


globals().update(settings_or_exit(_settings))
