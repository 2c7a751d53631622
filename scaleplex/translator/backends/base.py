"""What a backend must answer, and the questions every backend asks before it plans.

A backend is a subclass of `Backend` and one object of it, `BACKEND`. To add one: write `backends/NAME.py`, register it
in `pipeline.BACKENDS`, add its golden files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from scaleplex.translator.facts import codecs, graph, model
from scaleplex.translator.facts.model import Facts, Source
from scaleplex.translator.plan import Bail, Plan


class Backend(ABC):
    """Makes every choice of one kind of hardware."""

    #: `sw`, `vaapi` or `nvenc`.
    name: str

    @abstractmethod
    def plan(self, facts: Facts, source: Source | None) -> Plan | Bail:
        """Return the plan for a command, or why there is none.

        A plan must be a fixed point: planning again from the facts of the translated command gives the same plan.
        """


def doubt(facts: Facts) -> Bail | None:
    """Return why no backend should plan this command, None when nothing speaks against it.

    Source: "when to give up" of the argument shapes; what is not recognised is not guessed.
    """
    if not facts.inputs:
        return Bail("no-input")
    if not facts.outputs:
        return Bail("no-output")
    video = facts.video
    if video is None or not video.encodes or facts.kind == model.THUMBNAILS:
        return None
    if video.encoder not in codecs.VIDEO_ENCODERS:
        return Bail(f"encoder:{video.encoder}")
    if video.graph is None:
        return Bail("no-video-graph")
    for name in video.filters:
        if name not in graph.REPLACEABLE:
            return Bail(f"filter:{name or 'unreadable'}")
    if video.decoder is not None and video.decoder not in codecs.VIDEO_DECODERS:
        return Bail(f"decoder:{video.decoder}")
    return None


def plain(text: str | None) -> bool:
    """Return whether a size may be put into a graph without escaping."""
    return text is None or all(char.isalnum() or char in "-+*/._" for char in text)
