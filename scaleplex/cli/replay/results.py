"""What became of a corpus, as a document that a later run can be compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from scaleplex.cli.replay.running import ENDED, FAILED, SKIPPED
from scaleplex.common.errors import ScaleplexError

PLANNED, CLEANED, UNREADABLE, CRASHED = "planned", "cleaned", "unreadable", "crashed"
_TRANSLATED = {PLANNED: 2, CLEANED: 1, UNREADABLE: 0, CRASHED: 0}
_RAN = {ENDED: 1, FAILED: 0}
_VERSION = 1


class UnreadableResults(ScaleplexError):
    """The recorded results cannot be read, or were recorded for something else."""

    code = "unreadable-results"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one command line.

    Attributes:
        shape: class of the job: kind, what it was written for, subtitle.
        outcome: `planned`, `cleaned` (not understood), `unreadable` (no command line), `crashed` (a bug of ours).
        reason: why it was not planned.
        labels: the changes.
        argv: the translated command.
        ran: `ended`, `failed`, `skipped`, empty when nothing was run.
        detail: how it failed, or why it was skipped.
    """

    shape: str
    outcome: str
    reason: str = ""
    labels: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    ran: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """What became of a corpus on one target."""

    target: str
    entries: dict[str, Result]

    def to_json(self) -> str:
        """Return the document `--record` writes."""
        entries = {name: asdict(result) for name, result in sorted(self.entries.items())}
        return json.dumps({"version": _VERSION, "target": self.target, "entries": entries}, indent=1) + "\n"


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not as it was recorded, in one line.

    Attributes:
        worse: whether it is a step back: understood less, or no longer running.
    """

    name: str
    worse: bool
    text: str


def load(file: Path) -> Results:
    """Read what `--record` wrote.

    Raises:
        UnreadableResults: the file is not there, or not such a document.
    """
    hint = "Give a file that scaleplex replay --record has written."
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        return Results(document["target"], {name: _result(entry) for name, entry in document["entries"].items()})
    except OSError as exc:
        raise UnreadableResults(f"{file} cannot be read: {exc.strerror}.", hint) from exc
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise UnreadableResults(f"{file} does not hold recorded results.", hint) from exc


def _result(entry: Mapping[str, Any]) -> Result:
    known = {f.name for f in fields(Result)}
    values: dict[str, Any] = {}
    for key in known & entry.keys():
        values[key] = tuple(entry[key]) if isinstance(entry[key], list) else entry[key]
    return Result(**values)


def compare(old: Results, new: Results) -> list[Difference]:
    """Return what changed, the steps back first.

    Raises:
        UnreadableResults: the two were made for different targets.
    """
    if old.target != new.target:
        raise UnreadableResults(
            f"The recorded results are for {old.target}, this run is for {new.target}.",
            f"Add --target {old.target}, or compare with results of the same target.",
        )
    found: list[Difference] = []
    for name in sorted(old.entries.keys() | new.entries.keys()):
        before, after = old.entries.get(name), new.entries.get(name)
        if before is None or after is None:
            found.append(Difference(name, False, "is new" if before is None else "is not there any more"))
        else:
            found += _compare(name, before, after)
    return sorted(found, key=lambda difference: not difference.worse)


def _compare(name: str, before: Result, after: Result) -> list[Difference]:
    found = []
    if (before.outcome, before.reason) != (after.outcome, after.reason):
        worse = _TRANSLATED.get(after.outcome, 0) < _TRANSLATED.get(before.outcome, 0)
        found.append(Difference(name, worse, f"{_said(before)} -> {_said(after)}"))
    elif before.argv != after.argv or before.labels != after.labels:
        found.append(Difference(name, False, _rewritten(before, after)))
    if before.ran in _RAN and after.ran in _RAN and (before.ran, before.detail) != (after.ran, after.detail):
        worse = _RAN[after.ran] < _RAN[before.ran]
        found.append(Difference(name, worse, f"ran: {before.ran} -> {after.ran}{_why(after)}"))
    elif before.ran == ENDED and after.ran == SKIPPED:
        found.append(Difference(name, True, f"ran: ended -> skipped{_why(after)}"))
    return found


def _said(result: Result) -> str:
    return f"{result.outcome} ({result.reason})" if result.reason else result.outcome


def _why(result: Result) -> str:
    return f" ({result.detail})" if result.detail else ""


def _rewritten(before: Result, after: Result) -> str:
    lost, gained = _without(before.labels, after.labels), _without(after.labels, before.labels)
    if lost or gained:
        return "labels " + " ".join([*(f"-{label}" for label in lost), *(f"+{label}" for label in gained)])
    for place, (old, new) in enumerate(zip(before.argv, after.argv, strict=False), 1):
        if old != new:
            return f"word {place} was {old!r}, is {new!r}"
    return f"had {len(before.argv)} words, has {len(after.argv)}"


def _without(items: Sequence[str], others: Sequence[str]) -> list[str]:
    left = list(others)
    kept = []
    for item in items:
        if item in left:
            left.remove(item)
        else:
            kept.append(item)
    return kept
