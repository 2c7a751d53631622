"""Serves a client's requests through PMS's gates: announced files only, held until they are (contract 5.2)."""

import time
from collections.abc import Callable
from pathlib import Path

from scaleplex.common.errors import Gone, NotFound
from scaleplex.demo.pms.gates import Verdict, View, fits, judge
from scaleplex.demo.pms.inbox import prune
from scaleplex.demo.pms.jobs import Job
from scaleplex.demo.pms.sessions import Session, SessionTable

POLL_SECONDS = 0.1  # how often a held request looks whether its client is still there
ClientGone = Callable[[], bool]


class Server:
    """Answers requests for headers and segments; each call may block."""

    def __init__(self, table: SessionTable) -> None:
        self._table = table

    def segment(self, session_id: str, stream: str, number: int, client_gone: ClientGone) -> bytes:
        """Return a segment's bytes; ``number`` is the one in the URL.

        Raises:
            NotFound: no such session or segment, or it never came.
            Gone: the client went away, or moved elsewhere, while the request was held.
        """
        session = self._table.find(session_id)
        deadline = time.monotonic() + self._table.switches.segment_limit_seconds
        waited_for: Job | None = None
        while True:
            with self._table.changed:
                job = session.job
                verdict = self._judge(job, session, stream, number)
                if verdict is Verdict.WAIT and self._live(session_id):
                    waited_for = job
                    self._table.changed.wait(POLL_SECONDS)
            if not self._live(session_id) or client_gone():
                raise Gone("The client has gone.", "Nothing to do.")
            if verdict is Verdict.SERVE and job is not None:
                return self._read(job, stream, number)
            if verdict is Verdict.MISSING:
                raise NotFound(f"There is no segment {number} of stream {stream}.", "See index.m3u8 or the MPD.")
            if verdict is Verdict.RESPAWN:
                failed = job is not None and job.exit_code not in (None, 0) and not job.killed
                if waited_for is not None and waited_for is not job and not failed:
                    raise Gone("The session has moved on to another position.", "Ask again.")
                self._table.move(session, number, self._still_out_of_range(session, stream, number))
            elif time.monotonic() > deadline:
                self._time_out(job, f"segment {number} of stream {stream}")

    def header(self, session_id: str, name: str, client_gone: ClientGone) -> bytes:
        """Return an init segment or a Matroska header, held until a manifest came and the file has content."""
        session = self._table.find(session_id)
        deadline = time.monotonic() + self._table.switches.segment_limit_seconds
        while True:
            with self._table.changed:
                job = session.job
                if job is not None and job.manifest_seen:
                    path = job.cwd / name
                    if path.exists() and path.stat().st_size:
                        return path.read_bytes()
                    if not job.alive:
                        raise NotFound(f"The job ended without {name}.", "See /standin/report.")
                self._table.changed.wait(POLL_SECONDS)
            if not self._live(session_id) or client_gone():
                raise Gone("The client has gone.", "Nothing to do.")
            if job is not None and job.exit_code not in (None, 0) and not job.killed:
                self._table.move(session, job.decision.first_number, lambda now, failed=job: now is failed)  # type: ignore[misc]
            if time.monotonic() > deadline:
                self._time_out(job, name)

    def _live(self, session_id: str) -> bool:
        return session_id in self._table.sessions and not self._table.closing.is_set()

    def _judge(self, job: Job | None, session: Session, stream: str, number: int) -> Verdict:
        if job is None:
            return Verdict.RESPAWN
        reach = max(1, int(self._table.switches.reach_seconds // job.decision.segment_seconds))
        view = View(
            count=job.decision.segment_count,
            first=job.decision.first_number,
            last=job.last_number,
            announced=(stream, number) in job.announced,
            exit_code=job.exit_code,
        )
        return judge(number, view, reach)

    def _still_out_of_range(self, session: Session, stream: str, number: int) -> Callable[[Job | None], bool]:
        def wanted(job: Job | None) -> bool:
            with self._table.changed:
                return self._judge(job, session, stream, number) is Verdict.RESPAWN

        return wanted

    def _time_out(self, job: Job | None, what: str) -> None:
        session, job_id = (job.session, job.id) if job else ("", "")
        self._table.violations.add("held-too-long", f"{what} was not announced in time", session, job_id)
        raise NotFound(f"{what} did not come in time.", "See /standin/report.")

    def _read(self, job: Job, stream: str, number: int) -> bytes:
        announced = job.announced[stream, number]
        decision = job.decision
        data = b""
        if stream == "base" and not fits(
            announced.segment.end_seconds, number, decision.segment_seconds, decision.item.duration_seconds
        ):
            detail = f"{announced.segment.name} is listed to end at {announced.segment.end_seconds:.3f} s"
            self._table.violations.add("row-does-not-fit", detail, job.session, job.id)
        elif announced.pruned:
            raise NotFound(f"Segment {number} was pruned.", "Seek to it.")
        else:
            data = read_or_empty(announced.path)
        with self._table.changed:
            job.served.append((time.monotonic() - job.started, stream, number, len(data)))
            prune(job, self._table.switches.prune_buffer_seconds)
        return data


def read_or_empty(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
