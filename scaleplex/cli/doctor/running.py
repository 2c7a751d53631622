"""Runs checks side by side, each within the time that is left for all."""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from scaleplex.cli.doctor.checks import Check
from scaleplex.cli.doctor.findings import Finding, Skip, problem, skipped
from scaleplex.cli.doctor.host import Host

LIMIT_SECONDS = 15.0


def run_all(checks: Sequence[Check], host: Host, limit_seconds: float = LIMIT_SECONDS) -> list[Finding]:
    """Return the findings of all checks, in the order of the checks.

    A check that hangs, on a mount whose server is gone for example, is left behind in its thread, which does not keep
    the process from ending.
    """
    results: list[list[Finding] | None] = [None] * len(checks)

    def store(place: int, check: Check) -> None:
        results[place] = run_one(check, host)

    threads = [threading.Thread(target=store, args=item, daemon=True) for item in enumerate(checks)]
    end = time.monotonic() + limit_seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    found: list[Finding] = []
    for check, result in zip(checks, results, strict=True):
        late = problem(
            f"{check.name} did not end within {limit_seconds:g} s",
            "Look for a mount whose server is gone (timeout 5 stat on each shared directory), or a host that hangs.",
        )
        found += [replace(finding, check=check.name) for finding in ([late] if result is None else result)]
    return found


def run_one(check: Check, host: Host) -> list[Finding]:
    """Return the findings of one check, whatever happens in it."""
    try:
        return list(check.run(host))
    except Skip as exc:
        return [skipped(f"{exc}")]
    except OSError as exc:
        where = f" {exc.filename}" if exc.filename else ""
        return [problem(f"it cannot be looked at: {exc.strerror or exc}{where}", "Run the doctor as root.")]
    except Exception as exc:
        return [problem(f"the check itself failed: {exc!r}", "Please report it.")]
