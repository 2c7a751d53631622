"""The environment ffmpeg gets: language and time zone, nothing of the Plex host."""

from __future__ import annotations

from collections.abc import Mapping

from scaleplex.translator.labels import Labels

_ALLOWED = frozenset({"LANG", "TZ"})


def environment(env: Mapping[str, str], labels: Labels) -> dict[str, str]:
    """Return the allowed variables; how many were withheld goes into a label, their names and values do not."""
    kept = {name: value for name, value in env.items() if name in _ALLOWED or name.startswith("LC_")}
    if len(kept) < len(env):
        labels.add("env", str(len(env) - len(kept)))
    return kept
