"""Let ffmpeg read a command for a GPU that is not there, as far as the device.

ffmpeg parses every option, initialises every filter with its arguments and applies the encoder's options before it
configures the graph with the first frame; only that needs the device. So a command without its devices must get to
that point and end there, with one of a few messages. What is misspelt ends earlier and says something else.
"""

import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

from scaleplex.ffmpeg import argv, filtergraph
from scaleplex.ffmpeg.argv import File, Option
from scaleplex.ffmpeg.filtergraph import Filter, Filtergraph
from tests.corpus import media

#: Where a command without its device has to end: at the first filter that needs it.
ENDS = (
    "Impossible to convert between the formats supported by the filter 'graph ",
    "A hardware device reference is required to upload frames to.",
    "Mapping requires a hardware context",
)

#: What ffmpeg only warns of, and is a mistake of ours all the same. Timing warnings of generated clips are not.
MISTAKES = (
    "has not been used for any stream",
    "Option not found",
    "Unrecognized option",
    "deprecated",
    "is not a",
    "matches no streams",
    "Error applying",
    "Unable to parse",
    "out of range",
    "Invalid",
    "will be ignored",
)
_HARDWARE = ("hwaccel", "hwaccel_device", "hwaccel_output_format", "init_hw_device", "filter_hw_device")


@cache
def _draws() -> bool:
    """Return whether our ffmpeg has the filter subtitles are drawn with."""
    tool = media.tool()
    done = subprocess.run([tool, "-hide_banner", "-h", "filter=inlineass"], capture_output=True, check=False, text=True)
    return "Unknown filter" not in done.stdout + done.stderr


def film(clips: Path, suffix: str) -> Path:
    """Return one short film that has a stream wherever a generated command looks for one."""
    return media.make(media.Clip("h264", False, ("aac", "aac", "srt"), 2, suffix), clips)


def without_devices(words: tuple[str, ...], clips: Path) -> list[str]:
    """Return a command for a GPU without what opens it, and without drawing where our ffmpeg cannot.

    Its inputs become generated films, which any decoder ffmpeg chooses can read.
    """
    suffix = "mp4" if any("#0x" in word for word in words) else "mkv"

    def change(option: Option) -> Option | None:
        if option.key in _HARDWARE or (option.key == "map_inlineass" and not _draws()):
            return None
        if option.key == "filter_complex" and option.value and not _draws():
            graph = filtergraph.parse(option.value)
            changed = Filtergraph(tuple(tuple(map(_undrawn, chain)) for chain in graph.chains))
            return replace(option, value=filtergraph.emit(changed))
        return option

    def read(number: int, file: File) -> File:
        staged = file.url.endswith(".srt")
        place = media.subtitles(clips / "cues-2.srt", 2) if staged else film(clips, suffix)
        return replace(file.without(lambda option: option.key == "codec"), url=str(place))

    def write(number: int, file: File) -> File:
        return replace(file, url="out.mp4") if file.url.startswith("/") else file

    return argv.emit(argv.parse(words).map_options(change).map_inputs(read).map_outputs(write))


def _undrawn(found: Filter) -> Filter:
    return replace(found, name="null", arguments=(), has_arguments=False) if found.name == "inlineass" else found


def mistakes(words: tuple[str, ...], clips: Path, room: Path) -> list[str]:
    """Run a command without its devices; return what ffmpeg says against it, nothing when it ends where it should."""
    tool = media.tool()
    # ffmpeg obeys the last -loglevel; warnings tell of options that nothing uses.
    placed = ["warning" if word == "repeat+level+error" else word for word in without_devices(words, clips)]
    done = subprocess.run(
        [tool, "-nostdin", "-hide_banner", *placed], cwd=room, capture_output=True, timeout=60, check=False
    )
    said = done.stderr.decode(errors="replace").splitlines()
    allowed = [line for line in said if any(end in line for end in ENDS)]
    # Once the first filter has no device, everything behind it fails with "Invalid argument"; before is what counts.
    before = said[: said.index(allowed[0])] if allowed else said
    wrong = [line for line in before if any(mistake in line for mistake in MISTAKES)]
    return wrong if allowed and done.returncode != 0 else [f"it ended elsewhere: {said[-12:]}"]
