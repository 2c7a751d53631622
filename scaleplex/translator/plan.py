"""The shape of a plan: every choice of one backend for one command, made before anything is written.

A backend answers facts with a `Plan` or a `Bail`; passes write the plan into the command and never ask which backend
made it.
"""

from __future__ import annotations

from dataclasses import dataclass

from scaleplex.translator.facts.model import Facts, Source
from scaleplex.translator.labels import Labels


@dataclass(frozen=True, slots=True)
class Site:
    """Facts of the place the command will run in.

    Attributes:
        callback_base: what stands in for `http://127.0.0.1:PORT` in callback URLs, without a final slash; None when no
            relay is known, then the callbacks are dropped.
    """

    callback_base: str | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """An option of the video stream the encoder should have.

    Attributes:
        force: replace a value Plex gave; otherwise a value that is there stays.
    """

    name: str
    value: str
    force: bool = False


@dataclass(frozen=True, slots=True)
class Swap:
    """One option of the video stream becomes another one, in its place."""

    old: str
    new: str
    value: str


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """How the video stream of the first output is made.

    Attributes:
        encoder: encoder name.
        chains: filterchains from the source pad to the encoder, in order, without labels; None leaves the graph alone.
        tonemap: how tone mapping is done, for the label; None when it is not, or as Plex wrote it.
        swaps, settings: changes to the stream's options, in the order they are written.
        unwanted: names of options of the stream that are removed.
    """

    encoder: str
    chains: tuple[str, ...] | None = None
    tonemap: str | None = None
    swaps: tuple[Swap, ...] = ()
    settings: tuple[Setting, ...] = ()
    unwanted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """Every choice of a backend.

    Attributes:
        backend: its name.
        decoders: video decoder hints to exchange, old to new.
        hwaccel: options that follow the video decoder hint, name and value; empty for decoding in software.
        devices: global options placed before the first input, name and value.
        video: None when no video is encoded.
    """

    backend: str
    decoders: tuple[tuple[str, str], ...] = ()
    hwaccel: tuple[tuple[str, str], ...] = ()
    devices: tuple[tuple[str, str], ...] = ()
    video: VideoPlan | None = None


@dataclass(frozen=True, slots=True)
class Bail:
    """Why a backend makes no plan; the text behind `bail:`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Context:
    """What a pass may know besides the command.

    Attributes:
        plan: None in `CLEAN_ONLY`.
        labels: the one thing a pass adds to.
    """

    facts: Facts
    source: Source | None
    site: Site
    labels: Labels
    plan: Plan | None = None
