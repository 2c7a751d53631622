"""A PMS that does not answer holds up nobody but the jobs it does not answer."""

import threading
from collections.abc import Iterator

import pytest

from tests.integration.relay.conftest import Job, Stage
from tests.integration.relay.plex import FakePlex
from tests.integration.relay.service import Service, until

JOBS = 10


class Slow(FakePlex):
    """Keeps the callbacks of some jobs waiting until it is told to answer."""

    def __init__(self) -> None:
        self.kept: set[str] = set()
        self.go = threading.Event()
        super().__init__()

    def _reply(self, request):  # type: ignore[no-untyped-def]
        if any(name in request.target for name in self.kept):
            self.go.wait(30)
        return super()._reply(request)


@pytest.fixture
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("slow")
    runtime, sessions = directory / "run", directory / "sessions"
    (runtime / "jobs").mkdir(parents=True)
    sessions.mkdir()
    plex = Slow()
    # The threads a relay has unless told otherwise, and a PMS that may take its time.
    relay = Service("relay", directory, {"PLEX_URL": plex.url, "RUNTIME_DIR": str(runtime), "UPSTREAM_SECONDS": "30"})
    try:
        yield Stage(relay.start(), plex, runtime, sessions)
    finally:
        plex.go.set()
        relay.stop()
        plex.down()


def test_ten_jobs_plex_does_not_answer_leave_health_and_another_job_alone_and_lose_nothing(slow: Stage) -> None:
    plex = slow.plex
    assert isinstance(plex, Slow)
    kept = [Job(slow.runtime, slow.sessions) for _ in range(JOBS)]
    free = Job(slow.runtime, slow.sessions)
    plex.kept = {job.name for job in kept}
    row = b"media-00001.ts,0.0,1.0\n"
    statuses: list[int] = []

    def manifest(job: Job) -> None:
        statuses.append(slow.relay.request("POST", job.target("manifest"), row).status)

    def progress(job: Job) -> None:
        slow.relay.request("PUT", job.target("progress", "progress=1.0"))

    for job in (*kept, free):
        job.segment("media-00001.ts")
    threads = [threading.Thread(target=what, args=(job,)) for job in kept for what in (manifest, progress)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(plex.requests) == 2 * JOBS, 20)  # a manifest and a progress of each are kept waiting
        # Their workers lose patience and ask again, as often as they like: nobody waits, and nothing piles up.
        again = [slow.relay.request("POST", job.target("manifest"), row).status for job in kept for _ in range(5)]
        assert again == [503] * (5 * JOBS)
        assert slow.relay.request("GET", "/healthz", sign=False).status == 200
        assert slow.relay.request("GET", "/readyz", sign=False).status == 200
        assert slow.relay.request("GET", "/metrics", sign=False).status == 200
        assert slow.relay.request("PUT", free.target("progress", "progress=1.0")).status == 206
        assert slow.relay.request("POST", free.target("manifest"), row).status == 200
        assert all(thread.is_alive() for thread in threads)  # and all that while PMS had not answered them
    finally:
        plex.go.set()
        for thread in threads:
            thread.join()
        for job in (*kept, free):
            job.die()
    assert statuses == [200] * JOBS
    assert [len(plex.of(job.name, "manifest")) for job in kept] == [1] * JOBS
