"""The shape of a plan: every choice of one backend for one command, made before anything is written.

A backend answers facts with a `Plan` or a `Bail`; passes write the plan into the command and never ask which backend
made it.
"""

from __future__ import annotations

from dataclasses import dataclass

from scaleplex.translator.facts.model import Facts, Source
from scaleplex.translator.labels import Labels


@dataclass(frozen=True, slots=True)
class Hardware:
    """The GPU of a worker, as it was found by trying it.

    A capability is a codec name as ffprobe gives it, with `:10` behind it for ten bits: `hevc`, `hevc:10`.

    Attributes:
        device: what ffmpeg opens: a render node for VAAPI (empty: ffmpeg looks for one), an index for CUDA.
        driver: VA driver, `iHD` or `radeonsi`; empty when libva finds it by itself.
        decoders: what it decodes; None when it was not asked, then it is believed to do what Plex may ask for.
        encoders: what it encodes; None as above.
        tonemap: how HDR becomes SDR: `opencl`, `vaapi` (the driver's fixed curve), `cuda` (needs a filter FFmpeg 7.1
            does not have), `cpu`; empty takes the backend's own choice.
        qvbr: whether the VAAPI driver has quality under a cap (QVBR); without it only the cap is kept.
        draws: whether `inlineass` draws on its surfaces; if not, frames are fetched into memory for it.
        crf_offset: what is added to a CRF of x264 to give the QP of a VAAPI encoder.
    """

    device: str = ""
    driver: str = ""
    decoders: frozenset[str] | None = None
    encoders: frozenset[str] | None = None
    tonemap: str = ""
    qvbr: bool = True
    draws: bool = True
    crf_offset: int = 6


@dataclass(frozen=True, slots=True)
class Site:
    """Facts of the place the command will run in.

    Attributes:
        callback_base: what stands in for `http://127.0.0.1:PORT` in callback URLs, without a final slash; None when no
            relay is known, then the callbacks are dropped.
        burn: whether the ffmpeg there has `inlineass`, so that subtitles can be drawn into the picture.
        policy: `force` uses the hardware for whatever Plex would have allowed hardware for; `follow` decodes and
            encodes in hardware only where Plex's own command does.
        plex_pass: whether the Plex host has a subscription. Without it a software command stays software; a command
            that uses hardware is proof by itself.
    """

    callback_base: str | None = None
    burn: bool = False
    policy: str = "force"
    plex_pass: bool = False
    hardware: Hardware = Hardware()


@dataclass(frozen=True, slots=True)
class Setting:
    """An option of the video stream the encoder should have.

    Attributes:
        force: replace a value Plex gave; otherwise a value that is there stays.
        before: the option it is placed in front of, where there is one; otherwise it follows the encoder.
    """

    name: str
    value: str
    force: bool = False
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Swap:
    """One option of the video stream becomes another one, in its place."""

    old: str
    new: str
    value: str


@dataclass(frozen=True, slots=True)
class Overlay:
    """A bitmap subtitle laid over the picture in memory, behind the plan's chains.

    Attributes:
        pad: the subtitle stream, `0:5`.
        scale: filterchain of the subtitle.
        join: filterchain with two inputs, picture and subtitle.
        after: filterchains from there to the encoder.
    """

    pad: str
    scale: str
    join: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """How the video stream of the first output is made.

    Attributes:
        encoder: encoder name.
        chains: filterchains from the source pad to the encoder, in order, without labels; None leaves the graph alone.
        tonemap: how tone mapping is done, for the label; None when it is not, or as Plex wrote it.
        swaps, settings: changes to the stream's options, in the order they are written.
        unwanted: names of options of the stream that are removed.
        overlay: a bitmap subtitle that joins behind `chains`.
        binds: streams the graph's `inlineass` filters draw, in their order.
    """

    encoder: str
    chains: tuple[str, ...] | None = None
    tonemap: str | None = None
    swaps: tuple[Swap, ...] = ()
    settings: tuple[Setting, ...] = ()
    unwanted: frozenset[str] = frozenset()
    overlay: Overlay | None = None
    binds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Every choice of a backend.

    Attributes:
        backend: its name.
        decoders: video decoder hints to exchange, old to new.
        decoder: the video decoder that has to be named, because ffmpeg's own choice has no hardware; None otherwise.
        hwaccel: options that follow the video decoder hint, name and value; empty for decoding in software.
        devices: global options placed before the first input, name and value.
        video: None when no video is encoded.
        notes: kind and detail of labels that explain the choice.
    """

    backend: str
    decoders: tuple[tuple[str, str], ...] = ()
    decoder: str | None = None
    hwaccel: tuple[tuple[str, str], ...] = ()
    devices: tuple[tuple[str, str], ...] = ()
    video: VideoPlan | None = None
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Bail:
    """Why a backend makes no plan; the text behind `bail:`.

    Attributes:
        where: option and place in the command that was not understood, for people.
    """

    reason: str
    where: str | None = None


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
