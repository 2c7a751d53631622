"""Frame rate mode: one spelling, where ffmpeg obeys it, and never where it fills the gap before a seek."""

from __future__ import annotations

from dataclasses import replace

from scaleplex.ffmpeg.argv import Command, File, Option
from scaleplex.translator.facts import model
from scaleplex.translator.plan import Context

_MODES = {"-1": "auto", "0": "passthrough", "1": "cfr", "2": "vfr"}


def timing(command: Command, context: Context) -> Command:
    """Write `-vsync` and a trailing `-fps_mode` as `-fps_mode` of the first output; drop `cfr` on seeks.

    `-copyts -ss N` with an explicit `cfr` makes ffmpeg 7.1 fill the time from 0 to N with copies of the first frame
    (measured: 21291 of them at 888 s). PMS itself leaves the option out on seeks. Thumbnail jobs stay as they are.
    """
    if context.facts.kind == model.THUMBNAILS or not command.outputs:
        return command
    mode: str | None = None
    trailing: list[Option] = []
    for option in command.trailing:
        if option.key == "fps_mode":
            context.labels.add("move", "-fps_mode")
            mode = option.value
        else:
            trailing.append(option)
    command = Command(command.files, tuple(trailing))

    def take(option: Option) -> Option | None:
        nonlocal mode
        if option.key != "vsync" or option.value is None or option.value == "drop":
            return option
        context.labels.add("move", "-vsync->-fps_mode")
        mode = _MODES.get(option.value, option.value)
        return None

    command = command.map_options(take)
    if mode is not None:
        command = command.map_outputs(lambda number, file: _first(file, mode) if number == 0 else file)
    return _seek(command, context)


def _first(file: File, mode: str | None) -> File:
    if file.has("fps_mode") or mode is None:
        return file
    return replace(file, options=(Option("fps_mode", None, mode), *file.options))


def _seek(command: Command, context: Context) -> Command:
    facts = context.facts
    if not facts.copyts or not facts.seek_seconds:
        return command

    def change(option: Option) -> Option | None:
        if option.key != "fps_mode" or option.value not in ("cfr", "1"):
            return option
        context.labels.add("drop", f"{option.flag}=cfr")
        return None

    return command.map_options(change)
