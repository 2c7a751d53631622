"""Subtitles: what only served a burn goes when nothing is burnt; paths of the Plex host go always."""

from __future__ import annotations

from dataclasses import replace

from scaleplex.ffmpeg import filtergraph
from scaleplex.ffmpeg.argv import Command, File, Option
from scaleplex.ffmpeg.filtergraph import Filter, Filtergraph
from scaleplex.translator.plan import Context

_HOST_PATHS = ("font_path", "fontconfig_file")


def font_paths(command: Command, context: Context) -> Command:
    """Take the Plex host's paths out of every inlineass filter; styling stays."""

    def strip(found: Filter) -> Filter:
        if found.name != "inlineass":
            return found
        for key in _HOST_PATHS:
            if found.get(key) is not None:
                context.labels.add("filter", f"inlineass:{key}->none")
        return found.without(*_HOST_PATHS)

    def change(option: Option) -> Option:
        if option.key != "filter_complex" or option.value is None or "inlineass" not in option.value:
            return option
        graph = filtergraph.parse(option.value)
        stripped = Filtergraph(tuple(tuple(strip(found) for found in chain) for chain in graph.chains))
        return replace(option, value=filtergraph.emit(stripped))

    return command.map_options(change)


def null_sink(command: Command, context: Context) -> Command:
    """Remove the output that makes a burnt subtitle decode, when nothing is burnt."""
    if context.facts.subtitle.mode.startswith("burn-"):
        return command
    files: list[File] = []
    for place, file in enumerate(command.files):
        sink = not file.is_input and file.get("f") == "null" and file.has("map") and place > 0
        if sink and any(not earlier.is_input for earlier in files):
            context.labels.add("output", "null")
        else:
            files.append(file)
    command = Command(tuple(files), command.trailing)

    def change(option: Option) -> Option | None:
        if option.key != "map_inlineass":
            return option
        context.labels.add("drop", option.flag)
        return None

    return command.map_options(change)
