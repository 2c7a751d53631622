"""What the relay counts, and the longest line it takes."""

import os
import re

from tests.integration.relay.conftest import Job
from tests.integration.relay.plex import FakePlex
from tests.integration.relay.service import Service, until


def test_how_long_plex_took_is_observed_for_each_callback(relay: Service, plex: FakePlex, job: Job) -> None:
    count, total = "scaleplex_relay_upstream_seconds_count", "scaleplex_relay_upstream_seconds_sum"
    before = relay.metrics()
    plex.delay_seconds = 0.3
    assert relay.request("PUT", job.target("progress", "progress=1.0")).status == 206
    after = relay.metrics()
    assert after[count] == before[count] + 1
    assert after[total] - before[total] >= 0.3


def test_files_of_dead_jobs_are_counted_when_they_are_removed(relay: Service, job: Job) -> None:
    before = relay.metrics()["scaleplex_relay_jobs_swept_total"]
    job.die()
    os.utime(job.path, (0, 0))  # a dead job's file stays for some seconds; this one has lain there for long
    until(lambda: not job.path.exists(), 15)
    until(lambda: relay.metrics()["scaleplex_relay_jobs_swept_total"] == before + 1)


def test_a_log_line_of_two_kibibytes_escaped_is_taken(relay: Service, plex: FakePlex, job: Job) -> None:
    target = job.target("progress/log", "level=1&message=" + "%C3%A9" * 1024)
    assert 4094 < len(target) < 8100
    assert relay.request("POST", target).status < 300
    assert re.search("(%C3%A9){1024}", plex.of(job.name)[-1].target)
