"""Remove Plex's private options that say nothing to a worker, and let ffmpeg's errors be heard."""

from __future__ import annotations

from dataclasses import replace

from scaleplex.ffmpeg.argv import Command, Option
from scaleplex.translator.plan import Context

#: Our ffmpeg accepts and ignores these; they go so that the command runs elsewhere too.
_NOISE = frozenset({"loglevel_plex", "eae_prefix", "hwaccel_fallback_threshold", "strict_ts", "xioerror"})

#: Levels below which a failing ffmpeg says nothing.
_SILENT = frozenset({"quiet", "panic", "fatal", "error", "-8", "0", "8", "16"})


def private_options(command: Command, context: Context) -> Command:
    """Drop private options; raise a silent `-loglevel` to errors, each line with its level in front."""
    labels = context.labels

    def change(option: Option) -> Option | None:
        if option.key in _NOISE:
            labels.add("drop", option.flag)
            return None
        if option.key == "loglevel" and option.value in _SILENT:
            labels.add("set", "-loglevel=repeat+level+error")
            return replace(option, value="repeat+level+error")
        return option

    return command.map_options(change)
