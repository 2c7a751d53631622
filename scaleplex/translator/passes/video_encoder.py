"""Write the planned video encoder and its options."""

from __future__ import annotations

from dataclasses import replace

from scaleplex.ffmpeg.argv import Command, File, Option
from scaleplex.translator.facts.model import Video
from scaleplex.translator.facts.streams import is_of_video
from scaleplex.translator.labels import Labels
from scaleplex.translator.plan import Context, Setting, VideoPlan


def video_encoder(command: Command, context: Context) -> Command:
    """Give the video stream of the first output the planned encoder; options that are right stay where they are."""
    plan, video = context.plan, context.facts.video
    if plan is None or plan.video is None or video is None:
        return command
    wanted = plan.video

    def change(number: int, output: File) -> File:
        return _encode(output, wanted, video, context.labels) if number == 0 else output

    return command.map_outputs(change)


def _encode(output: File, plan: VideoPlan, video: Video, labels: Labels) -> File:
    options: list[Option] = []
    swaps = {swap.old: swap for swap in plan.swaps}
    for option in output.options:
        if option.key == "codec" and option.specifier == video.specifier and option.value != plan.encoder:
            labels.add("encode", f"{option.value}->{plan.encoder}")
            option = replace(option, value=plan.encoder)
        elif is_of_video(option, video.index) and (swap := swaps.get(option.key)):
            labels.add("rate", f"{option.key}={option.value}->{swap.new}={swap.value}")
            option = Option(swap.new, option.specifier or video.specifier, swap.value)
        elif option.key in plan.unwanted and (option.specifier is None or is_of_video(option, video.index)):
            labels.add("drop", option.flag)
            continue
        options.append(option)
    return _settings(replace(output, options=tuple(options)), plan, video, labels)


def _settings(output: File, plan: VideoPlan, video: Video, labels: Labels) -> File:
    """Add what is missing directly behind the encoder, in the plan's order."""
    new: list[tuple[Setting, Option]] = []
    for setting in plan.settings:
        named = (option for option in reversed(output.options) if option.key == setting.name)
        present = next((option for option in named if is_of_video(option, video.index)), None)
        if present is not None and (not setting.force or present.value == setting.value):
            continue
        option = Option(setting.name, video.specifier, setting.value)
        labels.add("set", f"{option.flag}={option.value}")
        if present is not None:
            output = output.set(setting.name, present.specifier, setting.value)
        else:
            new.append((setting, option))
    for setting, option in reversed(new):
        anchor = _first(output, setting.before) if setting.before else None
        encoder = output.find("codec", video.specifier)
        if anchor is not None:
            output = output.insert_before(anchor, [option])
        elif encoder is not None:
            output = output.insert_after(encoder, [option])
    return output


def _first(output: File, name: str) -> Option | None:
    return next(iter(output.every(name)), None)
