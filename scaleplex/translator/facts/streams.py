"""The streams of an output: which map feeds which encoder, and what kind of stream it is."""

from __future__ import annotations

from dataclasses import dataclass

from scaleplex.ffmpeg import filtergraph, specifier
from scaleplex.ffmpeg.argv import Command, File, Option
from scaleplex.ffmpeg.filtergraph import Filtergraph
from scaleplex.ffmpeg.specifier import Pad, StreamSpecifier
from scaleplex.translator.facts import codecs
from scaleplex.translator.facts import graph as graphs
from scaleplex.translator.facts.model import Source, SourceStream


@dataclass(frozen=True, slots=True)
class Graph:
    """A filtergraph option of the command, parsed."""

    text: str
    parsed: Filtergraph
    audio: bool


@dataclass(frozen=True, slots=True)
class OutputStream:
    """One stream of an output.

    Attributes:
        index: number in the output.
        media: `video`, `audio`, `subtitle`, None when nothing tells.
        encoder: last codec option that covers it, with the specifier it was written with.
        graph: the filtergraph that feeds it, and label the link it takes.
        pad: the source stream, through the graph if there is one.
    """

    index: int
    media: str | None
    encoder: str | None
    specifier: str | None
    graph: Graph | None
    label: str | None
    pad: str | None


def graphs_of(command: Command) -> tuple[Graph, ...]:
    """Return the filtergraphs of the command, in order."""
    found = []
    for option in command.options():
        if option.key == "filter_complex" and option.value is not None:
            parsed = filtergraph.parse(option.value)
            found.append(Graph(option.value, parsed, graphs.is_audio(parsed)))
    return tuple(found)


def probed(source: Source | None, pad: Pad) -> SourceStream | None:
    """Return what the probe says of a stream the command names."""
    if source is None:
        return None
    ordinals: dict[str, int] = {}
    for stream in source.streams:
        if stream.input_index != pad.file:
            continue
        ordinal = ordinals.get(stream.media, 0)
        ordinals[stream.media] = ordinal + 1
        if pad.specifier.covers(stream.index, stream.media, ordinal, stream.stream_id):
            return stream
    return None


def is_of_video(option: Option, index: int) -> bool:
    """Return whether an output option is about the video stream with that number in the output."""
    if option.specifier is None:
        return option.key in codecs.VIDEO_OPTIONS
    return specifier.parse(option.specifier).covers(index, "video")


def streams_of(
    output: File, known: tuple[Graph, ...], command: Command, source: Source | None
) -> tuple[OutputStream, ...]:
    """Return the streams an output takes by `-map`, in order."""
    streams: list[OutputStream] = []
    encoders = [(specifier.parse(option.specifier), option) for option in output.options if option.key == "codec"]
    for index, option in enumerate(o for o in output.options if o.key == "map" and not (o.value or "").startswith("-")):
        target = option.value or ""
        label = target[1:-1] if target.startswith("[") and target.endswith("]") else None
        graph = next((g for g in known if label in g.parsed.produced()), None) if label is not None else None
        pad = _first_pad(graph) if graph else (target if label is None else None)
        chosen = _encoder(encoders, index)
        media = _media(output, command, source, graph, pad, chosen, index)
        streams.append(
            OutputStream(
                index, media, chosen.value if chosen else None, chosen.specifier if chosen else None, graph, label, pad
            )
        )
    return tuple(streams)


def _first_pad(graph: Graph) -> str | None:
    return next((label for label in graph.parsed.consumed() if ":" in label), None)


def _encoder(encoders: list[tuple[StreamSpecifier, Option]], index: int) -> Option | None:
    """Return the last codec option that can mean the stream; `v` means the first stream, as PMS orders them."""
    chosen = None
    for spec, option in encoders:
        media = ("video", "audio", "subtitle")[min(index, 2)]
        if spec.covers(index, media):
            chosen = option
    return chosen


def _media(
    output: File,
    command: Command,
    source: Source | None,
    graph: Graph | None,
    pad: str | None,
    encoder: Option | None,
    index: int,
) -> str | None:
    name = encoder.value if encoder else None
    if name in codecs.VIDEO_ENCODERS or name in codecs.OTHER_VIDEO_ENCODERS:
        return "video"
    if name in codecs.SUBTITLE_ENCODERS:
        return "subtitle"
    if graph is not None:
        return "audio" if graph.audio else "video"
    if name in codecs.AUDIO_ENCODERS:
        return "audio"
    return _media_of_pad(output, command, source, pad, index)


def _media_of_pad(output: File, command: Command, source: Source | None, pad: str | None, index: int) -> str | None:
    """Tell the kind of a stream that is taken from an input without a graph."""
    parsed = specifier.parse_pad(pad or "")
    if parsed is None:
        return None
    if parsed.specifier.media is not None:
        return parsed.specifier.media
    stream = probed(source, parsed)
    if stream is not None:
        return stream.media
    if output.find("strict_ts", str(index)) is not None or output.get("f") in ("srt", "ass", "webvtt"):
        return "subtitle"
    inputs = command.inputs
    hint = inputs[parsed.file].get("codec", parsed.specifier.text) if parsed.file < len(inputs) else None
    if hint is not None:
        return "video" if hint in codecs.VIDEO_DECODERS else "audio"
    if index == 0:
        return "video" if parsed.specifier.index == 0 else None
    return "audio"
