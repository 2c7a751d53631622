"""How long until a killed shim's ffmpeg is gone, and until the real transcoder runs when nobody answers."""

import os
import select
import subprocess
import time
import uuid

from scaleplex.demo.processes import take_port
from tests.bench.figures import Figure, median
from tests.bench.stand import Stand, running

GONE_GOAL_MS = 1000.0
LOCAL_GOAL_MS = 300.0


def kill(stand: Stand, rounds: int) -> list[Figure]:
    """Kill shims with SIGKILL, as PMS does."""
    gone = []
    for _ in range(rounds):
        with running(stand) as started:
            child = os.pidfd_open(started.pid)
            poll = select.poll()
            poll.register(child, select.POLLIN)
            begun = time.monotonic_ns()
            started.process.kill()
            poll.poll(10_000)
            gone.append((time.monotonic_ns() - begun) / 1e6)
            os.close(child)
    return [
        Figure("SIGKILL of the shim -> ffmpeg gone, median", median(gone), "ms", note=f"of {rounds}"),
        Figure("SIGKILL of the shim -> ffmpeg gone, worst", max(gone), "ms", GONE_GOAL_MS),
    ]


def everything_down(stand: Stand, rounds: int) -> list[Figure]:
    """Run jobs with neither orchestrator nor worker there; the real transcoder is a program that ends at once."""
    ports = [take_port() for _ in range(4)]
    dead = [port.url for port in ports]
    before = (stand.root / "shim.env").read_text()
    stand.configure(orchestrators=",".join(dead[:2]), workers_list=",".join(dead[2:]), relay_url=dead[0])
    took = []
    for _ in range(rounds):
        session, job = uuid.uuid4().hex[:24], str(uuid.uuid4())
        args, directory = stand.job_args(session, job), stand.session_dir(session, job)
        begun = time.monotonic_ns()
        subprocess.run([str(stand.shim), *args], cwd=directory, env={}, check=True)
        took.append((time.monotonic_ns() - begun) / 1e6)
    (stand.root / "shim.env").write_text(before)
    for port in ports:
        port.release()
    return [
        Figure("everything down -> real transcoder has run, median", median(took), "ms", note=f"of {rounds}"),
        Figure("everything down -> real transcoder has run, worst", max(took), "ms", LOCAL_GOAL_MS),
    ]
