"""Where in a command line the translator gave up, for the log and for `scaleplex explain`.

The translator says what it did not understand (`filter:yadif`); whoever has to report it wants to find it. Like labels,
the answer holds names of options and filters only, never a value, so that it may be logged anywhere. A name that is not
in the list may be a value and is called `other`.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from scaleplex.common.log import Log
from scaleplex.ffmpeg import argv as language
from scaleplex.ffmpeg import filtergraph
from scaleplex.ffmpeg.argv import Option
from scaleplex.ffmpeg.filtergraph import Filter
from scaleplex.protocol.messages import TaskRequest
from scaleplex.translator.facts import codecs
from scaleplex.worker.metrics import WorkerMetrics
from scaleplex.worker.policy.graphs import FILTERS

_EXPECTED = "burn:"  # known and by design: the Plex host's own transcoder draws these
_GRAPHS = ("filter_complex", "vf", "filter")
# Names a reason may carry into a metric and the journal: filters that pass the policy, codecs, and the translator's own
# words. Any other text in their place is the sender's.
_NAMES = frozenset(
    (
        *FILTERS,
        *codecs.VIDEO_ENCODERS,
        *codecs.OTHER_VIDEO_ENCODERS,
        *codecs.AUDIO_ENCODERS,
        *codecs.SUBTITLE_ENCODERS,
        *codecs.VIDEO_DECODERS,
        *("copy", "text", "bitmap", "unreadable"),
    )
)
_KIND = re.compile(r"[a-z-]{1,24}")


def report(metrics: WorkerMetrics, log: Log, request: TaskRequest, reason: str) -> None:
    """Count a command line that was not understood, and say what of it and where."""
    metrics.bails.add(reason=counted(reason))
    say = log.info if reason.startswith(_EXPECTED) else log.warning
    say(
        "command line not understood",
        session=request.session,
        job=request.job,
        attempt=request.attempt,
        kind=request.kind,
        reason=counted(reason),
        where=where(request.args, reason),
    )


def where(words: Sequence[str], reason: str) -> str:
    """Return the place a reason speaks of, an empty text when it speaks of none.

    Args:
        words: the command line as Plex wrote it.
        reason: what follows `bail:`.
    """
    kind, _, name = reason.partition(":")
    if kind == "filter":
        return _filter(words, lambda found: found.name == ("" if name == "unreadable" else name))
    if kind == "burn":
        wanted = "inlineass" if name == "text" else "overlay"
        return _filter(words, lambda found: found.name.startswith(wanted))
    if kind == "size":
        return _filter(words, lambda found: found.name.startswith("scale"))
    if kind in ("encoder", "decoder"):
        return _codec(words, name, is_input=kind == "decoder")
    if reason == "no-video-graph":
        return _first(words, "map")
    return ""


def counted(reason: str) -> str:
    """Return a reason fit for a metric: a name out of a strange command line must not make a series of its own."""
    kind, colon, name = reason.partition(":")
    if not _KIND.fullmatch(kind):
        return "other"
    return f"{kind}:{name if name in _NAMES else 'other'}" if colon else kind


def _options(words: Sequence[str]) -> Iterator[tuple[int, Option, bool, int]]:
    """Yield each option with the number of its first word from 1, whether it belongs to an input, and that's number."""
    word, counts = 1, {True: 0, False: 0}
    command = language.parse(words)
    for file in command.files:
        for option in file.options:
            yield word, option, file.is_input, counts[file.is_input]
            word += len(option.words())
        counts[file.is_input] += 1
        word += 2 if file.is_input else 1
    for option in command.trailing:
        yield word, option, False, counts[False]
        word += len(option.words())


def _filter(words: Sequence[str], wanted: Callable[[Filter], bool]) -> str:
    for word, option, _, _ in _options(words):
        if option.key in _GRAPHS and option.value:
            for number, found in enumerate(filtergraph.parse(option.value).filters(), 1):
                if wanted(found):
                    return f"word {word}, {option.flag}, filter {number}" + (f" ({found.name})" if found.name else "")
    return ""


def _codec(words: Sequence[str], name: str, is_input: bool) -> str:
    for word, option, of_input, number in _options(words):
        if option.key == "codec" and option.value == name and of_input is is_input:
            return f"word {word}, {option.flag} of {'input' if is_input else 'output'} {number}"
    return ""


def _first(words: Sequence[str], key: str) -> str:
    return next((f"word {word}, {option.flag}" for word, option, _, _ in _options(words) if option.key == key), "")
