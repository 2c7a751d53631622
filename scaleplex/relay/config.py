"""Settings of the relay."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from scaleplex.common.config import absolute_path, bind_address, positive_int, seconds, setting, url, url_list

PREFIX = "SCALEPLEX_RELAY_"


def loopback_url(text: str) -> str:
    """Parse the URL of PMS; it must be on this host, since PMS answers callbacks from loopback only."""
    value = url(text)
    parts = urlsplit(value)
    try:
        loopback = parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        loopback = False
    if not loopback or parts.username is not None:
        raise ValueError("an http URL on a loopback address, such as http://127.0.0.1:32400")
    return value


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """Everything the relay reads from /etc/scaleplex/relay.env, under SCALEPLEX_RELAY_."""

    bind: str = setting(bind_address, default="127.0.0.1:32482", help="address and port workers call")
    plex_url: str = setting(loopback_url, default="http://127.0.0.1:32400", help="Plex Media Server on this host")
    runtime_dir: Path = setting(
        absolute_path, default="/run/scaleplex", help="where the shim leaves job files and events"
    )
    state_dir: Path = setting(
        absolute_path, default="/var/lib/scaleplex-relay", help="where fallbacks are kept over a restart of the host"
    )
    visible_seconds: float = setting(
        seconds, default="2", help="how long a manifest is held back until its files can be opened on this host"
    )
    upstream_seconds: float = setting(
        seconds,
        default="30",
        help="how long Plex Media Server may take to answer one callback",
    )
    log_lines_per_second: int = setting(
        positive_int, default="20", help="transcoder log lines forwarded per job and second; more are dropped"
    )
    sweep_seconds: float = setting(
        seconds, default="2", help="pause between looks at the runtime directory for ended jobs and new events"
    )
    urls: tuple[str, ...] = setting(
        url_list,
        default="",
        help="URLs under which this relay is called by name, comma-separated; its addresses need not be named",
    )
    threads: int = setting(positive_int, default="64", help="callbacks handled at the same time")
