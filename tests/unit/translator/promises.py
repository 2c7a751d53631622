"""What must hold between a command and its translation, as sentences about what does not.

Used on generated commands here and on recorded ones in `tests/corpus`. `hardware.py` has what a GPU adds.
"""

from scaleplex.ffmpeg import argv, filtergraph
from scaleplex.ffmpeg.argv import Command
from scaleplex.translator import Site, Source, Translation, translate
from scaleplex.translator.labels import KINDS, kind
from tests.unit.translator import hardware

_GPU = ("hwupload", "hwdownload", "hwmap", "derive_device", "hwaccel", "hw_device")
_INTEL = ("vaapi", "opencl", "renderD128", "iHD", "hwmap", "derive_device")
_NVIDIA = ("nvenc", "nvdec", "cuda", "cuvid")
FOREIGN = {"sw": (*_INTEL, *_NVIDIA, *_GPU), "vaapi": _NVIDIA, "nvenc": (*_INTEL, "sei")}
PRIVATE = ("loglevel_plex", "progressurl", "eae_prefix", "strict_ts", "hwaccel_fallback_threshold", "xioerror")
KEPT = ("copyts", "start_at_zero", "ss", "avoid_negative_ts", "force_key_frames", "skip_to_segment", "delete_removed")
VALUES = ("maxrate", "bufsize", "r", "noaccurate_seek", "metadata", "movflags", "seg_duration", "segment_time")
OWN_INLINEASS = {"render_height", "animated_tier_down"}
HOST_PATHS = {"font_path", "fontconfig_file"}


def broken(
    words: list[str], done: Translation, site: Site, source: Source | None = None, target: str = "sw"
) -> list[str]:
    """Return the promises a translation breaks; an empty list is good."""
    before, after = argv.parse(words), argv.parse(done.argv)
    wrong = _everywhere(before, after, done, site)
    again = translate(done.argv, done.env, source, target, site)
    if again.argv != done.argv:
        wrong.append(f"translating again changes it: {again.labels}")
    if done.bail is None and after.outputs and after.inputs:
        wrong += _planned(before, after, done, target)
        wrong += hardware.broken(before, after, done, site, target)
    return wrong


def _everywhere(before: Command, after: Command, done: Translation, site: Site) -> list[str]:
    wrong = []
    if argv.emit(after) != list(done.argv):
        wrong.append("the result does not come back from the parser")
    wrong += [f"-{o.key} is left" for o in after.options() if o.key in PRIVATE]
    wrong += [f"{o.flag} {o.value} is left" for o in after.options() if (o.value or "").endswith("_eae")]
    wrong += [f"label {label} is of no known kind" for label in done.labels if kind(label) not in KINDS]
    if any("X-Plex-Token" in word or "font_path" in word or "fontconfig_file" in word for word in done.argv):
        wrong.append("a token or a path of the Plex host is left")
    for option in after.options():
        if option.key in ("manifest_name", "segment_list") and "127.0.0.1" in (option.value or ""):
            wrong.append(f"{option.flag} still points at the Plex host's loopback")
    if len(before.inputs) != len(after.inputs) or (before.outputs and not after.outputs):
        wrong.append("a file was lost")
    for name in KEPT:
        if _named(before, name) != _named(after, name):
            wrong.append(f"-{name} changed")
    if done.changed != (list(done.argv) != argv.emit(before)):
        wrong.append("it does not say truly whether it changed anything")
    return wrong


def _named(command: Command, name: str) -> list[tuple[str, ...]]:
    return [option.words() for option in command.options() if option.key == name]


def _planned(before: Command, after: Command, done: Translation, target: str) -> list[str]:
    wrong = [
        f"{foreign} is left in {word}" for word in _spoken(after) for foreign in FOREIGN[target] if foreign in word
    ]
    wrong += _graphs(before, after)
    wrong += [
        f"-{name} lost a value" for name in VALUES for words in _named(before, name) if words not in _named(after, name)
    ]
    kept = [output.url for output in before.outputs if output.get("f") != "null"]
    if [output.url for output in after.outputs if output.get("f") != "null"] != kept:
        wrong.append("an output was lost")
    wrong += _subtitles(before, after, done)
    if not any(label.startswith(("graph:", "filter:inlineass")) for label in done.labels) and _drawing(
        before
    ) != _drawing(after):
        wrong.append("the video graph changed without a label")
    return wrong


def _spoken(command: Command) -> list[str]:
    """Return every word but the names of files."""
    return [word for option in command.options() for word in option.words() if "/" not in word or "=" in word]


def _subtitles(before: Command, after: Command, done: Translation) -> list[str]:
    """Return what is wrong with burns: style, binding, and the sinks that made them decode."""
    wrong = []
    drawn = [_style(f.arguments) for g in _video_graphs(before) for f in g.filters() if f.name == "inlineass"]
    found = [_style(f.arguments) for g in _video_graphs(after) for f in g.filters() if f.name == "inlineass"]
    if done.facts.subtitle.mode == "burn-text" and drawn != found:
        wrong.append(f"styling changed from {drawn} to {found}")
    bound = [option.value for option in after.options() if option.key == "map_inlineass"]
    if len(bound) != len(found) or (found and bound != list(done.facts.subtitle.pads)):
        wrong.append(f"{len(found)} inlineass filters, and {bound} is bound")
    for output in after.outputs:
        if output.get("f") == "null" and (output.get("map") or "").startswith("0"):
            wrong.append("a null sink decodes an embedded subtitle a second time")
    staged = [
        o.get("map") for o in before.outputs[1:] if o.get("f") == "null" and not (o.get("map") or "").startswith("0")
    ]
    if found and staged != [o.get("map") for o in after.outputs[1:] if o.get("f") == "null"]:
        wrong.append("the only reader of a staged subtitle is gone")
    return wrong


def _style(arguments: tuple[filtergraph.Argument, ...]) -> list[str]:
    return [a.raw for a in arguments if a.key not in OWN_INLINEASS | HOST_PATHS]


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
    if _sizes(before) - {None} != _sizes(after) - {None}:
        wrong.append(f"the size changed from {_sizes(before)} to {_sizes(after)}")
    if _gates(before) != _gates(after):
        wrong.append("the gate behind a seek is gone, or not the last filter")
    return wrong


def _gates(command: Command) -> list[str]:
    """Return the gates; in a translation only the one that is the last filter of its graph."""
    found = []
    for graph in _video_graphs(command):
        filters = [f for f in graph.filters() if f.name not in ("hwupload", "hwmap")]
        found += [filters[-1].body()] if filters[-1].name == "select" else []
    return found


def _video_graphs(command: Command) -> list[filtergraph.Filtergraph]:
    return [filtergraph.parse(text) for text in _drawing(command)]


def _drawing(command: Command) -> list[str]:
    """Return graphs of video, without paths of the Plex host, which go whatever else happens."""
    graphs = [
        o.value for o in command.options() if o.key == "filter_complex" and o.value and "aresample" not in o.value
    ]
    return [graph for graph in graphs if graph]


def _audio_graphs(command: Command) -> list[str]:
    """Return audio graphs as they should stay, which is as they are but for a name FFmpeg 7 no longer has."""
    graphs = [o.value for o in command.options() if o.key == "filter_complex" and o.value and "aresample" in o.value]
    return [graph.replace(":ocl=", ":ochl=") for graph in graphs]


def _sizes(command: Command) -> set[tuple[str | None, str | None] | None]:
    return {
        (found.get("w", 0), found.get("h", 1))
        for graph in _video_graphs(command)
        for found in graph.filters()
        if found.name in ("scale", "scale_vaapi", "scale_cuda") and found.get("w", 0)
    }
