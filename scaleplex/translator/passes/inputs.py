"""Write the planned decoding: decoder hints, hwaccel options, devices."""

from __future__ import annotations

from dataclasses import replace

from scaleplex.ffmpeg import specifier
from scaleplex.ffmpeg.argv import Command, File, Option
from scaleplex.translator.facts import codecs, model
from scaleplex.translator.facts.model import SourceStream
from scaleplex.translator.facts.streams import probed
from scaleplex.translator.plan import Context, Plan

_HWACCEL = ("hwaccel", "hwaccel_device", "hwaccel_output_format", "extra_hw_frames")
_DEVICES = ("init_hw_device", "filter_hw_device", "vaapi_device", "qsv_device")


def inputs(command: Command, context: Context) -> Command:
    """Put every input's options in the planned state."""
    plan = context.plan
    assert plan is not None
    command = command.map_inputs(lambda number, file: _hints(number, file, context, dict(plan.decoders)))
    command = command.map_inputs(lambda number, file: _hwaccel(file, context, plan.hwaccel if number == 0 else ()))
    return _devices(command, context, plan)


def _hints(number: int, file: File, context: Context, exchange: dict[str, str]) -> File:
    """Exchange decoder hints, and drop those that name another codec than the stream has.

    FFmpeg obeys a hint and fails when it is wrong. Detection jobs are known to carry wrong ones, so theirs go unread.
    """
    options: list[Option] = []
    for option in file.options:
        if option.key != "codec" or option.value is None:
            options.append(option)
            continue
        where = option.specifier or "*"
        pad = specifier.Pad(number, specifier.parse(option.specifier))
        stream = probed(context.source, pad)
        if _contradicted(option.value, stream) or context.facts.kind == model.DETECTION:
            context.labels.add("decode", f"{where}:{option.value}->none")
        elif option.value in exchange:
            context.labels.add("decode", f"{where}:{option.value}->{exchange[option.value]}")
            options.append(replace(option, value=exchange[option.value]))
        else:
            options.append(option)
    return replace(file, options=tuple(options))


def _contradicted(hint: str, stream: SourceStream | None) -> bool:
    """Return whether the probe knows that a stream is of another codec than the hint decodes."""
    if stream is None or stream.codec == "unknown":
        return False
    return codecs.decoded_codec(hint) != codecs.decoded_codec(stream.codec)


def _hwaccel(file: File, context: Context, wanted: tuple[tuple[str, str], ...]) -> File:
    """Leave the input with exactly the wanted hwaccel options, behind the video decoder's hint."""
    present = [option for option in file.options if option.key in _HWACCEL]
    if tuple((option.key, option.value) for option in present) == wanted:
        return file
    single = {option.specifier for option in present if option.key == "hwaccel" and option.value in ("nvdec", "cuda")}

    def unwanted(option: Option) -> bool:
        # One thread is what PMS gives NVDEC; a software decoder needs all of them.
        return option.key in _HWACCEL or (
            option.key == "threads" and option.value == "1" and option.specifier in single and not wanted
        )

    for option in file.options:
        if unwanted(option):
            context.labels.add("drop", option.flag)
    file = file.without(unwanted)
    video = context.facts.video
    hint = file.find("codec", video.decoder_specifier) if video else None
    if not wanted or hint is None:
        return file
    new = [Option(name, hint.specifier, value) for name, value in wanted]
    for option in new:
        context.labels.add("set", f"{option.flag}={option.value}")
    return file.insert_after(hint, new)


def _devices(command: Command, context: Context, plan: Plan) -> Command:
    """Leave the command with exactly the planned devices, opened before the first input."""
    present = tuple((option.key, option.value) for option in command.options() if option.key in _DEVICES)
    if present == plan.devices:
        return command

    def change(option: Option) -> Option | None:
        if option.key not in _DEVICES:
            return option
        context.labels.add("drop", option.flag)
        return None

    command = command.map_options(change)
    new = tuple(Option(name, None, value) for name, value in plan.devices)
    for option in new:
        context.labels.add("set", option.flag)
    return command.map_inputs(
        lambda number, file: replace(file, options=(*file.options, *new)) if number == 0 and new else file
    )
