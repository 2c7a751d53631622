"""A filtergraph as rows and lanes, the way a version control system draws its history: one row per filter, one lane
per link that is open there. The text and the picture are both drawn from these rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scaleplex.cli.explain.shell import visible
from scaleplex.ffmpeg import argv as language
from scaleplex.ffmpeg import filtergraph
from scaleplex.ffmpeg.filtergraph import Filter, Filtergraph
from scaleplex.translator.facts import graph as kinds

SOURCE, SOFTWARE, HARDWARE, SINK = "source", "software", "hardware", "sink"
_MARKS = {SOURCE: "○", SOFTWARE: "●", HARDWARE: "◆", SINK: "▼"}
_WIDTH = 96


@dataclass(frozen=True, slots=True)
class Row:
    """One filter, source or taker.

    Attributes:
        lane: where it stands.
        open: the lanes that pass it by.
        merged: lanes that end in it, besides its own.
        opened: lanes that begin in it, besides its own.
    """

    kind: str
    text: str
    lane: int
    open: tuple[int, ...] = ()
    merged: tuple[int, ...] = ()
    opened: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Drawing:
    """One graph of a command: what it is called, and its rows."""

    title: str
    rows: tuple[Row, ...]

    @property
    def lanes(self) -> int:
        """How many lanes it needs."""
        return max((max((row.lane, *row.open, *row.merged, *row.opened)) + 1 for row in self.rows), default=0)


def drawings(words: Sequence[str]) -> tuple[Drawing, ...]:
    """Return the filtergraphs of a command, in order."""
    command = language.parse(words)
    takers = _takers(command)
    found: list[Drawing] = []
    for option in command.options():
        if option.key in ("filter_complex", "vf", "filter", "af") and option.value:
            graph = filtergraph.parse(option.value)
            simple = option.key != "filter_complex"
            names = [item.name for item in graph.filters()]
            audio = option.key == "af" or any(name.startswith(("aresample", "aformat")) for name in names)
            title = "audio" if audio else "video"
            found.append(Drawing(title, layout(_closed(graph) if simple else graph, {} if simple else takers)))
    return tuple(found)


def _takers(command: language.Command) -> dict[str, str]:
    """Return what becomes of each mapped link label."""
    takers: dict[str, str] = {}
    for number, output in enumerate(command.outputs):
        maps = [option.value or "" for option in output.options if option.key == "map"]
        for index, target in enumerate(maps):
            if target.startswith("[") and target.endswith("]"):
                encoder = output.get("codec", str(index)) or output.get("codec", "v" if index == 0 else "a")
                takers[target[1:-1]] = f"output {number}, stream {index}" + (f": {encoder}" if encoder else "")
    return takers


def _closed(graph: Filtergraph) -> Filtergraph:
    """Give a graph of `-vf`, whose ends are not written, a beginning and an end."""
    consumed, produced = graph.consumed(), graph.produced()
    if consumed or produced or not graph.chains or len(graph.chains) > 1:
        return graph
    chain = list(graph.chains[0])
    first, last = chain[0], chain[-1]
    if first.opaque is not None or last.opaque is not None:
        return graph
    chain[0] = replace(chain[0], inputs=("in",))
    chain[-1] = replace(chain[-1], outputs=("out",))
    return Filtergraph((tuple(chain),))


class _Lanes:
    """Which link runs in which lane, and which of them carry surfaces."""

    def __init__(self) -> None:
        self._links: list[str | None] = []
        self.surfaces: set[str] = set()

    def find(self, link: str) -> int | None:
        return self._links.index(link) if link in self._links else None

    def take(self, link: str) -> int:
        """Return a lane for a new link: the first free one."""
        place = self._links.index(None) if None in self._links else len(self._links)
        self.put(place, link)
        return place

    def put(self, place: int, link: str | None) -> None:
        if place == len(self._links):
            self._links.append(link)
        self._links[place] = link

    def others(self, *but: int) -> tuple[int, ...]:
        return tuple(i for i, link in enumerate(self._links) if link is not None and i not in but)


def layout(graph: Filtergraph, takers: Mapping[str, str]) -> tuple[Row, ...]:
    """Return the rows of a graph; filters come after those they read from, otherwise in the order of the text."""
    rows: list[Row] = []
    lanes = _Lanes()
    nodes = _nodes(graph)
    produced = {link for _, _, outputs in nodes for link in outputs}
    waiting = list(nodes)
    while waiting:
        ready = next((n for n in waiting if all(i not in produced or lanes.find(i) is not None for i in n[1])), None)
        node = ready or waiting[0]  # a graph that feeds itself is drawn as it stands
        waiting.remove(node)
        _draw(rows, lanes, node, takers, {link for _, inputs, _ in waiting for link in inputs})
    return tuple(rows)


def _nodes(graph: Filtergraph) -> list[tuple[Filter, tuple[str, ...], tuple[str, ...]]]:
    """Return every filter with its input and output links; links inside a chain get names no label can have."""
    nodes = []
    for number, chain in enumerate(graph.chains):
        for place, found in enumerate(chain):
            inputs, outputs = found.inputs, found.outputs
            if place > 0 and not chain[place - 1].outputs:
                inputs = (*inputs, f"\0{number}.{place}")
            if place + 1 < len(chain) and not outputs:
                outputs = (f"\0{number}.{place + 1}",)
            nodes.append((found, inputs, outputs))
    return nodes


def _draw(
    rows: list[Row],
    lanes: _Lanes,
    node: tuple[Filter, tuple[str, ...], tuple[str, ...]],
    takers: Mapping[str, str],
    wanted: set[str],
) -> None:
    found, inputs, outputs = node
    for link in inputs:
        if lanes.find(link) is None:
            lane = lanes.take(link)
            rows.append(Row(SOURCE, visible(f"[{link}]"), lane, lanes.others(lane)))
    places = sorted(place for link in inputs if (place := lanes.find(link)) is not None)
    own = places[0] if places else lanes.take("\0")
    for place in places:
        lanes.put(place, None)
    passing = lanes.others(own)
    lanes.put(own, outputs[0] if outputs else None)
    opened = tuple(lanes.take(link) for link in outputs[1:])
    text = found.opaque if found.opaque is not None else found.body()
    # Some filters (inlineass, select) leave frames where they are.
    kind = HARDWARE if _is_of_gpu(found.name) or not lanes.surfaces.isdisjoint(inputs) else SOFTWARE
    if kind == HARDWARE and found.name != "hwdownload":
        lanes.surfaces.update(outputs)
    rows.append(Row(kind, visible(text.strip()), own, passing, tuple(places[1:]), opened))
    for link in outputs:
        if link in wanted or link.startswith("\0"):
            continue
        end = lanes.find(link)
        assert end is not None
        lanes.put(end, None)
        rows.append(Row(SINK, visible(f"[{link}] {takers.get(link, '')}".rstrip()), end, lanes.others(end)))


def _is_of_gpu(name: str) -> bool:
    return name in kinds.HARDWARE or name.endswith(("_vaapi", "_opencl", "_cuda"))


def as_text(drawing: Drawing) -> list[str]:
    """Return the lines of a drawing."""
    lines: list[str] = []
    for row in drawing.rows:
        if row.merged:
            lines.append(_joints(row, drawing.lanes, row.merged, "╯"))
        cells = [_MARKS[row.kind] if i == row.lane else "│" if i in row.open else " " for i in range(drawing.lanes)]
        text = row.text if len(row.text) <= _WIDTH else row.text[: _WIDTH - 1] + "…"
        lines.append(f"{' '.join(cells)}  {text}".rstrip())
        if row.opened:
            lines.append(_joints(row, drawing.lanes, row.opened, "╮"))
    return lines


def _joints(row: Row, lanes: int, ends: Sequence[int], corner: str) -> str:
    """Return the line between two rows on which lanes join a filter or leave it."""
    far = max(ends)
    cells = []
    for lane in range(lanes):
        if lane == row.lane:
            cell = "├"
        elif lane in ends:
            cell = corner if lane == far else "┴" if corner == "╯" else "┬"
        elif lane in row.open:
            cell = "┼" if row.lane < lane < far else "│"
        else:
            cell = "─" if row.lane < lane < far else " "
        cells.append(cell + ("─" if row.lane <= lane < far else " "))
    return "".join(cells).rstrip()
