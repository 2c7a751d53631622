"""A command taken apart by what belongs to which fact, so that two translations can be compared part by part."""

from scaleplex.ffmpeg import argv, filtergraph
from scaleplex.ffmpeg.argv import Option

_HARDWARE = ("hwaccel", "hwaccel_device", "hwaccel_output_format", "init_hw_device", "filter_hw_device")
_SEEK = ("ss", "fps_mode", "skip_to_segment", "segment_start_number", "noaccurate_seek")
_MAPPERS = ("tonemap", "zscale", "hwmap", "setparams", "hwdownload", "hwupload")


def parts(words: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the words of a command by the fact they belong to.

    Parts: `seek`, `devices`, `decode`, `scale`, `tonemap`, `burn`, `encode`, `audio`, `files`, `rest`.
    """
    command = argv.parse(words)
    found: dict[str, list[str]] = {
        name: []
        for name in ("seek", "devices", "decode", "scale", "tonemap", "burn", "encode", "audio", "files", "rest")
    }
    for number, file in enumerate(command.inputs):
        for option in file.options:
            found[_input_part(option)] += option.words() if number == 0 or _input_part(option) != "rest" else ()
    maps = iter(("encode", "audio"))
    for option in command.outputs[0].options:
        if option.key == "map":
            found[next(maps, "rest")] += _without_label(option)
        elif option.key == "filter_complex":
            _graph(option.value or "", found)
        else:
            found[_output_part(option)] += _without_label(option)
    found["files"] += [file.url for file in command.files]
    found["rest"] += [word for option in command.trailing for word in option.words()]
    return found


def _input_part(option: Option) -> str:
    if option.key == "codec":
        return "decode" if option.specifier in ("0", "#0x01") else "audio"
    if option.key in _HARDWARE or option.key == "threads":
        return "devices" if option.key.endswith("device") and option.specifier is None else "decode"
    return "seek" if option.key in _SEEK else "rest"


def _output_part(option: Option) -> str:
    if option.key in _SEEK:
        return "seek"
    if option.key == "map_inlineass":
        return "burn"
    if option.key in _HARDWARE:
        return "devices"
    if option.specifier in ("0", "s:0"):
        return "encode"
    return "audio" if option.specifier in ("1", "s:1") else "rest"


def _without_label(option: Option) -> tuple[str, ...]:
    """Return the words, links by no number: it tells how many filters there are, not what they do."""
    return (option.flag, "[]") if option.key == "map" and (option.value or "").startswith("[") else option.words()


def _graph(text: str, found: dict[str, list[str]]) -> None:
    filters = list(filtergraph.parse(text).filters())
    if "aresample" in text:
        found["audio"] += [f.body() for f in filters]
        return
    for item in filters:
        if item.name.startswith("scale"):
            # The pixel format between scaler and tone mapping belongs to the latter.
            found["scale"].append(item.without("format").body())
        elif item.name.startswith(_MAPPERS):
            found["tonemap"].append(item.body())
        elif item.name in ("inlineass", "overlay"):
            found["burn"].append(item.body())
        elif item.name != "format":
            found["rest"].append(item.body())
