"""gunicorn's settings of the stand-in: one process (sessions live in memory), many threads (requests are held)."""

import os

from scaleplex.demo.pms.config import load_config

_config = load_config(os.environ)
bind = [_config.bind]
workers = 1
worker_class = "gthread"
threads = _config.threads
timeout = 0  # a held request is normal
graceful_timeout = 1
keepalive = 75
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "warning"


def worker_exit(server: object, worker: object) -> None:
    """End the transcoders when the server ends, as systemd does for PMS's control group."""
    from scaleplex.demo.pms import app

    app.close()
