"""What a backend must answer, and the questions every backend asks before it plans.

A backend is a subclass of `Backend` and one object of it, `BACKEND`. To add one: write `backends/NAME.py`, register it
in `pipeline.BACKENDS`, add its golden files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from scaleplex.translator.facts import codecs, model
from scaleplex.translator.facts.model import Facts, Source, Video
from scaleplex.translator.plan import Bail, Plan, Site


class Backend(ABC):
    """Makes every choice of one kind of hardware."""

    #: `sw`, `vaapi` or `nvenc`.
    name: str

    @abstractmethod
    def plan(self, facts: Facts, source: Source | None, site: Site) -> Plan | Bail:
        """Return the plan for a command, or why there is none.

        A plan must be a fixed point: planning again from the facts of the translated command gives the same plan.
        """


def doubt(facts: Facts, site: Site) -> Bail | None:
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
        return Bail(f"encoder:{video.encoder}", f"-codec:{video.specifier} of the first output")
    return _graph_doubt(video) or _picture_doubt(facts, video, site)


def _graph_doubt(video: Video) -> Bail | None:
    if video.graph is None:
        return Bail("no-video-graph", f"-map {video.pad} of the first output")
    if video.unread is not None:
        where = f"-filter_complex, filter {video.unread + 1} of {len(video.filters)}"
        return Bail(f"filter:{video.filters[video.unread] or 'unreadable'}", where)
    if video.decoder is not None and video.decoder not in codecs.VIDEO_DECODERS:
        return Bail(f"decoder:{video.decoder}", f"-codec:{video.decoder_specifier} of the first input")
    return None


def _picture_doubt(facts: Facts, video: Video, site: Site) -> Bail | None:
    # A bitmap is laid over with `overlay`, which every ffmpeg has; text needs our `inlineass`.
    if facts.subtitle.mode == "burn-text" and not site.burn:
        return Bail("burn:text")
    if not plain(video.width) or not plain(video.height):
        return Bail("size", "-filter_complex")
    return None


def plain(text: str | None) -> bool:
    """Return whether a size may be put into a graph without escaping."""
    return text is None or all(char.isalnum() or char in "-+*/._" for char in text)


def encodes(facts: Facts) -> Video | None:
    """Return the video stream of a command that has one to encode and a graph to plan."""
    video = facts.video
    if video is None or facts.kind == model.THUMBNAILS or video.encoder not in codecs.VIDEO_ENCODERS:
        return None
    return video
