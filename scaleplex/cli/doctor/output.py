"""Findings for people, for programs, and every check for the reference."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from scaleplex.cli.doctor.checks import CHECKS
from scaleplex.cli.doctor.findings import Finding, Severity, worst

SUBJECTS = {
    "settings": "Settings",
    "service": "Services on this host",
    "storage": "Shared storage",
    "ffmpeg": "ffmpeg",
    "gpu": "GPU",
    "worker": "Worker",
    "plex": "Plex host",
    "fleet": "Fleet",
    "relay": "Relay",
}
SIGNS = {"ok": "ok", "skipped": "-", "warning": "warning", "problem": "PROBLEM"}
COLOURS = {"ok": "32", "skipped": "2", "warning": "33", "problem": "31"}


def table(findings: Sequence[Finding], roles: Iterable[str], *, colour: bool) -> str:
    """Return the findings grouped by subject, each fix under what it mends."""
    lines = [f"scaleplex doctor: {', '.join(sorted(roles))}"]
    for subject, title in SUBJECTS.items():
        group = [finding for finding in findings if finding.subject == subject]
        if not group:
            continue
        lines += ["", title]
        for finding in group:
            sign = SIGNS[finding.severity].ljust(8)
            shown = f"\033[{COLOURS[finding.severity]}m{sign}\033[0m" if colour else sign
            lines.append(f"  {shown} {finding.check:<20} {finding.seen}")
            if finding.fix:
                lines.append(f"  {'':8} {'':20} fix: {finding.fix}")
    return "\n".join([*lines, "", summary(findings), ""])


def summary(findings: Sequence[Finding]) -> str:
    """Return how many findings of each kind there are."""
    counted = Counter(finding.severity for finding in findings)
    words: tuple[tuple[Severity, str], ...] = (
        ("problem", "problem(s)"),
        ("warning", "warning(s)"),
        ("ok", "ok"),
        ("skipped", "skipped"),
    )
    return ", ".join(f"{counted[severity]} {word}" for severity, word in words)


def as_json(findings: Sequence[Finding], roles: Iterable[str]) -> str:
    """Return the findings for a program."""
    value = {
        "roles": sorted(roles),
        "worst": worst(findings),
        "findings": [
            {"check": finding.check, "severity": finding.severity, "seen": finding.seen, "fix": finding.fix}
            for finding in findings
        ],
    }
    return json.dumps(value, indent=2) + "\n"


def reference() -> str:
    """Return the reference page of all checks."""
    lines = [
        "# Doctor",
        "",
        "Printed from the code by `./dev docs`. `scaleplex doctor` looks for what goes wrong in practice and says each",
        "fix in one sentence. It changes nothing; in the transcode directory it writes markers below",
        "`.scaleplex-doctor` and removes them. Run it as root: it tries what accounts may do as these accounts.",
        "",
        "Exit 0: no problem (there may be warnings). 1: at least one problem. 2: wrong use, or nothing of scaleplex is",
        "installed here. It takes 15 s at most.",
        "",
        '`--json` prints `{"roles": [...], "worst": SEVERITY, "findings": [{"check", "severity", "seen", "fix"}]}`;',
        "a severity is `ok`, `skipped` (it could not be looked at, `seen` says why), `warning` or `problem`.",
    ]
    for subject, title in SUBJECTS.items():
        lines += ["", f"## {title}", "", "| check | on | finds | fix |", "|---|---|---|---|"]
        lines += [
            f"| `{check.name}` | {', '.join(check.roles)} | {check.finds} | {check.fix} |"
            for check in CHECKS
            if check.name.startswith(f"{subject}.")
        ]
    return "\n".join(lines) + "\n"
