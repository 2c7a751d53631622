"""Say a command as text, run one pass over it, and compare argv and labels."""

import shlex
from collections.abc import Callable
from dataclasses import replace

from scaleplex.ffmpeg import argv
from scaleplex.ffmpeg.argv import Command
from scaleplex.translator import Site, Source, Translation, facts, translate
from scaleplex.translator.labels import Labels
from scaleplex.translator.plan import Context, Plan

BASE = "http://10.0.0.5:32499/cb/1/ab12"
SITE = Site(callback_base=BASE)


def words(text: str) -> list[str]:
    """Split as a shell does, so that graphs can be quoted."""
    return shlex.split(text)


def apply(
    step: Callable[[Command, Context], Command],
    text: str,
    plan: Plan | None = None,
    source: Source | None = None,
    site: Site = SITE,
) -> tuple[str, tuple[str, ...]]:
    """Run one pass; return the command as text and the labels."""
    command = argv.parse(words(text))
    labels = Labels()
    context = Context(facts.collect(command, source), source, site, labels, plan)
    return shlex.join(argv.emit(step(command, context))), labels.items()


def sw(text: str, source: Source | None = None, site: Site = SITE) -> Translation:
    """Translate a whole command for software."""
    return translate(words(text), {}, source, "sw", site)


def gpu(text: str, target: str, source: Source | None = None, **site: object) -> Translation:
    """Translate a whole command for a GPU of a worker that draws, for a server that may use hardware.

    Args:
        site: fields of the site that differ; `hardware` too.
    """
    chosen = replace(SITE, **({"burn": True, "plex_pass": True} | site))
    return translate(words(text), {}, source, target, chosen)


def option(argv: tuple[str, ...], name: str) -> str | None:
    """Return the value behind the first word of that name."""
    return argv[argv.index(name) + 1] if name in argv else None


def plain(text: str) -> str:
    """Bring a text into the form `apply` returns."""
    return shlex.join(words(text))
