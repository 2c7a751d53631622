"""The order of a translation: parse, facts, plan, passes, emit. And nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scaleplex.common.errors import ScaleplexError
from scaleplex.ffmpeg import argv as language
from scaleplex.ffmpeg.argv import Command
from scaleplex.translator import facts as facts_of
from scaleplex.translator.backends import nvenc, sw, vaapi
from scaleplex.translator.backends.base import Backend
from scaleplex.translator.facts.model import Facts, Source
from scaleplex.translator.labels import Labels
from scaleplex.translator.passes import (
    audio,
    callbacks,
    environment,
    inputs,
    muxer,
    private_options,
    subtitles,
    timing,
    video_encoder,
    video_graph,
)
from scaleplex.translator.plan import Bail, Context, Site

Pass = Callable[[Command, Context], Command]

BACKENDS: dict[str, Backend] = {backend.name: backend for backend in (vaapi.BACKEND, nvenc.BACKEND, sw.BACKEND)}

PIPELINE: tuple[Pass, ...] = (
    callbacks.callbacks,
    private_options.private_options,
    inputs.inputs,
    video_graph.video_graph,
    video_encoder.video_encoder,
    audio.audio,
    subtitles.font_paths,
    subtitles.burn,
    timing.timing,
    muxer.muxer,
)

#: For a command that is not understood: only what our ffmpeg cannot parse, or must not see, changes.
CLEAN_ONLY: tuple[Pass, ...] = (
    callbacks.callbacks,
    private_options.private_options,
    audio.audio,
    subtitles.font_paths,
)


class BackendError(ScaleplexError):
    """A backend was asked for that does not exist."""

    code = "no-backend"
    status = 422


@dataclass(frozen=True, slots=True)
class Translation:
    """A translated command.

    Attributes:
        argv: arguments for our ffmpeg, the program name not included.
        env: the environment ffmpeg gets, and nothing besides.
        labels: one for each change, in order.
        facts: what the original asks for.
        bail: why the command was only cleaned, None when it was planned.
        changed: whether argv differs from the original.
    """

    argv: tuple[str, ...]
    env: dict[str, str]
    labels: tuple[str, ...]
    facts: Facts
    bail: str | None
    changed: bool


def translate(
    argv: Sequence[str], env: Mapping[str, str], source: Source | None, backend: str, site: Site
) -> Translation:
    """Translate a command of Plex's transcoder for our ffmpeg on one backend.

    Any list of strings gives an answer. Translating the result again changes nothing.

    Args:
        argv: the arguments Plex gave, the program name not included.
        env: the environment Plex gave.
        source: what was probed of the inputs, None when nothing was.
        backend: `vaapi`, `nvenc` or `sw`.
        site: where the command will run.
    Raises:
        BackendError: there is no such backend.
    """
    chosen = _backend(backend)
    command = language.parse(argv)
    facts = facts_of.collect(command, source)
    plan = chosen.plan(facts, source, site)
    labels = Labels()
    if isinstance(plan, Bail):
        bail, passes = plan.reason, CLEAN_ONLY
        labels.add("bail", bail)
        if plan.where is not None:
            labels.add("where", plan.where)
        context = Context(facts, source, site, labels)
    else:
        bail, passes = None, PIPELINE
        for kind, detail in plan.notes:
            labels.add(kind, detail)
        context = Context(facts, source, site, labels, plan)
    for step in passes:
        command = step(command, context)
    words = tuple(language.emit(command))
    kept = environment.environment(env, labels)
    return Translation(words, kept, labels.items(), facts, bail, words != tuple(argv))


def _backend(name: str) -> Backend:
    found = BACKENDS.get(name)
    if found is None:
        raise BackendError(f"There is no backend {name!r}.", f"Known are {', '.join(BACKENDS)}.")
    return found
