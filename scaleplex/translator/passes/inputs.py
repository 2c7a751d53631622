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
    command = command.map_inputs(
        lambda number, file: (
            _hwaccel(_decoder(file, context, plan), context, plan.hwaccel)
            if number == 0
            else _hwaccel(file, context, ())
        )
    )
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


def _where(context: Context) -> str | None:
    """Return the specifier of the video stream, as Plex writes it in front of `-i`."""
    video = context.facts.video
    pad = specifier.parse_pad(video.pad or "") if video else None
    if video is None or video.decoder_specifier is not None or pad is None:
        return video.decoder_specifier if video else None
    return pad.specifier.text


def _decoder(file: File, context: Context, plan: Plan) -> File:
    """Name the decoder the plan needs where the command names none."""
    where = _where(context)
    if plan.decoder is None or where is None or file.find("codec", where) is not None:
        return file
    context.labels.add("decode", f"{where}:none->{plan.decoder}")
    return replace(file, options=(Option("codec", where, plan.decoder), *file.options))


def _hwaccel(file: File, context: Context, wanted: tuple[tuple[str, str], ...]) -> File:
    """Leave the input with exactly the wanted hwaccel options, behind the video decoder's hint."""
    names = (*_HWACCEL, "threads") if any(name == "threads" for name, _ in wanted) else _HWACCEL
    present = [option for option in file.options if option.key in names]
    if tuple((option.key, option.value) for option in present) == wanted:
        return file
    single = {option.specifier for option in present if option.key == "hwaccel" and option.value in ("nvdec", "cuda")}

    def unwanted(option: Option) -> bool:
        # One thread is what PMS gives NVDEC; a software decoder needs all of them.
        alone = option.key == "threads" and option.value == "1" and option.specifier in single
        return option.key in names or alone

    where = _where(context)
    new = [Option(name, where, value) for name, value in wanted] if where is not None else []
    for option in file.options:
        if unwanted(option) and option not in new:
            context.labels.add("drop", option.flag)
    for option in new:
        if option not in present:
            context.labels.add("set", f"{option.flag}={option.value}")
    file = file.without(unwanted)
    if not new:
        return file
    hint = file.find("codec", where)
    return file.insert_after(hint, new) if hint is not None else replace(file, options=(*new, *file.options))


def _devices(command: Command, context: Context, plan: Plan) -> Command:
    """Leave the command with exactly the planned devices, opened before the first input."""
    new = tuple(Option(name, None, value) for name, value in plan.devices)
    present = tuple(option for option in command.options() if option.key in _DEVICES)
    if present == new and (not new or command.inputs[0].options[-len(new) :] == new):
        return command

    def change(option: Option) -> Option | None:
        if option.key not in _DEVICES:
            return option
        if option not in new:
            context.labels.add("drop", option.flag)
        return None

    command = command.map_options(change)
    for option in new:
        context.labels.add("move" if option in present else "set", option.flag)
    return command.map_inputs(
        lambda number, file: replace(file, options=(*file.options, *new)) if number == 0 and new else file
    )
