"""Audio runs as Plex wrote it, with the names our ffmpeg knows."""

from __future__ import annotations

from dataclasses import replace

from scaleplex.ffmpeg import filtergraph
from scaleplex.ffmpeg.argv import Command, File, Option
from scaleplex.ffmpeg.filtergraph import Argument, Filter, Filtergraph
from scaleplex.translator.facts import codecs
from scaleplex.translator.labels import Labels
from scaleplex.translator.plan import Context

_FRAMEDROP = "framedrop"


def audio(command: Command, context: Context) -> Command:
    """Exchange codecs Plex has under names of its own, `framedrop`, and aresample's old `ocl` argument."""
    labels = context.labels

    def change(option: Option) -> Option | None:
        value = option.value
        if value is None:
            return option
        if option.key == "codec" and value.endswith("_eae"):
            return _eae(option, value, labels)
        if option.key == "bsf" and _FRAMEDROP in value:
            return _framedrop(option, value, labels)
        if option.key == "filter_complex" and "ocl=" in value:
            return _ocl(option, value, labels)
        return option

    return command.map_options(change).map_outputs(lambda number, file: _encoders(file, labels))


def _encoders(file: File, labels: Labels) -> File:
    """Name encoders as our ffmpeg does; the same names in front of `-i` are decoders, and known."""

    def rename(option: Option) -> Option:
        native = codecs.RENAMED_ENCODERS.get(option.value or "") if option.key == "codec" else None
        if native is None:
            return option
        labels.add("encode", f"{option.specifier or '*'}:{option.value}->{native}")
        return replace(option, value=native)

    return replace(file, options=tuple(map(rename, file.options)))


def _eae(option: Option, value: str, labels: Labels) -> Option | None:
    """Name FFmpeg's own codec; let ffmpeg choose where Plex's helper has no counterpart."""
    native = codecs.EAE_DECODERS.get(value)
    labels.add("decode", f"{option.specifier or '*'}:{value}->{native or 'none'}")
    return None if native is None else replace(option, value=native)


def _framedrop(option: Option, value: str, labels: Labels) -> Option | None:
    """Write `framedrop=count=N` as `noise=drop='lt(n,N)'`: the first N packets go, the others are untouched."""
    filters = []
    for item in _bitstream_filters(value):
        name, _, arguments = item.partition("=")
        if name != _FRAMEDROP:
            filters.append(item)
            continue
        count = arguments.rpartition("=")[2]
        if count.isascii() and count.isdigit() and int(count) > 0:
            filters.append(f"noise=drop='lt(n,{count})'")
            labels.add("bsf", f"{item}->noise")
        else:
            labels.add("bsf", f"{item}->none")
    return replace(option, value=",".join(filters)) if filters else None


def _bitstream_filters(value: str) -> list[str]:
    """Cut a list of bitstream filters at commas outside quotes."""
    items, quoted = [""], False
    for char in value:
        if char == "'":
            quoted = not quoted
        if char == "," and not quoted:
            items.append("")
        else:
            items[-1] += char
    return items


def _ocl(option: Option, value: str, labels: Labels) -> Option:
    """Rename `ocl`, which FFmpeg 7 no longer has, to `ochl` in every aresample."""

    def argument(item: Argument) -> Argument:
        if item.key != "ocl":
            return item
        labels.add("filter", "aresample:ocl->ochl")
        return Argument(item.raw.replace("ocl", "ochl", 1), "ochl", item.value)

    def rename(found: Filter) -> Filter:
        if found.name != "aresample":
            return found
        return replace(found, arguments=tuple(argument(item) for item in found.arguments))

    graph = filtergraph.parse(value)
    renamed = Filtergraph(tuple(tuple(rename(found) for found in chain) for chain in graph.chains))
    return replace(option, value=filtergraph.emit(renamed))
