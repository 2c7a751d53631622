"""The drawings of two commands side by side as one SVG, in plain text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from scaleplex.cli.explain.diagram import HARDWARE, SINK, SOFTWARE, SOURCE, Drawing, Row

_ROW_PX, _LANE_PX, _PAD_PX, _HEAD_PX = 34, 20, 24, 30
_CHAR_PX = 6.7  # of the monospaced text below
_TEXT_MAX = 60
_FILL = {SOURCE: "#ffffff", SOFTWARE: "#dbe9f6", HARDWARE: "#f6d9b8", SINK: "#ffffff"}
_STYLE = (
    "text{font:11px monospace;fill:#1b1f24}.h{font:bold 14px sans-serif}.t{font:12px sans-serif;fill:#57606a}"
    ".l{stroke:#6e7781;stroke-width:2;fill:none}.b{stroke:#6e7781}"
)


def picture(columns: Sequence[tuple[str, Sequence[Drawing]]]) -> str:
    """Return the SVG of columns of drawings, each under a heading."""
    parts: list[str] = []
    x, height = _PAD_PX, 0
    for heading, drawings in columns:
        parts.append(_text(x, _PAD_PX, heading, "h"))
        y, width = _PAD_PX + _HEAD_PX, len(heading) * 9.0
        for drawing in drawings:
            parts.append(_text(x, y, drawing.title, "t"))
            parts += _drawing(drawing, x, y + 10)
            y += 10 + len(drawing.rows) * _ROW_PX + _HEAD_PX
            width = max(width, _width(drawing))
        if not drawings:
            parts.append(_text(x, y, "no filtergraph", "t"))
            y += _HEAD_PX
        x, height = round(x + width + 2 * _PAD_PX), max(height, y)
    parts += _legend(_PAD_PX, height)
    size = f'width="{max(x, 420)}" height="{height + _PAD_PX}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {max(x, 420)} {height + _PAD_PX}">'
    return "\n".join(
        [head, f"<style>{_STYLE}</style>", '<rect width="100%" height="100%" fill="#fff"/>', *parts, "</svg>", ""]
    )


def _width(drawing: Drawing) -> float:
    longest = max((len(_short(row.text)) for row in drawing.rows), default=0)
    return drawing.lanes * _LANE_PX + longest * _CHAR_PX + 24


def _short(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 1] + "…"


def _drawing(drawing: Drawing, x: int, y: int) -> list[str]:
    lines: list[str] = []
    marks: list[str] = []
    for number, row in enumerate(drawing.rows):
        top = y + number * _ROW_PX
        middle = top + _ROW_PX // 2
        lines += _lines(row, x, top)
        box_x = x + drawing.lanes * _LANE_PX
        text = _short(row.text)
        if row.kind in (SOFTWARE, HARDWARE):
            size = f'width="{len(text) * _CHAR_PX + 14:.0f}" height="22" rx="5"'
            marks.append(f'<rect class="b" x="{box_x}" y="{middle - 11}" {size} fill="{_FILL[row.kind]}"/>')
        marks.append(f'<circle class="b" cx="{_lane(x, row.lane)}" cy="{middle}" r="5" fill="{_FILL[row.kind]}"/>')
        marks.append(_text(box_x + 7, middle + 4, text))
        title = escape(row.text, quote=False)
        marks[-1] = marks[-1].replace("</text>", f"<title>{title}</title></text>") if text != row.text else marks[-1]
    return lines + marks


def _lines(row: Row, x: int, top: int) -> list[str]:
    """Return the lanes that pass a row, and its own."""
    middle, bottom = top + _ROW_PX // 2, top + _ROW_PX
    own = _lane(x, row.lane)
    lines = [f"M{_lane(x, lane)} {top}V{bottom}" for lane in row.open if lane not in row.opened]
    lines += [f"M{own} {top}V{middle}"] if row.kind != SOURCE else []
    lines += [f"M{own} {middle}V{bottom}"] if row.kind != SINK else []
    lines += [f"M{_lane(x, lane)} {top}L{own} {middle}" for lane in row.merged]
    lines += [f"M{own} {middle}L{_lane(x, lane)} {bottom}" for lane in row.opened]
    return [f'<path class="l" d="{line}"/>' for line in lines]


def _lane(x: int, lane: int) -> int:
    return x + 8 + lane * _LANE_PX


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} x="{x:g}" y="{y:g}">{escape(text, quote=False)}</text>'


def _legend(x: int, y: int) -> list[str]:
    parts = []
    for kind, name in ((SOFTWARE, "in memory"), (HARDWARE, "on the GPU, or to and from it")):
        parts.append(f'<rect class="b" x="{x}" y="{y - 10}" width="14" height="14" rx="3" fill="{_FILL[kind]}"/>')
        parts.append(_text(x + 20, y + 1, name, "t"))
        x += 120
    return parts
