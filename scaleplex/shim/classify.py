"""What PMS wants of this spawn, read off argv and working directory; pure.

Most kinds go to the fleet. The ones that need the Plex host itself stay: capability queries, preview thumbnails,
credits detection, tuner and live TV input, and whatever is not recognised. The order of the tests is that of the table
in docs/explanation/shim.md.
"""

SESSION_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-")
JOB_LENGTH = 36  # a lowercase UUID
SEGMENTERS = frozenset(("dash", "segment", "ssegment"))
SUBTITLE_FORMATS = frozenset(("srt", "ass", "ssa", "webvtt"))
# Names start so whatever the backend: libx264, h264_vaapi, hevc_nvenc, av1_qsv.
VIDEO_ENCODERS = ("libx26", "h264", "hevc", "av1", "libsvtav1", "libaom", "vp9", "libvpx", "mpeg2video", "mpeg4")
# Video decoders PMS names, and the codec of each; and the same for encoders, by how their names begin.
DECODED = {
    **{name: name for name in ("h264", "hevc", "av1", "vp9", "vp8", "mpeg2video", "mpeg4", "vc1")},
    "libdav1d": "av1",
}
ENCODED = (("libx264", "h264"), ("h264_", "h264"), ("libx265", "hevc"), ("hevc_", "hevc"))


def local_reason(args: list[str], cwd: str, detection: str, token: str) -> str | None:
    """Return why this job stays on the Plex host, or None when a worker may run it.

    Args:
        args: argv after the program name.
        cwd: working directory, empty when it is gone.
        detection: ``remote`` or ``local``, the operator's wish for detection jobs.
        token: the Plex token of the environment, empty if none.
    """
    inputs = input_urls(args)
    if not inputs:
        return "no-input"
    outputs = output_part(args)
    formats = values_of(outputs, "-f")
    progress = next(iter(values_of(args, "-progressurl")), "")
    # PMS most likely reads the thumbnail job's stderr for frame times: only an exec gives it unchanged.
    if not progress and ("image2" in formats or any(a.startswith("thumb-") for a in outputs)):
        return "thumbnails"
    if "/PlexCreditsDetection-" in cwd or any("/PlexCreditsDetection-" in a for a in args):
        return "credits-detection"
    network = _network_reason(inputs)
    if network:
        return network
    if "X-Plex-Token=" in " ".join(args) or (token and any(token in a for a in args)):
        return "token-in-argv"
    if "flac" in formats and detection_output(outputs):
        return None if detection == "remote" else "detection"
    if "/music/:/transcode/" in progress:
        return "music"
    if any(a.startswith("/") and "/Plex Versions/" in a for a in outputs):
        return None
    # With a segmenter: streaming. Without: a download, one file somewhere; the worker's policy knows whether it may.
    if progress or (SEGMENTERS.intersection(formats) and any("/transcode/session/" in a for a in outputs)):
        return None
    return "not-recognised"


def _network_reason(inputs: list[str]) -> str | None:
    for url in inputs:
        if "://127.0.0.1" in url or "://localhost" in url:
            return "loopback-input"
        if "://" in url or url == "-" or url.startswith("pipe:"):
            return "network-input"
    return None


def identify(args: list[str], cwd: str, port: int) -> tuple[str, str] | None:
    """Return session and job id, or None when the job has none that could be called back.

    They stand in ``-progressurl``, in any other callback URL, in the directory's name, or, for detection, in the name
    of the output. Session ids hold dashes themselves, so the directory's last 36 characters are the job.
    """
    origin = callback_origin(port) + "/"
    for url in values_of(args, "-progressurl") + [a for a in args if a.startswith(origin)]:
        parts = url.split("?", 1)[0].split("/transcode/session/", 1)[-1].split("/")
        if url.startswith(origin) and len(parts) >= 2 and _valid(parts[0], parts[1]):
            return parts[0], parts[1]
    name = cwd.rsplit("/", 1)[-1]
    if name.startswith("plex-transcode-"):
        session, job = name[len("plex-transcode-") : -JOB_LENGTH - 1], name[-JOB_LENGTH:]
        if name[-JOB_LENGTH - 1] == "-" and _valid(session, job):
            return session, job
    job = detection_output(output_part(args))
    return (job, job) if _valid(job, job) else None


def _valid(session: str, job: str) -> bool:
    # ".." is made of allowed characters, but stands in paths and URLs.
    return (
        1 <= len(session) <= 128
        and bool(session.strip("."))
        and SESSION_CHARACTERS.issuperset(session)
        and is_uuid(job)
    )


def is_uuid(text: str) -> bool:
    """Tell whether a text is a UUID in lowercase."""
    return [len(part) for part in text.split("-")] == [8, 4, 4, 4, 12] and set(text) <= set("0123456789abcdef-")


def callback_origin(port: int) -> str:
    """Return what every callback URL of PMS starts with."""
    return f"http://127.0.0.1:{port}"


def calls_back(args: list[str], port: int) -> bool:
    """Tell whether the argv holds a URL on PMS, so that a worker needs the relay."""
    return any(callback_origin(port) in a for a in args)


def kind_of(args: list[str]) -> str:
    """Return ``subtitle`` for a job that only segments a subtitle, else ``video``."""
    outputs = output_part(args)
    formats, pieces = values_of(outputs, "-f"), values_of(outputs, "-segment_format")
    only_subtitles = pieces and SUBTITLE_FORMATS.issuperset(pieces) and SEGMENTERS.issuperset(formats)
    return "subtitle" if only_subtitles and "dash" not in formats else "video"


def encodes_video(args: list[str]) -> bool:
    """Tell whether an output encodes video."""
    outputs = output_part(args)
    return any(
        value.startswith(VIDEO_ENCODERS)
        for option, value in pairs(outputs)
        if option.split(":")[0] in ("-codec", "-c", "-vcodec")
    )


def needs(args: list[str]) -> dict[str, object]:
    """Return what the scheduler wants to know of the video, at a glance; codecs as ffprobe names them.

    The worker reads the argv properly. Here a wrong guess costs a detour at most, so nothing is parsed.
    """
    found: dict[str, object] = {"video_encode": encodes_video(args)}
    codecs = ("-codec", "-c", "-vcodec")
    outputs = output_part(args)
    decoders = [v for o, v in pairs(args[: len(args) - len(outputs)]) if o.split(":")[0] in codecs]
    decode = next((DECODED[name] for name in decoders if name in DECODED), "")
    if decode:
        found["decode"] = decode
    for prefix, codec in ENCODED:
        if any(v.startswith(prefix) for o, v in pairs(outputs) if o.split(":")[0] in codecs):
            found["encode"] = codec
            # HEVC of a graph that never leaves ten bits: an HDR film that stays one.
            graph = " ".join(values_of(outputs, "-filter_complex"))
            if codec == "hevc" and "format=p010" in graph and "tonemap" not in graph:
                found["ten_bit"] = True
            break
    return found


def input_urls(args: list[str]) -> list[str]:
    """Return the value of each ``-i``."""
    return values_of(args, "-i")


def output_part(args: list[str]) -> list[str]:
    """Return what stands after the last input: only there do ``-f`` and ``-codec`` speak of outputs."""
    last = max((i for i, a in enumerate(args[:-1]) if a == "-i"), default=-2)
    return args[last + 2 :]


def detection_output(outputs: list[str]) -> str:
    """Return the file name of a detection job's output, empty when it is none."""
    return next((a.rsplit("/", 1)[-1] for a in outputs if a.startswith("/") and "/Transcode/Detection/" in a), "")


def values_of(args: list[str], option: str) -> list[str]:
    """Return the values of every occurrence of an option."""
    return [value for name, value in pairs(args) if name == option]


def pairs(args: list[str]) -> list[tuple[str, str]]:
    """Return every argument with its successor."""
    return list(zip(args, args[1:], strict=False))  # noqa: RUF007 - itertools is one module more to load
