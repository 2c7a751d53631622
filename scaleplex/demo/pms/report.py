"""What a test reads at ``GET /standin/report``: every job with its argv, callbacks, exit code and served segments."""

import json
import time
from pathlib import Path

from scaleplex.demo.pms.jobs import Job, output_of
from scaleplex.demo.pms.sessions import SessionTable

SUMMARY = (
    *("session", "job", "title", "protocol", "start_seconds", "announced_seconds", "progress"),
    *("throttled", "exit_code", "killed", "worker"),
)
WORDS_OF_PLACEMENT = ("placed", "fallback", "local", "lost", "refused", "ended")


def report(table: SessionTable) -> dict[str, object]:
    """Return the whole story so far; secrets are left out."""
    now = time.monotonic()
    with table.changed:
        jobs = list(table.jobs)
        sessions = {s.id: s.job.id if s.job else None for s in table.sessions.values()}
    for job in jobs:
        if job.removed is None:
            for name in job.changed_files():
                table.violations.add("changed-file", f"{name} changed after it was announced", job.session, job.id)
    events = placement_events(table.config.events_file)
    return {
        "sessions": sessions,
        "jobs": [describe(job, now, events.get(job.id, [])) for job in jobs],
        "violations": table.violations.to_json(),
        "faults_met": table.switches.faults_met,
    }


def summary(table: SessionTable) -> dict[str, object]:
    """Return the few fields of each job that the page shows, and the violations."""
    whole = report(table)
    jobs = whole["jobs"]
    assert isinstance(jobs, list)
    return {"jobs": [{k: job[k] for k in SUMMARY} for job in jobs], "violations": whole["violations"]}


def describe(job: Job, now: float, events: list[dict[str, object]]) -> dict[str, object]:
    """Return one job as JSON."""
    last = next((call for call in reversed(job.calls) if call.kind == "progress"), None)
    workers = [event.get("worker") for event in events if event.get("event") == "placed"]
    return {
        "session": job.session,
        "job": job.id,
        "title": job.decision.item.title,
        "protocol": job.decision.protocol,
        "first_number": job.decision.first_number,
        "start_seconds": job.decision.start_seconds,
        "segment_seconds": job.decision.segment_seconds,
        "argv": job.argv,
        "cwd": str(job.cwd),
        "pid": job.process.pid if job.process else None,
        "age_seconds": round(now - job.started, 3),
        "exit_code": job.exit_code,
        "killed": job.killed is not None,
        "throttled": job.throttled,
        "announced": sorted([stream, number] for stream, number in job.announced),
        "announced_seconds": job.announced_seconds,
        "served": [[round(at, 3), stream, number, size] for at, stream, number, size in job.served],
        "callbacks": [[round(c.time_seconds, 3), c.kind, c.query, c.status] for c in job.calls],
        "progress": last.query if last else {},
        "stderr": output_of(job.stderr).decode(errors="replace")[-2000:],
        "worker": workers[-1] if workers else None,
        "events": events,
    }


def placement_events(path: Path | None) -> dict[str, list[dict[str, object]]]:
    """Return what the shims noted about each job; lines that are cut off or are no JSON are left out."""
    out: dict[str, list[dict[str, object]]] = {}
    if path is None or not path.exists():
        return out
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("event") in WORDS_OF_PLACEMENT:
            out.setdefault(str(event.get("job")), []).append(event)
    return out
