"""Muxers: what FFmpeg 7.1 needs to be told so that it writes what Plex's transcoder writes."""

from __future__ import annotations

from scaleplex.ffmpeg import values
from scaleplex.ffmpeg.argv import Command, File, Option
from scaleplex.translator.plan import Context

_SEGMENT_MUXERS = ("segment", "ssegment", "stream_segment")
_INNER = "segment_format_options"


def muxer(command: Command, context: Context) -> Command:
    """Adjust every output that is written in segments."""

    def change(number: int, output: File) -> File:
        if output.get("f") not in _SEGMENT_MUXERS:
            return output
        inner = output.get("segment_format")
        if inner == "matroska":
            return _global_header(_duration(output, context), context)
        if inner == "mpegts":
            return _first_segment(output, context)
        return output

    return command.map_outputs(change)


def _duration(output: File, context: Context) -> File:
    """Let the Matroska header carry a duration.

    FFmpeg leaves it out of a live file, Plex's transcoder does not; otherwise `live=0` gives the same bytes (measured).
    The value is the source's duration, as Plex's transcoder derives it: less the start time unless timestamps are kept.
    """
    items = values.dictionary(output.get(_INNER) or "")
    if ("live", "1") not in items and ("live", "0") not in items:
        return output
    if ("live", "1") in items:
        context.labels.add("mux", "live=1->live=0")
        changed = [(key, "0") if key == "live" else (key, value) for key, value in items]
        output = output.set(_INNER, None, values.print_dictionary(changed))
    source = context.source
    if source is None or not source.duration_seconds:
        return output
    if any((option.value or "").startswith("duration=") for option in output.every("metadata")):
        return output
    length = source.duration_seconds
    if not context.facts.copyts:
        length -= source.start_seconds or 0.0
    context.labels.add("set", "-metadata=duration")
    new = Option("metadata", None, f"duration={values.print_seconds(length)}")
    anchor = output.find(_INNER)
    return output if anchor is None else output.insert_after(anchor, [new])


def _global_header(output: File, context: Context) -> File:
    """Ask encoders for global headers: `ssegment` does not, and without them no Matroska header can be written."""
    flags = output.find("flags")
    if output.get("f") != "ssegment" or (flags is not None and "global_header" in (flags.value or "")):
        return output
    context.labels.add("set", "-flags=+global_header")
    return output.set("flags", None, (flags.value or "" if flags else "") + "+global_header")


def _first_segment(output: File, context: Context) -> File:
    """Hand `avoid_negative_ts` to the mpegts muxer inside, which the segment muxer does not.

    With B-frames the first decode time is below zero, and the inner muxer moves it up (83 ms at 24 fps): the first
    file alone where every file has a muxer of its own; the whole job, against others of the session, where one
    muxer writes them all.
    """
    inner = output.get(_INNER) or ""
    if any(key in ("avoid_negative_ts", "output_ts_offset") for key, _ in values.dictionary(inner)):
        return output
    context.labels.add("mux", "avoid_negative_ts=disabled")
    addition = "avoid_negative_ts=disabled"
    return output.set(_INNER, None, f"{inner}:{addition}" if inner else addition)
