"""What VAAPI and NVENC share: a graph of surfaces, in which some steps may have to be done in memory.

A graph is decode or upload, scale, tone map, draw, gate. Each step says where it needs the frames; between two steps
that differ they are fetched or uploaded.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

from scaleplex.translator.backends import base, encoders, pictures, sw
from scaleplex.translator.backends.choice import Choice, choose
from scaleplex.translator.facts import codecs
from scaleplex.translator.facts.model import Facts, Source, Subtitle, Video
from scaleplex.translator.plan import Bail, Hardware, Overlay, Plan, Setting, Site, Swap, VideoPlan

Options = tuple[tuple[str, str], ...]

#: Lines a subtitle is drawn with at most before the GPU scales it up to the picture.
RENDER_HEIGHT = 1080


class HardwareBackend(base.Backend):
    """A GPU; subclasses say how theirs is called upon."""

    #: Name of the device in the command, the suffix of its filters, and the pixel format of its surfaces.
    device: str

    @abstractmethod
    def devices(self, hardware: Hardware, method: str | None) -> Options:
        """Return the options that open what a command needs.

        Args:
            method: how HDR becomes SDR, None when it does not.
        """

    @abstractmethod
    def hwaccel(self, surfaces: bool) -> Options:
        """Return the options of the input that decode in hardware.

        Args:
            surfaces: whether frames stay on the GPU.
        """

    @abstractmethod
    def method(self, video: Video, source: Source | None, hardware: Hardware) -> str:
        """Return how HDR becomes SDR here: `cpu`, or a name `tonemap` knows."""

    @abstractmethod
    def tonemap(self, method: str, curve: str) -> tuple[str, str, str]:
        """Return the filterchain from ten-bit to eight-bit surfaces, its filter, and the curve it really has."""

    @abstractmethod
    def rate(
        self, options: dict[str, str], written_for: str, hardware: Hardware
    ) -> tuple[tuple[Swap, ...], tuple[Setting, ...]]:
        """Return rate control and preset in this encoder's terms."""

    @abstractmethod
    def extras(self, written_for: str) -> tuple[Setting, ...]:
        """Return what else the encoder needs."""

    def draws(self, hardware: Hardware) -> bool:
        """Return whether `inlineass` can draw on surfaces."""
        return hardware.draws

    def plan(self, facts: Facts, source: Source | None, site: Site) -> Plan | Bail:
        """Plan for this GPU, and for the processor what it may not or cannot do."""
        if (bail := base.doubt(facts, site)) is not None:
            return bail
        video = base.encodes(facts)
        if video is None:
            return sw.plan(self.name, facts, source)
        codec, _ = codecs.VIDEO_ENCODERS[video.encoder or ""]
        draws = site.burn and self.draws(site.hardware)
        choice = _spared(choose(facts, video, source, site, video.ten_bit and codec == "hevc"), facts, draws)
        if not choice.encode:
            software = replace(sw.plan(self.name, facts, source), notes=choice.notes)
            return self._decoding(software, choice, site.hardware, None) if choice.decode else software
        method = self.method(video, source, site.hardware) if video.tonemap else None
        made = self._video(facts, video, source, site.hardware, choice, method, draws)
        return self._decoding(Plan(self.name, video=made, notes=choice.notes), choice, site.hardware, method)

    def _decoding(self, plan: Plan, choice: Choice, hardware: Hardware, method: str | None) -> Plan:
        """Return a plan with devices, and with hardware decoding where that is the choice."""
        plan = replace(plan, devices=self.devices(hardware, method))
        if not choice.decode:
            return replace(plan, decoders=sw.DECODERS)
        # Only ffmpeg's own decoders, which have their codec's name, work with a GPU. For AV1 another comes first in its
        # order.
        exchange = tuple((name, codec) for name, codec in codecs.VIDEO_DECODERS.items() if name.startswith("lib"))
        decoder = "av1" if choice.codec == "av1" else None
        return replace(plan, decoders=exchange, decoder=decoder, hwaccel=self.hwaccel(choice.encode))

    def _video(
        self,
        facts: Facts,
        video: Video,
        source: Source | None,
        hardware: Hardware,
        choice: Choice,
        method: str | None,
        draws: bool,
    ) -> VideoPlan:
        codec, written_for = codecs.VIDEO_ENCODERS[video.encoder or ""]
        ten_bit = video.ten_bit and codec == "hevc"
        picture = _Picture(self, video, source, ten_bit, choice.decode)
        picture.prepare(method)
        picture.draw(facts.subtitle, draws)
        picture.finish(video.gate)
        options = dict(video.options)
        swaps, rate = self.rate(options, written_for, hardware)
        # Apple's decoders refuse HEVC of any profile with ten bits but Main 10.
        profile = (Setting("profile", "main10"),) if ten_bit else ()
        return VideoPlan(
            encoders.ENCODERS[self.name][codec],
            tuple(picture.chains),
            picture.tonemap,
            swaps,
            (*profile, *rate, *self.extras(written_for)),
            encoders.unwanted(self.name, written_for) - {swap.old for swap in swaps},
            picture.overlay,
            picture.binds,
        )


def _spared(choice: Choice, facts: Facts, draws: bool) -> Choice:
    """Leave AV1 to the processor under an overlay: while that waits for the sparse subtitle, frames pile up.

    ffmpeg gives AV1 a fixed number of surfaces, and the GPU's decoder fails once they are all held.
    """
    if not choice.decode or choice.codec != "av1" or facts.subtitle.mode != "burn-bitmap" or draws:
        return choice
    return replace(choice, decode=False, notes=(*choice.notes, ("fallback", "decode:av1:overlay")))


class _Picture:
    """The graph while it is being made; `surfaces` tells where the frames are after the last chain."""

    def __init__(
        self, backend: HardwareBackend, video: Video, source: Source | None, ten_bit: bool, surfaces: bool
    ) -> None:
        self.backend = backend
        self.video = video
        self.source = source
        self.pixels = "p010" if ten_bit else "nv12"
        self.surfaces = surfaces
        self.chains: list[str] = []
        self.tonemap: str | None = None
        self.overlay: Overlay | None = None
        self.binds: tuple[str, ...] = ()

    def prepare(self, method: str | None) -> None:
        """Scale and tone map."""
        if method == "cpu" and not self.surfaces:
            chains, self.tonemap = pictures.chains(self.video, self.source, False, "nv12")
            self.chains += chains
            return
        deep = "p010" if method else self.pixels
        if not self.surfaces:
            # Without a format ffmpeg may upload what the driver has an image of but no surface to scale.
            self.chains.append(f"format={deep},hwupload")
            self.surfaces = True
        scaled = self._scale(deep)
        if method is None:
            self.chains.append(scaled)
            return
        asked = pictures.curve(self.video)
        if method == "cpu":
            mapped, self.tonemap = pictures.tonemap(self.video, self.source, "nv12")
            self.chains.append(f"{scaled},hwdownload,format=p010,{mapped}")
            self.surfaces = False
            return
        chain, name, curve = self.backend.tonemap(method, asked)
        chain, told = pictures.tagged(self.video, self.source, chain, f"{name}={curve}")
        self.chains.append(f"{scaled},{chain}")
        if told != f"{self.video.tonemap_filter}={self.video.tonemap}":
            self.tonemap = told

    def draw(self, subtitle: Subtitle, on_surfaces: bool) -> None:
        """Draw the subtitle: on surfaces where the hardware can, else in memory."""
        if not subtitle.mode.startswith("burn-"):
            return
        if on_surfaces:
            self._upload()
            self.chains += _on_surfaces(subtitle)
            self.binds = subtitle.pads
            return
        if self.surfaces:
            self.chains.append(f"hwdownload,format={self.pixels}")
            self.surfaces = False
        if subtitle.mode == "burn-text":
            self.chains += pictures.drawn(subtitle)
            self.binds = subtitle.pads
        else:
            self.overlay = pictures.overlay(self.video, subtitle, self.pixels == "p010", ())

    def finish(self, gate: str | None) -> None:
        """Bring frames to where the encoder takes them, the gate last."""
        tail = [] if self.surfaces else [f"format={self.pixels},hwupload" if self.overlay else "hwupload"]
        tail += [gate] if gate else []
        if self.overlay is not None:
            self.overlay = replace(self.overlay, after=tuple(tail))
        else:
            self._upload()
            self.chains += [gate] if gate else []

    def _upload(self) -> None:
        if not self.surfaces:
            self.chains[-1] += ",hwupload"
            self.surfaces = True

    def _scale(self, pixels: str) -> str:
        video = self.video
        size = f"w={video.width}:h={video.height}:" if video.width and video.height else ""
        return f"scale_{self.backend.device}={size}format={pixels}"


def _on_surfaces(subtitle: Subtitle) -> tuple[str, ...]:
    """Return the `inlineass` filters that draw on surfaces, with Plex's styling and how to draw.

    A moving cue is drawn anew for every frame, so it may use fewer lines. SubRip never moves.
    """
    ass = subtitle.codec in ("ass", "ssa") or (
        subtitle.codec is None and subtitle.mode == "burn-text" and not any("overrides" in s for s in subtitle.styles)
    )
    how = f"render_height={RENDER_HEIGHT}"
    if ass and subtitle.animated is not False:
        how += ":animated_tier_down=1"
    return tuple(f"inlineass={style}:{how}" if style else f"inlineass={how}" for style in subtitle.styles or ("",))
