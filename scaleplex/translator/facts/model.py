"""The shapes of what is known: of the source (probed before), and of the command (read off it).

Everything is frozen and neutral: no field says how a worker will do something, only what Plex asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

#: What may stand in `Facts.kind`.
DASH = "dash"
HLS_MATROSKA = "hls-matroska"
HLS_MPEGTS = "hls-mpegts"
SEGMENTED_MATROSKA = "segmented-matroska"
OPTIMIZE = "optimize"
OPTIMIZE_REMUX = "optimize-remux"
DETECTION = "detection"
SUB_SIDE_CHANNEL = "sub-side-channel"
THUMBNAILS = "thumbnails"
OTHER = "other"


@dataclass(frozen=True, slots=True)
class SourceStream:
    """One stream of an input, as ffprobe reports it. What is not known is None.

    Attributes:
        index: stream index in its input.
        media: `video`, `audio`, `subtitle`, `attachment`, `data`.
        codec: ffprobe's codec name (`dts`, not `dca`).
        stream_id: the container's id (`0x1011`), for MP4 and MPEG-TS.
        sample_aspect: `1:1`.
        transfer, primaries, matrix: colour tags in FFmpeg's spelling; `unknown` counts as None.
        input_index: which input of the command the stream belongs to.
        pixel_format: FFmpeg's name, `yuv420p10le`.
        animated: whether the events of an ASS stream move or fade.
        mastering: whether frames carry mastering display metadata.
    """

    index: int
    media: str
    codec: str
    stream_id: int | None = None
    width_px: int | None = None
    height_px: int | None = None
    sample_aspect: str | None = None
    frame_rate: float | None = None
    bit_depth: int | None = None
    transfer: str | None = None
    primaries: str | None = None
    matrix: str | None = None
    channels: int | None = None
    language: str | None = None
    input_index: int = 0
    pixel_format: str | None = None
    animated: bool | None = None
    mastering: bool | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What a probe found out about the inputs of a command.

    Attributes:
        streams: of all probed inputs; `SourceStream.input_index` tells them apart.
        duration_seconds: of input 0; None when not known, as with live sources.
        start_seconds: first timestamp of input 0.
    """

    streams: tuple[SourceStream, ...] = ()
    duration_seconds: float | None = None
    start_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Subtitle:
    """A subtitle the command deals with.

    Attributes:
        mode: `none`, `burn-text`, `burn-bitmap`, `copy`, `side-channel`, `sidecar-file`.
        pad: the stream as the command names it, `0:3` or `1:s:0`.
        codec: the probed codec, else what a file name tells, else None.
        styles: arguments of each `inlineass` filter as they stand, without paths and without what only tells how.
        pads: the stream of each such filter.
        animated: whether a burnt ASS stream moves or fades; None when nobody looked.
    """

    mode: str = "none"
    pad: str | None = None
    codec: str | None = None
    styles: tuple[str, ...] = ()
    pads: tuple[str, ...] = ()
    animated: bool | None = None


@dataclass(frozen=True, slots=True)
class AudioStream:
    """One audio stream of the first output.

    Attributes:
        index: stream index in the output.
        pad: the source stream, `0:1`.
        decoder: the hint in the command.
        encoder: `copy` or an encoder's name.
        layout: `stereo`, `5.1`, from the graph.
        rate_hz: from the graph.
    """

    index: int
    pad: str | None
    decoder: str | None
    encoder: str | None
    layout: str | None = None
    rate_hz: int | None = None


@dataclass(frozen=True, slots=True)
class Video:
    """The video stream of the first output.

    Attributes:
        index: stream index in the output.
        pad: the source stream, `0:0`.
        decoder: the hint, and decoder_specifier where it stands (`0`, `#0x01`).
        hwaccel: hardware decoding Plex asks for, None for software.
        encoder: `copy`, an encoder's name, or None when the muxer chooses.
        specifier: the text behind the colon of the output options that belong to the stream.
        graph: text of the filtergraph that feeds it, None without one.
        label: link label the map takes from that graph.
        filters: names of the graph's filters, in order.
        unread: place, from 0, of the first filter that means something no fact carries.
        width, height: target size as text, since PMS may write expressions; None when the graph does not scale.
        ten_bit: whether the frames handed to the encoder have ten bits.
        tonemap, tonemap_filter: algorithm, and the filter that carries it in the command.
        gate: `select` filter of the graph, verbatim.
        fps: frames per second asked for.
        options: name and value of every output option that belongs to this stream, the encoder not included.
    """

    index: int
    pad: str | None = None
    decoder: str | None = None
    decoder_specifier: str | None = None
    hwaccel: str | None = None
    encoder: str | None = None
    specifier: str | None = None
    graph: str | None = None
    label: str | None = None
    filters: tuple[str, ...] = ()
    unread: int | None = None
    width: str | None = None
    height: str | None = None
    ten_bit: bool = False
    tonemap: str | None = None
    tonemap_filter: str | None = None
    gate: str | None = None
    fps: float | None = None
    options: tuple[tuple[str, str], ...] = ()

    @property
    def encodes(self) -> bool:
        """Whether video is encoded at all."""
        return self.encoder not in (None, "copy")


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One output of the command.

    Attributes:
        url: the name as given, relative names belong to the working directory.
        muxer: value of `-f`.
        header, segment: name patterns of what it leaves besides or instead of `url`.
        first_number: number of the first segment.
        callback: the URL that hears of it, None without one.
    """

    url: str
    muxer: str | None = None
    header: str | None = None
    segment: str | None = None
    first_number: int | None = None
    callback: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a command asks for, whatever hardware it was written for.

    Attributes:
        kind: one of the names above.
        source_backend: `sw`, `vaapi`, `nvenc`, `vaapi+sw` or `nvdec+sw` (hardware decode, software encode), `copy`,
            `none`.
        session, job: ids from the callback URLs.
        seek_seconds: None without `-ss`.
        hdr: whether the source is HDR: from the probe, else from the tone mapping asked for, else None.
    """

    kind: str = OTHER
    source_backend: str = "none"
    session: str | None = None
    job: str | None = None
    video: Video | None = None
    audio: tuple[AudioStream, ...] = ()
    subtitle: Subtitle = Subtitle()
    hdr: bool | None = None
    seek_seconds: float | None = None
    segment_seconds: float | None = None
    first_segment: int | None = None
    copyts: bool = False
    inputs: tuple[str, ...] = ()
    outputs: tuple[OutputFile, ...] = ()
    progress_url: str | None = None

    @property
    def encodes_video(self) -> bool:
        """Whether a video encoder runs."""
        return self.video is not None and self.video.encodes

    @property
    def width_px(self) -> int | None:
        """Width of the video output in pixels, None when it is copied or not a plain number."""
        return _pixels(self.video.width) if self.video else None

    @property
    def height_px(self) -> int | None:
        """Height of the video output in pixels, None when it is copied or not a plain number."""
        return _pixels(self.video.height) if self.video else None

    @property
    def callback_urls(self) -> tuple[str, ...]:
        """Every URL the command would call, in order: progress first."""
        urls = (self.progress_url, *(output.callback for output in self.outputs))
        return tuple(url for url in urls if url is not None)

    def to_json(self) -> dict[str, object]:
        """Return the facts as JSON values, the derived ones included."""
        plain = _plain(self)
        assert isinstance(plain, dict)
        derived = {
            "encodes_video": self.encodes_video,
            "width_px": self.width_px,
            "height_px": self.height_px,
            "callback_urls": list(self.callback_urls),
        }
        return plain | derived


def _pixels(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    names = getattr(value, "__dataclass_fields__", None)
    if names is not None:
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}  # type: ignore[arg-type]
    return value
