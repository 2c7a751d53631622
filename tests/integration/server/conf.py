"""gunicorn's settings of the small service."""

import os

from scaleplex.common.errors import ConfigError
from scaleplex.common.service import gunicorn_settings, settings_or_exit
from tests.integration.server.app import THREADS


def _settings() -> dict[str, object]:
    if os.environ.get("CONF_WITHOUT_SETTINGS"):
        raise ConfigError(["CONF_SETTING is not set"])
    return {
        **gunicorn_settings(bind="127.0.0.1:0", secret=None, threads=THREADS),
        "worker_class": "tests.integration.server.app.Hasty",
    }


globals().update(settings_or_exit(_settings))
