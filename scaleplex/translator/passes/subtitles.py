"""Subtitles: a burn has its stream bound, what only served another one goes, paths of the Plex host go always."""

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


def burn(command: Command, context: Context) -> Command:
    """Bind the streams the graph draws, and remove the outputs and bindings nothing needs any more.

    The null sink makes Plex's transcoder decode an embedded subtitle; ours decodes what is bound. For a staged file it
    stays, since nothing else may read that.
    """
    binds = _binds(context)
    files: list[File] = []
    for file in command.files:
        sink = not file.is_input and file.get("f") == "null" and file.has("map")
        if sink and any(not earlier.is_input for earlier in files) and not _needed(file, binds):
            context.labels.add("output", "null")
        else:
            files.append(file)
    command = Command(tuple(files), command.trailing)
    if tuple(o.value for o in command.options() if o.key == "map_inlineass") == binds:
        return command

    def change(option: Option) -> Option | None:
        if option.key != "map_inlineass":
            return option
        if option.value not in binds:
            context.labels.add("drop", option.flag)
        return None

    new = tuple(Option("map_inlineass", None, pad) for pad in binds)
    for option in new:
        context.labels.add("set", f"{option.flag}={option.value}")
    return command.map_options(change).map_outputs(
        lambda number, file: replace(file, options=(*new, *file.options)) if number == 0 else file
    )


def _binds(context: Context) -> tuple[str, ...]:
    plan, subtitle = context.plan, context.facts.subtitle
    if plan is not None:
        return plan.video.binds if plan.video is not None else ()
    return subtitle.pads if subtitle.mode == "burn-text" else ()


def _needed(sink: File, binds: tuple[str, ...]) -> bool:
    """Return whether a null sink is the only reader of a staged file that is drawn."""
    target = sink.get("map") or ""
    return target in binds and not target.startswith("0")
