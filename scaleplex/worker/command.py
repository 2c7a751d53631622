"""What the worker adds to a translated command line for its own use. Pure.

The translation says what is transcoded; this says how the worker watches it: progress on a pipe, throttling by signal,
no terminal. Global options in front, so that nothing in Plex's part changes its place.
"""

from collections.abc import Sequence
from dataclasses import replace

from scaleplex.ffmpeg import argv
from scaleplex.worker.policy.options import LIBRARY_FORMATS

# The option of our ffmpeg (patch "fftools: throttle by signal"); SIGUSR1 slows the video down, SIGUSR2 sets it free.
THROTTLE_OPTION = "throttle_signals"
# Another one (patch "fftools: progress in timestamps"): progress says where in the film the job is.
PLACE_OPTION = "progress_timestamps"
PROGRESS_PERIOD_SECONDS = 0.5
#: Options of an input, for ffmpeg and ffprobe; behind what Plex gave, so that they are the ones that count.
INPUT_LIMITS = (("protocol_whitelist", "file"), ("format_whitelist", ",".join(LIBRARY_FORMATS)))
SILENT_LEVELS = ("quiet", "-8")


def for_worker(words: Sequence[str], progress_fd: int) -> list[str]:
    """Return the arguments ffmpeg is started with.

    Args:
        words: the translated argv, the program name not included.
        progress_fd: number of the pipe's end in the child.
    """
    command = argv.parse(words).map_inputs(_files_only)
    return [
        "-hide_banner",
        "-nostdin",
        "-nostats",
        "-progress",
        f"pipe:{progress_fd}",
        "-stats_period",
        str(PROGRESS_PERIOD_SECONDS),
        "-" + PLACE_OPTION,
        "1",
        "-" + THROTTLE_OPTION,
        "1",
        *argv.emit(command),
    ]


def _files_only(_: int, file: argv.File) -> argv.File:
    """Let an input open files only, and be what a library holds: a film may be a text that lists other files."""
    limits = (argv.Option(name, None, value) for name, value in INPUT_LIMITS)
    return replace(file, options=(*file.options, *limits))


def asks_for_silence(words: Sequence[str]) -> bool:
    """Return whether Plex's argv tells ffmpeg to write nothing to stderr."""
    levels = [option.value for option in argv.parse(words).options() if option.key == "loglevel"]
    return bool(levels) and levels[-1] in SILENT_LEVELS
