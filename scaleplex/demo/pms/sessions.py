"""Sessions and their jobs: start, seek, retry, stop, idle time-out."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from scaleplex.common.errors import NotFound, UpstreamError
from scaleplex.demo.pms.config import StandinConfig
from scaleplex.demo.pms.decision import Decision
from scaleplex.demo.pms.environment import new_token
from scaleplex.demo.pms.jobs import Job, kill, output_of, remove_directory, spawn
from scaleplex.demo.pms.switches import Switches
from scaleplex.demo.pms.violations import Recorder

LATE_SECONDS = 1.0  # after a kill: old callbacks may still arrive, and a writer may not yet have noticed
OVERLAP_SECONDS = 0.3
PROGRESS_GAP_SECONDS = 5.0
REAP_SECONDS = 0.25
MAX_FAILURES = 2  # spawns of one start that may fail before the client gets an error


@dataclass(slots=True)
class Session:
    """One playback."""

    id: str
    decision: Decision
    last_seen: float
    moving: threading.RLock = field(default_factory=threading.RLock)  # held while a job is replaced by another
    job: Job | None = None
    failures: int = 0


class SessionTable:
    """All sessions of the server, the job histories, and the thread that ends what is idle."""

    def __init__(self, config: StandinConfig, switches: Switches, violations: Recorder) -> None:
        self.config = config
        self.switches = switches
        self.violations = violations
        self.token = new_token()
        self.changed = threading.Condition()  # guards jobs' fields; notified on every callback and exit
        self.sessions: dict[str, Session] = {}
        self.jobs: list[Job] = []
        self.closing = threading.Event()
        threading.Thread(target=self._reap_forever, daemon=True, name="reaper").start()

    def start(self, session_id: str, decision: Decision) -> Session:
        """Begin or restart a session at the decision's position, and return when its job said the duration.

        Raises:
            UpstreamError: the transcoder failed, twice, before it said anything.
        """
        with self.changed:
            session = self.sessions.get(session_id)
            if session is None:
                session = self.sessions[session_id] = Session(session_id, decision, time.monotonic())
        with session.moving:
            session.failures = 0
            session.decision = decision
            self._replace(session, decision)
        self._await_duration(session)
        return session

    def find(self, session_id: str) -> Session:
        """Return a session; raises NotFound."""
        with self.changed:
            session = self.sessions.get(session_id)
            if session is None:
                raise NotFound(f"There is no session {session_id}.", "Ask for start.mpd or start.m3u8 first.")
            session.last_seen = time.monotonic()
            return session

    def find_job(self, session_id: str, job_id: str) -> Job | None:
        """Return a job that ever was, None otherwise."""
        with self.changed:
            return next((j for j in reversed(self.jobs) if j.id == job_id and j.session == session_id), None)

    def move(self, session: Session, number: int, still_wanted: Callable[[Job | None], bool]) -> None:
        """Replace the job by one that starts at a segment, unless another request already did."""
        with session.moving:
            if not still_wanted(session.job):
                return
            failed = session.job is not None and session.job.exit_code not in (None, 0) and not session.job.killed
            if failed:
                session.failures += 1
                if session.failures > MAX_FAILURES:
                    words = output_of(session.job.stderr).decode(errors="replace")[-500:] if session.job else ""
                    detail = f"The transcoder failed again and again; its last words: {words or 'none'}"
                    raise UpstreamError(detail, "Look at /standin/report.")
            self._replace(session, session.decision.at(number, cautious=failed))

    def stop(self, session_id: str) -> None:
        """End a session and remove its directory."""
        with self.changed:
            session = self.sessions.pop(session_id, None)
            self.changed.notify_all()
        if session is not None:
            with session.moving:
                self._discard(session.job)
                session.job = None

    def close(self) -> None:
        """End everything politely, as systemd stops PMS and what it started."""
        self.closing.set()
        for session_id in list(self.sessions):
            with self.changed:
                session = self.sessions.pop(session_id, None)
                self.changed.notify_all()
            if session is not None:
                with session.moving:
                    self._discard(session.job, polite=True)

    def _replace(self, session: Session, decision: Decision) -> None:
        old = session.job
        if not self.switches.overlap_seek:
            self._discard(old)

        def note(job: Job) -> None:
            with self.changed:
                session.job = job
                self.jobs.append(job)
                self.changed.notify_all()

        spawn(self.config, session.id, decision, self.token, note, self._exited)
        if self.switches.overlap_seek and old is not None:
            time.sleep(OVERLAP_SECONDS)
            self._discard(old)

    def _discard(self, job: Job | None, *, polite: bool = False) -> None:
        if job is None:
            return
        kill(job, polite=polite)
        for name in job.changed_files():
            self.violations.add("changed-file", f"{name} changed after it was announced", job.session, job.id)
        remove_directory(job)

    def _await_duration(self, session: Session) -> None:
        deadline = time.monotonic() + self.config.start_limit_seconds
        while True:
            with self.changed:
                job = session.job
                left = max(0.0, deadline - time.monotonic())
                self.changed.wait_for(lambda job=job: session.job is not job or released(job), left)  # type: ignore[misc]
                job = session.job
            if job is None or job.duration_seen or job.exit_code == 0:
                return  # released; or stopped meanwhile; or over before it said anything
            if job.alive:
                self.violations.add("no-duration", "a start request was not released in time", job.session, job.id)
                return
            self.move(session, job.decision.first_number, lambda current, failed=job: current is failed)  # type: ignore[misc]

    def _exited(self, job: Job) -> None:
        assert job.process is not None
        with self.changed:
            job.ended = time.monotonic()
            job.exit_code = job.process.returncode
            self.changed.notify_all()
        self._check_exit(job)

    def _check_exit(self, job: Job) -> None:
        def breach(code: str, detail: str) -> None:
            self.violations.add(code, detail, job.session, job.id)

        if output_of(job.stdout):
            breach("stdout", f"a streaming job wrote to stdout: {output_of(job.stdout)[:80]!r}")
        with self.changed:
            session = self.sessions.get(job.session)
            replaced = session is not None and session.job is not None and session.job is not job
        if job.killed is not None or replaced:  # a replaced job may be ended by the fleet before PMS kills it
            return
        if job.exit_code != 0:
            breach("exit-code", f"the transcoder ended with {job.exit_code}: {output_of(job.stderr)[-300:]!r}")
            return
        kinds = {call.kind for call in job.calls}
        for kind in ("startup", "stream", "streamDetail", "duration", "size", "progress", "manifest"):
            if kind not in kinds:
                breach("missing-callback", f"the job ended well without any {kind} callback")
        if job.decision.protocol == "dash" and not job.final_seen:
            breach("no-final-manifest", "the job ended well, its last MPD is not static")

    def _reap_forever(self) -> None:
        while not self.closing.wait(REAP_SECONDS):
            now = time.monotonic()
            with self.changed:
                idle = [s.id for s in self.sessions.values() if now - s.last_seen > self.switches.idle_seconds]
                jobs = list(self.jobs)
            for session_id in idle:
                self.stop(session_id)
            for job in jobs:
                self._check_job(job, now)

    def _check_job(self, job: Job, now: float) -> None:
        if job.removed is not None and now - job.removed > LATE_SECONDS and job.cwd.exists():
            left = sorted(path.name for path in job.cwd.iterdir())[:5]
            self.violations.add("late-writer", f"{', '.join(left)} in a removed session directory", job.session, job.id)
        since = job.progress_times[-1] if job.progress_times else job.released
        quiet = since is not None and job.alive and not job.killed and now - since > PROGRESS_GAP_SECONDS
        if quiet and not (self.switches.fail_callbacks or self.switches.drop_callbacks):
            detail = f"no progress callback for {PROGRESS_GAP_SECONDS:.0f} s"
            self.violations.add("progress-gap", detail, job.session, job.id)


def released(job: Job | None) -> bool:
    """Return whether a start request need not wait any longer for a job (contract 3.6)."""
    return job is None or job.duration_seen or not job.alive
