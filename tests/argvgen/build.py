"""Write the argument list of a shape."""

from tests.argvgen import graphs
from tests.argvgen.shapes import Shape

SESSION = "5f1e0c9a-7d43-4a52-9b8e-2c6a1f0d3e77"
JOB = "c0a4d6b2-18ef-4f39-8a71-6e5b9d2c4f10"
SESSION_DIR = f"/transcode/Transcode/Sessions/plex-transcode-{SESSION}-{JOB}"
CALLBACK = f"http://127.0.0.1:32400/video/:/transcode/session/{SESSION}/{JOB}"
MEDIA = "/media/Films/A Film, or Two (2019) {id-42}/A Film's Cut [1080p][x-y].mkv"
OPTIMIZED = "/media/Films/A Film (2019)/Plex Versions/Optimized for TV/.inProgress/A Film (2019).mp4.118"
DETECTED = "/transcode/Transcode/Detection/0d9f7b51-2a6c-4e0b-8f13-7a5c3e9d1b24"

_PROBING = ["-analyzeduration", "20000000", "-probesize", "20000000"]
_PLAIN_MAPS = ["-map_metadata", "-1", "-map_chapters", "-1"]
_DEVICES = {
    "vaapi": ["-init_hw_device", "vaapi=vaapi:/dev/dri/renderD128,driver=iHD", "-filter_hw_device", "vaapi"],
    "nvenc": ["-init_hw_device", "cuda=cuda:pci:0000:0d:00.0", "-filter_hw_device", "cuda"],
    "vaapi+sw": ["-init_hw_device", "vaapi=vaapi:/dev/dri/renderD128,driver=iHD", "-filter_hw_device", "vaapi"],
    "nvdec+sw": ["-init_hw_device", "cuda=cuda:pci:0000:0d:00.0", "-filter_hw_device", "cuda"],
}
_STREAMED = ("dash", "hls-matroska", "hls-mpegts", "segmented-matroska", "sub-side-channel")


#: Source audio → the hint PMS writes.
DECODERS = {
    "aac": "aac",
    "dts": "dca",
    "ac3": "ac3_eae",
    "truehd": "truehd_eae",
    "opus": "opus",
    "flac": "flac",
    "alac": "alac",
    "mp3": "mp3",
}


def build(shape: Shape) -> list[str]:
    """Return the arguments PMS would give, the program name not included."""
    if shape.kind == "thumbnails":
        return _thumbnails(shape)
    words = _inputs(shape)
    middle = _middle(shape)
    late = shape.era in ("2020", "2023")
    if not late:
        words += middle
    words += {"detection": _detection, "sub-side-channel": _side_channel_alone}.get(shape.kind, _main)(shape)
    words += _extra(shape)
    if late:
        words += middle
    return words


def number(value: float) -> str:
    """Print a number as PMS does."""
    return repr(value) if value != int(value) else str(int(value))


def _spec(shape: Shape, index: int) -> str:
    return f"#0x{index + 1:02x}" if shape.hex_ids else str(index)


def audio_index(shape: Shape) -> int:
    """Return the stream index of the chosen audio track."""
    return 2 if shape.audio == "second" else 1


def _video_block(shape: Shape) -> list[str]:
    spec = _spec(shape, 0)
    hardware = shape.backend in _DEVICES
    decoder = "libdav1d" if shape.codec == "av1" and not hardware else shape.codec
    words = [f"-codec:{spec}", decoder]
    if not hardware:
        return words
    vaapi = shape.backend.startswith("vaapi")
    words += [f"-hwaccel:{spec}", "vaapi" if vaapi else "nvdec"]
    if not vaapi:
        words += [f"-threads:{spec}", "1"]
    if shape.era == "2020":
        words += [f"-hwaccel_fallback_threshold:{spec}", "10"]
    if "+" not in shape.backend:
        words += [f"-hwaccel_output_format:{spec}", "vaapi" if vaapi else "cuda"]
    if shape.era != "2020":
        words += [f"-hwaccel_device:{spec}", "vaapi" if vaapi else "cuda"]
    return words


def _audio_block(shape: Shape) -> list[str]:
    spec = _spec(shape, audio_index(shape))
    if shape.audio == "copy":
        return []
    decoder = DECODERS.get(shape.audio, "eac3_eae")
    words = [f"-codec:{spec}", decoder]
    return words + ([f"-eae_prefix:{spec}", f"{SESSION}_"] if decoder.endswith("_eae") else [])


def staged(shape: Shape) -> int:
    """Return how many subtitle files PMS has put into the session directory."""
    return 1 if shape.subtitle.endswith("staged") or shape.kind == "sub-side-channel" else 0


def _inputs(shape: Shape) -> list[str]:
    seek = ["-ss", number(shape.seek)] if shape.seek else []
    if shape.backend == "copy":
        seek = [*seek, "-noaccurate_seek"]
    words: list[str] = []
    if shape.kind != "sub-side-channel":
        words += [] if shape.kind == "detection" else _video_block(shape)
        words += [*_audio_block(shape), *seek, *_PROBING, "-i", MEDIA]
    for index in range(staged(shape)):
        words += [*seek, *_PROBING, "-i", f"{SESSION_DIR}/temp-{index}.srt"]
    return words


def _middle(shape: Shape) -> list[str]:
    words: list[str] = []
    late = shape.era in ("2020", "2023")
    if shape.kind in _STREAMED:
        words += ["-start_at_zero", "-copyts"]
        if not shape.seek:
            words += ["-vsync" if late else "-fps_mode", "cfr"]
    devices = _DEVICES.get(shape.backend, [])
    words += [] if shape.era == "2020" else devices
    words += ["-y"]
    if shape.era == "2020" and devices:
        words += ["-vaapi_device", "/dev/dri/renderD128"]
    words += ["-nostats", "-loglevel", "quiet", "-loglevel_plex", "error"]
    return [*words, "-progressurl", f"{CALLBACK}/progress"]


def _encoder(shape: Shape) -> list[str]:
    target = "hevc" if shape.ten_bit else "h264"
    forced = ["-force_key_frames:0", f"expr:gte(t,{'0+' if shape.era == '2020' else ''}n_forced*{shape.segment})"]
    forced = forced if shape.kind in _STREAMED[:4] else []
    rate = ["-maxrate:0", "3419k", "-bufsize:0", "6838k"]
    if shape.backend == "vaapi":
        quality = ["-b:0", "2564k"] if shape.era == "2020" else ["-qp:0", "22"]
        sei = ["-sei:0", "-a53_cc"] if shape.ten_bit else []
        return ["-codec:0", f"{target}_vaapi", *quality, *rate, "-r:0", "23.975999999999999", *sei, *forced]
    if shape.backend == "nvenc":
        first = ["-codec:0", f"{target}_nvenc", "-b:0", "3419k", *rate, "-forced-idr:0", "1"]
        return [*first, "-r:0", "23.975999999999999", *forced]
    words = ["-codec:0", "libx264", "-crf:0", "23", *rate, "-r:0", "24", "-preset:0", "veryfast"]
    words += ["-level:0", "4.0"] if shape.kind == "optimize" else []
    x264 = "subme=1:me_range=4:rc_lookahead=10:me=hex:8x8dct=0:partitions=none"
    return [*words, "-x264opts:0", x264, *forced]


def _main(shape: Shape) -> list[str]:
    video, label = graphs.video(shape, _spec(shape, 0))
    sound, sound_label = graphs.audio(shape, _spec(shape, audio_index(shape)), label + 1 if video else 0)
    words: list[str] = []
    if shape.subtitle.startswith("burn-") and shape.subtitle != "burn-bitmap":
        words += ["-map_inlineass", "1:s:0" if staged(shape) else "0:3"]
    if shape.era == "2020" and video:
        words += ["-filter_complex", video, *(["-filter_complex", sound] if sound else [])]
    elif video:
        words += ["-filter_complex", video]
    words += ["-map", f"[{label}]" if video else "0:0", "-metadata:s:0", "language=eng"]
    words += _encoder(shape) if video else ["-codec:0", "copy"]
    if sound:
        words += [] if shape.era == "2020" and video else ["-filter_complex", sound]
        words += ["-map", f"[{sound_label}]", "-metadata:s:1", "language=eng", "-codec:1", shape.sound, "-b:1", "256k"]
        words += ["-bsf:1", "framedrop=count=2"] if shape.audio == "framedrop" else []
    else:
        words += ["-map", f"0:{audio_index(shape)}", "-metadata:s:1", "language=eng", "-codec:1", "copy"]
        words += ["-copypriorss:1", "0"]
    if shape.subtitle.startswith("soft"):
        words += ["-map", "1:s:0" if staged(shape) else "0:3", "-metadata:s:2", "language=eng", "-codec:2", "copy"]
        words += ["-strict_ts:2", "0"]
    return words + _muxer(shape)


def _muxer(shape: Shape) -> list[str]:
    return {
        "dash": _dash,
        "hls-matroska": _hls,
        "hls-mpegts": _hls,
        "segmented-matroska": _desktop,
        "optimize": _mp4,
        "optimize-remux": _mp4,
    }[shape.kind](shape)


def _dash(shape: Shape) -> list[str]:
    old = ["-time_delta", "0.0625"] if shape.era != "today" else []
    return [
        *("-f", "dash", "-seg_duration", str(shape.segment), "-dash_segment_type", "mp4"),
        *("-init_seg_name", "init-stream$RepresentationID$.m4s"),
        *("-media_seg_name", "chunk-stream$RepresentationID$-$Number%05d$.m4s"),
        *("-window_size", "5", "-delete_removed", "false"),
        *("-skip_to_segment", str(int(shape.seek // shape.segment) + 1), *old),
        *("-manifest_name", f"{CALLBACK}/manifest?X-Plex-Http-Pipeline=infinite"),
        *("-avoid_negative_ts", "disabled", *_PLAIN_MAPS, "dash"),
    ]


def _list(query: str = "") -> list[str]:
    url = f"{CALLBACK}/manifest?{query}X-Plex-Http-Pipeline=infinite"
    return ["-segment_list", url, "-segment_list_type", "csv", "-segment_list_size", "5"]


def _hls(shape: Shape) -> list[str]:
    matroska = shape.kind == "hls-matroska"
    header = ["-flags", "+global_header", "-segment_header_filename", "header"] if matroska else []
    return [
        *("-segment_format", "matroska" if matroska else "mpegts", "-f", "ssegment"),
        *("-individual_header_trailer", "0", *header, "-segment_time", str(shape.segment)),
        *("-segment_start_number", str(int(shape.seek // shape.segment)), "-segment_time_delta", "0.0625"),
        *_list(),
        *("-segment_list_separate_stream_times", "1", "-segment_list_unfinished", "1"),
        *(("-segment_format_options", "output_ts_offset=10") if matroska else ()),
        *("-max_delay", "5000000", "-avoid_negative_ts", "disabled", *_PLAIN_MAPS, "media-%05d.ts"),
    ]


def _desktop(shape: Shape) -> list[str]:
    return [
        *("-f", "segment", "-segment_format", "matroska", "-segment_format_options", "live=1"),
        *("-segment_time", str(shape.segment), "-segment_header_filename", "header", "-segment_start_number", "0"),
        *_list(),
        *("-segment_list_unfinished", "1", "-segment_list_separate_stream_times", "1"),
        *("-avoid_negative_ts", "disabled", *_PLAIN_MAPS, "chunk-%05d"),
    ]


def _mp4(shape: Shape) -> list[str]:
    return ["-f", "mp4", *_PLAIN_MAPS, "-movflags", "+faststart", OPTIMIZED]


def _detection(shape: Shape) -> list[str]:
    sound, label = graphs.audio(shape, _spec(shape, audio_index(shape)), 0)
    return [
        *("-filter_complex", sound, "-map", f"[{label}]", "-metadata:s:0", "language=eng"),
        *("-codec:0", "flac", "-b:0", "4096k", "-f", "flac", *_PLAIN_MAPS, "-t", "4.5", DETECTED),
    ]


def _side_channel_alone(shape: Shape) -> list[str]:
    return [
        *("-map", "0:s:0", "-metadata:s:0", "language=eng", "-codec:0", "copy", "-strict_ts:0", "0"),
        *("-f", "segment", "-segment_format", "srt", "-segment_time", "1", "-segment_start_number", "0"),
        *("-segment_list", f"{CALLBACK}/manifest?X-Plex-Http-Pipeline=infinite", "-segment_list_type", "csv"),
        *("-avoid_negative_ts", "disabled", "chunk-%05d"),
    ]


def _extra(shape: Shape) -> list[str]:
    pad = "1:s:0" if staged(shape) else "0:3"
    if shape.subtitle in ("burn-text", "burn-staged"):
        return ["-map", pad, "-f", "null", "-codec", "ass", "nullfile"]
    if shape.subtitle.startswith("side-channel"):
        return [
            *("-map", pad, "-metadata:s:0", "language=eng", "-codec:0", "ass", "-strict_ts:0", "0"),
            *("-f", "segment", "-segment_format", "ass", "-segment_time", "1"),
            *("-segment_header_filename", "sub-header", "-segment_start_number", "0", *_list("stream=subtitles&")),
            *("-segment_list_separate_stream_times", "1", "-segment_format_options", "ignore_readorder=1"),
            *("-segment_list_unfinished", "1", "-fflags", "+flush_packets", "sub-chunk-%05d"),
        ]
    if shape.subtitle == "sidecar-file":
        words = ["-map", pad, "-metadata:s:0", "language=eng", "-codec:0", "copy", "-strict_ts:0", "0"]
        return [*words, "-f", "srt", f"{OPTIMIZED}.4711.sidecar"]
    return []


def _thumbnails(shape: Shape) -> list[str]:
    return [
        *("-codec:v", "libdav1d" if shape.codec == "av1" else shape.codec, "-y", "-threads", "1"),
        *("-skip_frame", "noref", "-ss", number(shape.seek), "-i", MEDIA),
        *("-vf", "[in]fps=0.5,scale=w=320:h=320:force_original_aspect_ratio=increase,showinfo[out]"),
        *("-vsync", "passthrough", "-f", "image2", "thumb-%05d.jpeg"),
    ]
