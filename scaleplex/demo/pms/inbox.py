"""Takes the transcoder's callbacks: who may send which, in what order, how often, and what a manifest announces."""

import time
from pathlib import Path

from scaleplex.demo.pms import boxes, queries, verify
from scaleplex.demo.pms.gates import can_throttle
from scaleplex.demo.pms.jobs import Announced, Call, Job
from scaleplex.demo.pms.manifests import BadManifest, Manifest, Segment, parse_csv, parse_mpd
from scaleplex.demo.pms.sessions import LATE_SECONDS, SessionTable

PROGRESS_MIN_SECONDS = 0.4
PROGRESS_WINDOW = 10
CONTINUITY_SECONDS = 0.002
METHODS = {"manifest": "POST", "progress/log": "POST"}  # everything else is PUT
CONTAINER = b'<?xml version="1.0" encoding="UTF-8"?>\n<MediaContainer size="0">\n</MediaContainer>\n'
CONTAINER_THROTTLE = CONTAINER.replace(b'size="0"', b'size="0" canThrottle="1"')
Reply = tuple[int, bytes]
NOT_FOUND: Reply = (404, b"")


class Inbox:
    """One per server."""

    def __init__(self, table: SessionTable) -> None:
        self._table = table

    def receive(
        self, method: str, session: str, job_id: str, tail: str, query: str, token: str | None, body: bytes
    ) -> Reply:
        """Return status and body of the answer to one callback from a loopback peer."""
        job = self._table.find_job(session, job_id)
        now = time.monotonic()
        if method != METHODS.get(tail, "PUT"):
            self._breach("wrong-method", f"{method} {tail}", session, job_id)
            return NOT_FOUND
        if job is None:
            self._breach("unknown-job", f"{method} {tail} for a job that never was", session, job_id)
            return NOT_FOUND
        if job.killed is not None:
            if now - job.killed > LATE_SECONDS:
                self._breach("late-callback", f"{tail} more than {LATE_SECONDS:.0f} s after the kill", session, job_id)
            return NOT_FOUND
        values, problems = queries.parse(query)
        form = queries.form_of(tail, values)
        if form is None:
            self._breach("bad-query", f"{tail}?{sorted(values)} is no callback of a transcoder", session, job_id)
            return NOT_FOUND
        for problem in problems + queries.problems_of(form, values):
            self._breach("bad-query", f"{form.kind}: {problem}", session, job_id)
        sent = queries.parse_token(query) or token
        if sent is not None and sent != job.token:
            self._breach("wrong-token", f"{form.kind} with a token that is not the job's", session, job_id)
        self._check_time(job, form.kind, now)
        status, reply = self._act(job, form.kind, values, body, now)
        with self._table.changed:
            job.calls.append(Call(now - job.started, form.kind, values, status))
            self._table.changed.notify_all()
        return status, reply

    def _breach(self, code: str, detail: str, session: str, job: str) -> None:
        self._table.violations.add(code, detail, session, job)

    def _check_time(self, job: Job, kind: str, now: float) -> None:
        if job.exit_code is not None and kind != "log":
            self._breach("after-exit", f"{kind} after the process had ended", job.session, job.id)
        if kind not in queries.ORDER:
            return
        rank = queries.ORDER[kind]
        if kind == "startup":
            job.rank = 0  # a resumed attempt begins anew
        elif kind in ("stream", "streamDetail") and job.rank > queries.ORDER["streamDetail"]:
            rank = job.rank  # streams discovered later
        if rank < job.rank:
            self._breach("order", f"{kind} after a later step", job.session, job.id)
        job.rank = max(job.rank, rank)
        if kind != "progress":
            return
        times = job.progress_times
        # Without this one: the last of a job may come early. Over several: one may have been held up on its way.
        recent = times[-PROGRESS_WINDOW:]
        took = recent[-1] - recent[0] if recent else 0.0
        if (
            len(recent) == PROGRESS_WINDOW
            and took < (PROGRESS_WINDOW - 1) * PROGRESS_MIN_SECONDS
            and not self._troubled
        ):
            self._breach("cadence", f"{PROGRESS_WINDOW} progress callbacks within {took:.2f} s", job.session, job.id)
        times.append(now)

    @property
    def _troubled(self) -> bool:
        switches = self._table.switches
        return bool(switches.slow_callbacks_ms or switches.fail_callbacks or switches.drop_callbacks)

    def _act(self, job: Job, kind: str, values: dict[str, str], body: bytes, now: float) -> Reply:
        if kind == "duration":
            job.duration_seen = True
            job.released = now
            due = job.decision.item.duration_seconds
            if "duration" in values and abs(float(values["duration"]) - due) > 0.5:
                self._breach(
                    "bad-query", f"duration={values['duration']}, the film has {due:.3f} s", job.session, job.id
                )
            return 204, b""
        if kind == "size":
            return 206, CONTAINER
        if kind == "progress":
            job.throttled = self._throttle(job)
            return 206, CONTAINER_THROTTLE if job.throttled else CONTAINER
        if kind == "manifest":
            self._announce(job, "subtitles" if values.get("stream") == "subtitles" else "", body)
        return (204 if kind in ("startup", "stream", "streamDetail") else 200), b""

    def _throttle(self, job: Job) -> bool:
        switches = self._table.switches
        if switches.force_throttle is not None:
            return switches.force_throttle
        return can_throttle(job.announced_seconds, job.served_seconds, switches.throttle_buffer_seconds)

    def _announce(self, job: Job, stream: str, body: bytes) -> None:
        dash = job.decision.protocol == "dash" and not stream
        try:
            manifest = parse_mpd(body) if dash else parse_csv(body, stream or "base")
        except (BadManifest, ValueError) as problem:
            self._breach("bad-manifest", f"{problem}", job.session, job.id)
            return
        self._check_manifest(job, manifest, dash)
        for name in manifest.inits:
            self._open_init(job, name)
        for segment in manifest.segments:
            self._open_segment(job, segment, dash)
        with self._table.changed:
            job.manifest_seen = job.manifest_seen or not stream
            job.final_seen = manifest.final

    def _check_manifest(self, job: Job, manifest: Manifest, dash: bool) -> None:
        skip = job.decision.first_number + 1
        for first in manifest.first_numbers:
            if first < skip:
                self._breach("start-number", f"startNumber {first}, the job began at {skip}", job.session, job.id)
        for before, after in zip(manifest.segments, manifest.segments[1:], strict=False):
            continues = before.stream == after.stream and after.number == before.number + 1
            gap = after.start_seconds - before.end_seconds
            if dash and continues and abs(gap) > CONTINUITY_SECONDS:
                detail = f"stream {after.stream}: {gap:+.3f} s between numbers {before.number} and {after.number}"
                self._breach("timeline", detail, job.session, job.id)

    def _open_init(self, job: Job, name: str) -> None:
        path = job.cwd / name
        if name in job.inits:
            if verify.changed_since(path, job.inits[name][1]):
                self._breach("changed-file", f"{name} changed after it was announced", job.session, job.id)
            return
        try:
            data, known = verify.read_announced(path)
            track = boxes.read_init(data)
        except (OSError, boxes.Broken):
            return  # an early MPD may come before the init segment has content; the chunks decide
        job.inits[name] = (path, known, track)

    def _open_segment(self, job: Job, segment: Segment, dash: bool) -> None:
        number = segment.number - 1 if dash else segment.number
        key = (segment.stream, number)
        path = job.cwd / segment.name
        if key in job.announced:
            known = job.announced[key]
            if known.print is not None and not known.pruned and verify.changed_since(path, known.print):
                self._breach("changed-file", f"{segment.name} changed after it was announced", job.session, job.id)
            return
        known_print = None
        try:
            data, known_print = verify.read_announced(path)
            problems = self._problems(job, segment, data, dash)
        except FileNotFoundError:
            problems = [] if job.killed else ["announced, and not there"]
        except (OSError, boxes.Broken) as problem:
            problems = [str(problem)]
        for problem_text in problems:
            self._breach("bad-file", f"{segment.name}: {problem_text}", job.session, job.id)
        with self._table.changed:
            job.announced[key] = Announced(segment, path, known_print)

    def _problems(self, job: Job, segment: Segment, data: bytes, dash: bool) -> list[str]:
        if segment.stream == "subtitles":
            return []
        anchor = job.anchors.get(segment.stream)
        if dash:
            name = f"init-stream{segment.stream}.m4s"
            self._open_init(job, name)
            if name not in job.inits:
                return [f"{name} has no content yet"]
            number, end = job.chunk_ends.get(segment.stream, (-1, 0))
            previous = end if number == segment.number - 1 else None
            track = job.inits[name][2]
            starts, end, problems = verify.dash_problems(data, track, segment, job.decision, anchor, previous)
            job.chunk_ends[segment.stream] = (segment.number, end)
        else:
            found, problems = verify.list_problems(data, segment, job.decision, anchor)
            starts = found if found is not None else segment.start_seconds
        if anchor is None:
            job.anchors[segment.stream] = verify.Anchor(segment.number, starts)
        return problems


def prune(job: Job, behind_seconds: float) -> list[Path]:
    """Delete segments further behind the client than the prune buffer, and return what was deleted."""
    limit = job.served_seconds - behind_seconds
    gone = []
    for announced in job.announced.values():
        if not announced.pruned and announced.segment.stream != "subtitles" and announced.segment.end_seconds < limit:
            announced.pruned = True
            announced.path.unlink(missing_ok=True)
            gone.append(announced.path)
    return gone
