"""The argv PMS writes for a job, option by option in its own order (recorded argv, PMS 1.40 and later)."""

from pathlib import Path

from scaleplex.demo.pms.decision import Decision

PROBING = ("-analyzeduration", "20000000", "-probesize", "20000000")
EAE_DECODERS = {"eac3": "eac3_eae", "ac3": "ac3_eae", "truehd": "truehd_eae"}
LIST_OPTIONS = (
    *("-segment_list_type", "csv", "-segment_list_size", "5"),
    *("-segment_list_separate_stream_times", "1", "-segment_list_unfinished", "1"),
)


def write_argv(decision: Decision, session: str, job: str, cwd: Path, origin: str) -> list[str]:
    """Return the arguments after the program's name.

    Args:
        decision: what to make.
        session: the client's id.
        job: this spawn's UUID.
        cwd: the session directory; staged subtitles are named with their full path.
        origin: scheme, host and port of the callback URLs.
    """
    base = f"{origin}/video/:/transcode/session/{session}/{job}"
    argv = [*first_input(decision, session), *further_inputs(decision, cwd), "-start_at_zero", "-copyts"]
    if decision.first_number == 0:
        argv += ["-fps_mode", "cfr"]
    argv += ["-y", "-nostats", "-loglevel", "quiet", "-loglevel_plex", "error", "-progressurl", f"{base}/progress"]
    argv += [*video_stream(decision), *audio_stream(decision)]
    manifest = f"{base}/manifest?X-Plex-Http-Pipeline=infinite"
    argv += dash_tail(decision, manifest) if decision.protocol == "dash" else hls_tail(decision, manifest)
    if decision.subtitle == "side-channel":
        argv += side_channel(base)
    return argv


def seek(decision: Decision) -> list[str]:
    return ["-ss", str(int(decision.start_seconds))] if decision.first_number else []


def first_input(decision: Decision, session: str) -> list[str]:
    audio = decision.audio
    args = ["-codec:0", decision.item.video_codec, f"-codec:{audio.index}", EAE_DECODERS.get(audio.codec, audio.codec)]
    if audio.codec in EAE_DECODERS:
        args += [f"-eae_prefix:{audio.index}", f"{session}_"]
    return [*args, *seek(decision), *PROBING, "-i", str(decision.item.path)]


def further_inputs(decision: Decision, cwd: Path) -> list[str]:
    if decision.subtitle == "none":
        return []
    return [*seek(decision), *PROBING, "-i", str(cwd / "temp-0.srt")]


def plex_number(value: float) -> str:
    """Return a double as PMS prints it, 17 significant digits: 24000/1001 becomes 23.975999999999999."""
    return f"{round(value, 3):.17g}"


def video_stream(decision: Decision) -> list[str]:
    width, height = decision.size
    quality = decision.quality
    graph = f"[0:0]scale=w={width}:h={height}:force_divisible_by=4[0];"
    last = 1
    if decision.item.hdr:
        graph += "[0]format=p010,tonemap=mobius[1];"
        last = 2
    graph += f"[{last - 1}]format=pix_fmts=yuv420p|nv12[{last}]"
    args = ["-filter_complex", graph, "-map", f"[{last}]", "-metadata:s:0", "language=eng", "-codec:0", "libx264"]
    args += ["-crf:0", str(quality.crf), "-maxrate:0", f"{quality.maxrate_kbps}k"]
    args += ["-bufsize:0", f"{2 * quality.maxrate_kbps}k", "-r:0", plex_number(float(decision.item.rate))]
    args += ["-preset:0", "veryfast"]
    if not decision.cautious:
        args += ["-x264opts:0", quality.x264opts]
    return [*args, "-force_key_frames:0", f"expr:gte(t,n_forced*{decision.segment_seconds})"]


def audio_stream(decision: Decision) -> list[str]:
    label = 3 if decision.item.hdr else 2  # labels count on from the video graph's
    track = decision.audio
    graph = f"[0:{track.index}] aresample=async=1:ochl='stereo':rematrix_maxval=0.000000dB:osr=48000[{label}]"
    args = ["-filter_complex", graph, "-map", f"[{label}]", "-metadata:s:1", f"language={track.language}"]
    return [*args, "-codec:1", "aac", "-b:1", f"{decision.quality.audio_kbps}k"]


def dash_tail(decision: Decision, manifest: str) -> list[str]:
    return [
        *("-f", "dash", "-seg_duration", str(decision.segment_seconds), "-dash_segment_type", "mp4"),
        *("-init_seg_name", "init-stream$RepresentationID$.m4s"),
        *("-media_seg_name", "chunk-stream$RepresentationID$-$Number%05d$.m4s"),
        *("-window_size", "5", "-delete_removed", "false", "-skip_to_segment", str(decision.first_number + 1)),
        *("-manifest_name", manifest, "-avoid_negative_ts", "disabled", "-map_metadata", "-1", "-map_chapters", "-1"),
        "dash",
    ]


def hls_tail(decision: Decision, manifest: str) -> list[str]:
    matroska = decision.protocol == "hls-mkv"
    args = [
        "-segment_format",
        "matroska" if matroska else "mpegts",
        "-f",
        "ssegment",
        "-individual_header_trailer",
        "0",
    ]
    if matroska:
        args += ["-flags", "+global_header", "-segment_header_filename", "header"]
    args += ["-segment_time", str(decision.segment_seconds), "-segment_start_number", str(decision.first_number)]
    args += ["-segment_time_delta", "0.0625", "-segment_list", manifest, *LIST_OPTIONS]
    if matroska:
        args += ["-segment_format_options", "output_ts_offset=10"]
    args += ["-max_delay", "5000000", "-avoid_negative_ts", "disabled", "-map_metadata", "-1", "-map_chapters", "-1"]
    return [*args, "media-%05d.ts"]


def side_channel(base: str) -> list[str]:
    return [
        *("-map", "1:s:0", "-metadata:s:0", "language=eng", "-codec:0", "ass", "-strict_ts:0", "0"),
        *("-f", "segment", "-segment_format", "ass", "-segment_time", "1", "-segment_header_filename", "sub-header"),
        *("-segment_start_number", "0"),
        *("-segment_list", f"{base}/manifest?stream=subtitles&X-Plex-Http-Pipeline=infinite"),
        *("-segment_list_type", "csv", "-segment_list_size", "5", "-segment_list_separate_stream_times", "1"),
        *("-segment_format_options", "ignore_readorder=1", "-segment_list_unfinished", "1"),
        *("-fflags", "+flush_packets", "sub-chunk-%05d"),
    ]
