"""What `scaleplex replay` prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from scaleplex.cli.explain.shell import visible
from scaleplex.cli.replay.results import CLEANED, CRASHED, PLANNED, UNREADABLE, Difference, Result, Results
from scaleplex.cli.replay.running import ENDED, FAILED, SKIPPED

_NAMES = 3


def as_json(results: Results, differences: Sequence[Difference] | None) -> str:
    """Return everything as one JSON document."""
    document = json.loads(results.to_json())
    document["classes"] = {shape: _counts(found) for shape, found in _classes(results).items()}
    if differences is not None:
        document["differences"] = [asdict(difference) for difference in differences]
    return json.dumps(document, indent=1)


def as_text(results: Results, differences: Sequence[Difference] | None) -> str:
    """Return the summary for people."""
    blocks = [_table(results), _reasons(results), _failures(results), _differences(differences)]
    return visible_block("\n\n".join("\n".join(block) for block in blocks if block))


def visible_block(text: str) -> str:
    """Return a text of several lines fit for a terminal."""
    return "\n".join(visible(line) for line in text.split("\n"))


def _classes(results: Results) -> dict[str, list[Result]]:
    classes: dict[str, list[Result]] = {}
    for result in results.entries.values():
        classes.setdefault(result.shape, []).append(result)
    return dict(sorted(classes.items()))


def _counts(found: Sequence[Result]) -> dict[str, int]:
    counts = {"lines": len(found)}
    for outcome in (PLANNED, CLEANED, UNREADABLE, CRASHED):
        counts[outcome] = sum(result.outcome == outcome for result in found)
    for ran in (ENDED, FAILED, SKIPPED):
        counts[ran] = sum(result.ran == ran for result in found)
    return counts


def _table(results: Results) -> list[str]:
    counts = {shape: _counts(found) for shape, found in _classes(results).items()}
    counts["all"] = _counts(list(results.entries.values()))
    columns = [name for name in counts["all"] if name in ("lines", PLANNED, CLEANED) or counts["all"][name]]
    wide = max(map(len, counts))
    lines = [f"{f'for {results.target}':<{wide}}  " + "  ".join(f"{name:>10}" for name in columns)]
    for shape, row in counts.items():
        lines.append(f"{shape:<{wide}}  " + "  ".join(f"{row[name] or '·':>10}" for name in columns))
    return lines


def _reasons(results: Results) -> list[str]:
    named: dict[str, list[str]] = {}
    for name, result in results.entries.items():
        if result.outcome != PLANNED:
            reason = result.reason if result.outcome == CLEANED else f"{result.outcome}: {result.reason}"
            named.setdefault(reason, []).append(name)
    if not named:
        return []
    return ["Not planned", *_grouped(named)]


def _failures(results: Results) -> list[str]:
    named: dict[str, list[str]] = {}
    for name, result in results.entries.items():
        if result.ran == FAILED:
            named.setdefault(result.detail, []).append(name)
    return ["Did not run", *_grouped(named)] if named else []


def _grouped(named: dict[str, list[str]]) -> list[str]:
    lines = []
    for reason, names in sorted(named.items(), key=lambda item: -len(item[1])):
        more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
        lines += [f"  {len(names):>4}  {reason}", f"        {', '.join(names[:_NAMES])}{more}"]
    return lines


def _differences(differences: Sequence[Difference] | None) -> list[str]:
    if differences is None:
        return []
    if not differences:
        return ["As recorded, word for word."]
    worse = sum(difference.worse for difference in differences)
    lines = [f"Not as recorded: {len(differences)}, of which worse: {worse}"]
    return lines + [f"  {'worse ' if found.worse else '      '} {found.name}: {found.text}" for found in differences]
