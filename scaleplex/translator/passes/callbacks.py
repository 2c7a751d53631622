"""Point callbacks at the relay.

Plex names its own loopback address, which means another host on a worker. The relay adds the token, so no URL here
ever carries one.
"""

from __future__ import annotations

from dataclasses import replace

from scaleplex.ffmpeg.argv import Command, Option
from scaleplex.translator.plan import Context

_LISTED = ("manifest_name", "segment_list")


def callbacks(command: Command, context: Context) -> Command:
    """Rewrite the URLs manifests are sent to; drop them where there is no relay; drop the progress URL always.

    Progress is the worker's own business: it reads ffmpeg's and reports it.
    """
    base, labels = context.site.callback_base, context.labels

    def change(option: Option) -> Option | None:
        if option.key == "progressurl":
            labels.add("drop", option.flag)
            return None
        if option.key not in _LISTED or option.value is None or "://" not in option.value:
            return option
        if base is not None and _below(option.value, base):
            return option
        path = loopback_path(option.value)
        if base is None or path is None:
            labels.add("drop", option.flag)
            return None
        labels.add("callback", option.flag)
        return replace(option, value=base.rstrip("/") + _without_token(path))

    return command.map_options(change)


def _below(url: str, base: str) -> bool:
    return url.startswith(base.rstrip("/") + "/")


def loopback_path(url: str) -> str | None:
    """Return path and query of a URL on this host's loopback address, None for any other."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    if scheme not in ("http", "https"):
        return None
    host = authority[1:].partition("]")[0] if authority.startswith("[") else authority.partition(":")[0]
    parts = host.split(".")
    loopback = host in ("localhost", "::1") or (
        len(parts) == 4 and parts[0] == "127" and all(part.isascii() and part.isdigit() for part in parts)
    )
    return slash + path if loopback else None


def _without_token(path: str) -> str:
    where, question, query = path.partition("?")
    kept = [item for item in query.split("&") if not item.startswith("X-Plex-Token=")]
    return where + question + "&".join(kept) if query else path
