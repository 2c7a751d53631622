"""Read what Plex wants off a command: neutral facts, each found wherever it stands, one never hiding another."""

from __future__ import annotations

from scaleplex.ffmpeg import specifier, values
from scaleplex.ffmpeg.argv import Command, File, Option
from scaleplex.translator.facts import codecs, model
from scaleplex.translator.facts import graph as graphs
from scaleplex.translator.facts.graph import GraphFacts
from scaleplex.translator.facts.model import AudioStream, Facts, OutputFile, Source, Subtitle, Video
from scaleplex.translator.facts.streams import OutputStream, graphs_of, is_of_video, probed, streams_of

_SEGMENT_MUXERS = ("segment", "ssegment", "stream_segment")
_TEXT_FORMATS = ("ass", "ssa", "srt", "webvtt")
_SESSION = "/transcode/session/"


def collect(command: Command, source: Source | None) -> Facts:
    """Return the facts of a command.

    Args:
        command: as Plex wrote it, or as a translation left it.
        source: what was probed of the inputs, None when nothing was.
    """
    known = graphs_of(command)
    outputs = command.outputs
    main = streams_of(outputs[0], known, command, source) if outputs else ()
    video = _video(command, outputs[0], main) if outputs else None
    files = tuple(_output_file(output) for output in outputs)
    progress = next((option.value for option in command.options() if option.key == "progressurl"), None)
    session, job = _identity((progress, *(file.callback for file in files)))
    kind = _kind(command, video)
    return Facts(
        kind=kind,
        source_backend=_source_backend(video),
        session=session,
        job=job,
        video=video,
        audio=tuple(_audio(command, outputs[0], stream) for stream in main if stream.media == "audio"),
        subtitle=_subtitle(command, source, main, video, kind),
        hdr=_hdr(source, video),
        seek_seconds=_seek(command),
        segment_seconds=_segment_seconds(outputs[0]) if outputs else None,
        first_segment=files[0].first_number if files else None,
        copyts=any(option.key == "copyts" for option in command.options()),
        inputs=tuple(file.url for file in command.inputs),
        outputs=files,
        progress_url=progress,
    )


def _kind(command: Command, video: Video | None) -> str:
    outputs = command.outputs
    if not outputs or not command.inputs:
        return model.OTHER
    main = outputs[0]
    muxer, inner = main.get("f"), main.get("segment_format")
    if muxer == "dash":
        return model.DASH
    if muxer in _SEGMENT_MUXERS:
        if inner in _TEXT_FORMATS:
            return model.SUB_SIDE_CHANNEL
        if inner == "matroska":
            return model.SEGMENTED_MATROSKA if muxer == "segment" else model.HLS_MATROSKA
        return model.HLS_MPEGTS if inner in ("mpegts", None) else model.OTHER
    if muxer == "mp4":
        return model.OPTIMIZE_REMUX if video is not None and video.encoder == "copy" else model.OPTIMIZE
    if muxer == "flac" and video is None:
        return model.DETECTION
    if muxer == "image2":
        return model.THUMBNAILS
    return model.OTHER


def _video(command: Command, output: File, streams: tuple[OutputStream, ...]) -> Video | None:
    stream = next((s for s in streams if s.media == "video"), None)
    if stream is None:
        return None
    facts = graphs.read(stream.graph.parsed) if stream.graph else None
    pad = facts.pad if facts else stream.pad
    hint = _video_decoder(command, pad)
    return Video(
        index=stream.index,
        pad=pad,
        decoder=hint.value if hint else None,
        decoder_specifier=hint.specifier if hint else None,
        hwaccel=_hwaccel(command),
        encoder=stream.encoder,
        specifier=stream.specifier,
        graph=stream.graph.text if stream.graph else None,
        label=stream.label,
        filters=facts.filters if facts else (),
        unread=facts.unread if facts else None,
        width=facts.width if facts else None,
        height=facts.height if facts else None,
        ten_bit=facts.ten_bit if facts else False,
        tonemap=facts.tonemap if facts else None,
        tonemap_filter=facts.tonemap_filter if facts else None,
        gate=facts.gate if facts else None,
        fps=values.rate(output.get("r", stream.specifier)),
        options=_own_options(output, stream.index),
    )


def _own_options(output: File, index: int) -> tuple[tuple[str, str], ...]:
    """Return the options of the video stream; those without a specifier mean every stream that knows them."""
    return tuple(
        (option.key, option.value)
        for option in output.options
        if option.value is not None and option.key not in ("codec", "metadata") and is_of_video(option, index)
    )


def _video_decoder(command: Command, pad: str | None) -> Option | None:
    """Find the hint for the video stream, by its name first, since `0` and `#0x01` may mean the same stream."""
    if not command.inputs:
        return None
    hints = command.inputs[0].every("codec")
    named = next((hint for hint in hints if hint.value in codecs.VIDEO_DECODERS), None)
    if named is not None:
        return named
    parsed = specifier.parse_pad(pad or "")
    texts = {parsed.specifier.text if parsed else "0", "v", "v:0"}
    return next((hint for hint in hints if hint.specifier in texts), None)


def _hwaccel(command: Command) -> str | None:
    asked = command.inputs[0].every("hwaccel") if command.inputs else ()
    return asked[0].value if asked and asked[0].value != "none" else None


def _source_backend(video: Video | None) -> str:
    """Tell from hardware decode first, then from filters, then from the encoder what the command was written for."""
    if video is None:
        return "none"
    if video.encoder == "copy":
        return "copy"
    accelerators = {"vaapi": "vaapi", "nvdec": "nvenc", "cuda": "nvenc", "cuvid": "nvenc"}
    decode = accelerators.get(video.hwaccel or "")
    encode = codecs.VIDEO_ENCODERS.get(video.encoder or "", ("", ""))[1]
    if decode and encode == "sw":
        return "vaapi+sw" if decode == "vaapi" else "nvdec+sw"
    if decode:
        return decode
    if any(name.endswith(("_vaapi", "_opencl")) for name in video.filters):
        return "vaapi"
    if any(name.endswith("_cuda") for name in video.filters):
        return "nvenc"
    return encode or "sw"


def _audio(command: Command, output: File, stream: OutputStream) -> AudioStream:
    parsed = specifier.parse_pad(stream.pad or "")
    decoder = None
    if parsed is not None and parsed.file < len(command.inputs):
        decoder = command.inputs[parsed.file].get("codec", parsed.specifier.text)
    resample = stream.graph.parsed.first("aresample") if stream.graph else None
    layout = (resample.get("ochl") or resample.get("ocl") or resample.get("out_chlayout")) if resample else None
    layout = layout or output.get("channel_layout", str(stream.index))
    rate = values.integer(resample.get("osr") if resample else output.get("ar", str(stream.index)))
    return AudioStream(stream.index, stream.pad, decoder, stream.encoder, layout, rate)


def _subtitle(
    command: Command, source: Source | None, main: tuple[OutputStream, ...], video: Video | None, kind: str
) -> Subtitle:
    facts = graphs.read(graphs.parse(video.graph)) if video and video.graph else None
    if facts and facts.burn:
        return _burn(command, source, facts)
    mode, pad = "none", None
    outputs = command.outputs
    if kind == model.SUB_SIDE_CHANNEL:
        mode, pad = "side-channel", main[0].pad if main else None
    elif extra := next((o for o in outputs[1:] if o.get("segment_format") in _TEXT_FORMATS), None):
        mode, pad = "side-channel", extra.get("map")
    elif extra := next((o for o in outputs[1:] if o.get("f") in ("srt", "ass", "webvtt")), None):
        mode, pad = "sidecar-file", extra.get("map")
    elif soft := next((stream for stream in main if stream.media == "subtitle"), None):
        mode, pad = "copy", soft.pad
    return Subtitle(mode, pad, _subtitle_codec(command, source, pad))


def _burn(command: Command, source: Source | None, facts: GraphFacts) -> Subtitle:
    """Return what is drawn into the picture; a null sink tells the stream when nothing binds it."""
    outputs = command.outputs
    pads = [option.value for option in outputs[0].every("map_inlineass")]
    pads = pads or [sink.get("map") for sink in outputs[1:] if sink.get("f") == "null"]
    named = (facts.burn_pad,) if facts.burn_pad else tuple(pad for pad in pads if pad)
    pad = named[0] if named else None
    codec = _subtitle_codec(command, source, pad)
    mode = "burn-bitmap" if codec in codecs.BITMAP_SUBTITLES else facts.burn or "none"
    parsed = specifier.parse_pad(pad or "")
    stream = probed(source, parsed) if parsed else None
    return Subtitle(mode, pad, codec, facts.styles, named, stream.animated if stream else None)


def _subtitle_codec(command: Command, source: Source | None, pad: str | None) -> str | None:
    parsed = specifier.parse_pad(pad or "")
    if parsed is None:
        return None
    stream = probed(source, parsed)
    if stream is not None:
        return stream.codec
    if parsed.file < len(command.inputs):
        suffix = command.inputs[parsed.file].url.rpartition(".")[2]
        return {"srt": "subrip", "ass": "ass", "ssa": "ass", "vtt": "webvtt"}.get(suffix)
    return None


def _hdr(source: Source | None, video: Video | None) -> bool | None:
    parsed = specifier.parse_pad(video.pad or "") if video else None
    stream = probed(source, parsed) if parsed else None
    if stream is not None and stream.transfer is not None:
        return stream.transfer in codecs.HDR_TRANSFERS
    return True if video is not None and video.tonemap else None


def _seek(command: Command) -> float | None:
    for file in command.files:
        for option in file.options:
            if option.key == "ss":
                return values.seconds(option.value)
    return None


def _segment_seconds(output: File) -> float | None:
    return values.seconds(output.get("seg_duration") or output.get("segment_time"))


def _output_file(output: File) -> OutputFile:
    muxer = output.get("f")
    if muxer == "dash":
        first = values.integer(output.get("skip_to_segment")) or 1
        return OutputFile(
            output.url,
            muxer,
            output.get("init_seg_name"),
            output.get("media_seg_name"),
            first,
            _url(output.get("manifest_name")),
        )
    if muxer in _SEGMENT_MUXERS:
        first = values.integer(output.get("segment_start_number")) or 0
        header, listed = output.get("segment_header_filename"), _url(output.get("segment_list"))
        return OutputFile(output.url, muxer, header, output.url, first, listed)
    return OutputFile(output.url, muxer)


def _url(text: str | None) -> str | None:
    return text if text is not None and "://" in text else None


def _identity(urls: tuple[str | None, ...]) -> tuple[str | None, str | None]:
    """Read session and job off a callback URL; servers of 2016 had one id only."""
    for url in urls:
        if url is not None and _SESSION in url:
            parts = url.partition(_SESSION)[2].split("?")[0].split("/")
            return parts[0] or None, (parts[1] if len(parts) > 2 else None)
    return None, None
