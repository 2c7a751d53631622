"""Write the planned video graph, and let the map follow its last label."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from scaleplex.ffmpeg import filtergraph
from scaleplex.ffmpeg.argv import Command, File, Option
from scaleplex.translator.facts.streams import graphs_of
from scaleplex.translator.plan import Context, Overlay


def video_graph(command: Command, context: Context) -> Command:
    """Replace the graph of the video stream; every other graph stays as it is."""
    plan, video = context.plan, context.facts.video
    if plan is None or plan.video is None or plan.video.chains is None or video is None or video.graph is None:
        return command
    others = [graph.parsed for graph in graphs_of(command) if graph.text != video.graph]
    taken = {label for graph in others for label in (*graph.produced(), *graph.consumed())}
    text, last = _write(plan.video.chains, video.pad or "0:0", plan.video.overlay, taken)
    if text == video.graph:
        return command
    labels, old = context.labels, video.label
    labels.add("graph", f"{','.join(video.filters)}->{','.join(_names(text))}")
    if plan.video.tonemap:
        labels.add("tonemap", f"{video.tonemap_filter}={video.tonemap}->{plan.video.tonemap}")
    if last != old:
        labels.add("map", f"[{old}]->[{last}]")

    def change(option: Option) -> Option:
        if option.key == "filter_complex" and option.value == video.graph:
            return replace(option, value=text)
        return option

    def follow(number: int, file: File) -> File:
        return replace(
            file,
            options=tuple(
                replace(o, value=f"[{last}]") if o.key == "map" and o.value == f"[{old}]" else o for o in file.options
            ),
        )

    return command.map_options(change).map_outputs(follow)


def _write(chains: tuple[str, ...], pad: str, overlay: Overlay | None, taken: set[str]) -> tuple[str, str]:
    """Return the graph with decimal labels no other graph has, and the last of them."""
    free = (label for label in map(str, count()) if label not in taken)
    written: list[str] = []

    def add(sources: str, chain: str) -> str:
        label = next(free)
        written.append(f"{sources}{chain}[{label}]")
        return label

    # Plex's order: a bitmap subtitle comes first.
    subtitle = add(f"[{overlay.pad}]", overlay.scale) if overlay else None
    source = pad
    for chain in chains:
        source = add(f"[{source}]", chain)
    if overlay is not None:
        source = add(f"[{source}][{subtitle}]", overlay.join)
        for chain in overlay.after:
            source = add(f"[{source}]", chain)
    return ";".join(written), source


def _names(text: str) -> list[str]:
    return [found.name for found in filtergraph.parse(text).filters()]
