"""What must hold between a command and its translation for software, as sentences about what does not.

Used on generated commands here and on recorded ones in `tests/corpus`.
"""

from scaleplex.ffmpeg import argv, filtergraph
from scaleplex.ffmpeg.argv import Command
from scaleplex.translator import Site, Source, Translation, translate
from scaleplex.translator.labels import KINDS, kind

FOREIGN = (
    "vaapi",
    "nvenc",
    "nvdec",
    "cuda",
    "opencl",
    "hwupload",
    "hwdownload",
    "hwmap",
    "renderD128",
    "iHD",
    "derive_device",
)
PRIVATE = ("loglevel_plex", "progressurl", "eae_prefix", "strict_ts", "hwaccel_fallback_threshold", "xioerror")
KEPT = ("copyts", "start_at_zero", "ss", "avoid_negative_ts", "force_key_frames", "skip_to_segment", "delete_removed")


def broken(words: list[str], done: Translation, site: Site, source: Source | None = None) -> list[str]:
    """Return the promises a translation breaks; an empty list is good."""
    before, after = argv.parse(words), argv.parse(done.argv)
    wrong = _everywhere(before, after, done, site, source)
    if done.bail is None:
        wrong += _planned(before, after, done)
    return wrong


def _everywhere(before: Command, after: Command, done: Translation, site: Site, source: Source | None) -> list[str]:
    wrong = []
    if argv.emit(after) != list(done.argv):
        wrong.append("the result does not come back from the parser")
    again = translate(done.argv, done.env, source, "sw", site)
    if again.argv != done.argv:
        wrong.append(f"translating again changes it: {again.labels}")
    wrong += [f"-{o.key} is left" for o in after.options() if o.key in PRIVATE]
    wrong += [f"{o.flag} {o.value} is left" for o in after.options() if (o.value or "").endswith("_eae")]
    wrong += [f"label {label} is of no known kind" for label in done.labels if kind(label) not in KINDS]
    if any("X-Plex-Token" in word or "font_path" in word for word in done.argv):
        wrong.append("a token or a path of the Plex host is left")
    for option in after.options():
        if option.key in ("manifest_name", "segment_list") and "127.0.0.1" in (option.value or ""):
            wrong.append(f"{option.flag} still points at the Plex host's loopback")
    if len(before.inputs) != len(after.inputs):
        wrong.append("an input was lost")
    for name in KEPT:
        if [o.words() for o in before.options() if o.key == name] != [
            o.words() for o in after.options() if o.key == name
        ]:
            wrong.append(f"-{name} changed")
    return wrong


def _planned(before: Command, after: Command, done: Translation) -> list[str]:
    wrong = [f"{foreign} is left in {word}" for word in _spoken(after) for foreign in FOREIGN if foreign in word]
    wrong += _graphs(before, after)
    wanted = [output.url for output in before.outputs if output.get("f") != "null"]
    if [output.url for output in after.outputs] != wanted:
        wrong.append("an output was lost")
    if not any(label.startswith("graph:") for label in done.labels) and _video_graphs(before) != _video_graphs(after):
        wrong.append("the video graph changed without a label")
    return wrong


def _spoken(command: Command) -> list[str]:
    """Return every word but the names of files."""
    return [word for option in command.options() for word in option.words() if "/" not in word or "=" in word]


def _graphs(before: Command, after: Command) -> list[str]:
    wrong = []
    if _audio_graphs(before) != _audio_graphs(after):
        wrong.append("an audio graph changed")
    graphs = [filtergraph.parse(o.value or "") for o in after.options() if o.key == "filter_complex"]
    produced = [label for graph in graphs for label in graph.produced()]
    used = [label for graph in graphs for label in graph.consumed() if ":" not in label]
    used += [o.value[1:-1] for o in after.options() if o.key == "map" and o.value and o.value.startswith("[")]
    if sorted(produced) != sorted(used) or len(set(produced)) != len(produced):
        wrong.append(f"labels produced {produced}, used {used}")
    if _sizes(before) != _sizes(after):
        wrong.append(f"the size changed from {_sizes(before)} to {_sizes(after)}")
    return wrong


def _video_graphs(command: Command) -> list[str]:
    return [o.value for o in command.options() if o.key == "filter_complex" and o.value and "aresample" not in o.value]


def _audio_graphs(command: Command) -> list[str]:
    """Return audio graphs as they should stay, which is as they are but for a name FFmpeg 7 no longer has."""
    graphs = [o.value for o in command.options() if o.key == "filter_complex" and o.value and "aresample" in o.value]
    return [graph.replace(":ocl=", ":ochl=") for graph in graphs]


def _sizes(command: Command) -> list[tuple[str | None, str | None]]:
    return [
        (found.get("w", 0), found.get("h", 1))
        for text in _video_graphs(command)
        for found in filtergraph.parse(text).filters()
        if found.name in ("scale", "scale_vaapi", "scale_cuda") and found.get("w", 0)
    ]
