"""Settings of the orchestrator."""

from dataclasses import dataclass

from scaleplex.common.config import bind_address, choice, port, positive_int, seconds, setting, url_list

PREFIX = "SCALEPLEX_ORCHESTRATOR_"


def dns_list(text: str) -> tuple[tuple[str, int], ...]:
    """Parse ``name:port`` pairs separated by commas."""
    found = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, separator, number = part.rpartition(":")
        try:
            if not separator or not name or "/" in name:
                raise ValueError
            found.append((name, port(number)))
        except ValueError:
            raise ValueError("names with a port, such as workers.home.arpa:32481") from None
    return tuple(found)


@dataclass(frozen=True, slots=True)
class OrchestratorConfig:
    """Everything the orchestrator reads from /etc/scaleplex/orchestrator.env, under SCALEPLEX_ORCHESTRATOR_."""

    bind: str = setting(
        bind_address, default="127.0.0.1:32480", help="address and port shims, workers and browsers call"
    )
    workers_list: tuple[str, ...] = setting(url_list, default="", help="URLs of workers, separated by commas")
    workers_dns: tuple[tuple[str, int], ...] = setting(
        dns_list, default="", help="names with a port, separated by commas; every address of a name is a worker"
    )
    poll_seconds: float = setting(seconds, default="2", help="pause between two looks at a worker's capability")
    stale_seconds: float = setting(
        seconds, default="7", help="how long a worker that is not heard of is still believed"
    )
    dns_seconds: float = setting(seconds, default="10", help="pause between two look-ups of WORKERS_DNS")
    page: str = setting(
        choice("open", "loopback", "off"),
        default="open",
        help="who may see the fleet page in a browser: open, loopback or off",
    )
    urls: tuple[str, ...] = setting(
        url_list,
        default="",
        help="URLs under which this orchestrator is called by name, comma-separated; its addresses need not be named",
    )
    threads: int = setting(positive_int, default="16", help="requests handled at the same time")
