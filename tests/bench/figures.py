"""A measured figure, and how a list of them is shown."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value.

    Attributes:
        goal: the most it should be; None when it is only shown.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Return whether the goal is met, None without one."""
        return None if self.goal is None else self.value <= self.goal


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def p99(values: Sequence[float]) -> float:
    """Return the value 99 of 100 do not exceed; of few values, the largest."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def as_json(figures: Sequence[Figure]) -> str:
    return json.dumps([{**asdict(figure), "met": figure.met} for figure in figures], indent=2)


def as_table(figures: Sequence[Figure]) -> str:
    """Return one line per figure: name, value, goal, and a mark at those that miss it."""
    width = max((len(figure.name) for figure in figures), default=0)
    lines = []
    for figure in figures:
        goal = "" if figure.goal is None else f"goal {figure.goal:g} {figure.unit}"
        mark = {True: "ok", False: "MISSED", None: ""}[figure.met]
        value = f"{figure.value:10.2f} {figure.unit:5}"
        lines.append(f"{figure.name:{width}}  {value}  {goal:14} {mark:6} {figure.note}".rstrip())
    return "\n".join(lines)
