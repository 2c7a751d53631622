"""What a check returns: what it saw, how bad that is, and the fix in one sentence."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["ok", "skipped", "warning", "problem"]
ORDER: tuple[Severity, ...] = ("ok", "skipped", "warning", "problem")


class Skip(Exception):
    """A check cannot be made here; the text says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check saw.

    Attributes:
        check: the check's id, ``subject.name``; filled in by the runner.
        seen: a sentence; ``fix`` is another, empty when there is nothing to do.
    """

    severity: Severity
    seen: str
    fix: str = ""
    check: str = ""

    @property
    def subject(self) -> str:
        """What stands before the dot of the check's id."""
        return self.check.partition(".")[0]


def ok(seen: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding("ok", seen)


def warning(seen: str, fix: str) -> Finding:
    """Return something that works, but not as well or as long as it should."""
    return Finding("warning", seen, fix)


def problem(seen: str, fix: str) -> Finding:
    """Return something that breaks films, or the way back to Plex's own transcoder."""
    return Finding("problem", seen, fix)


def skipped(seen: str) -> Finding:
    """Return why nothing was looked at."""
    return Finding("skipped", seen)


def worst(findings: Iterable[Finding]) -> Severity:
    """Return the gravest severity among findings, ``ok`` for none."""
    return max((finding.severity for finding in findings), key=ORDER.index, default="ok")
