"""The life of tasks on a real worker with a fake ffmpeg: ends, kills, drains, deaths."""

import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from scaleplex.protocol import wire
from scaleplex.worker.leftovers import boot_id, start_ticks
from tests.integration.worker.stand import THROTTLE, FakeRelay, Job, Stream, Worker, alive, wait_for

MakeJob = Callable[..., Job]
Start = Callable[..., Worker]


def pid_of(stream: Stream) -> int:
    pid = stream.spawned()["pid"]
    assert isinstance(pid, int)
    return pid


def running(worker: Worker) -> list[dict[str, object]]:
    tasks: list[dict[str, object]] = json.loads(worker.ask("GET", "/tasks")[1])["tasks"]
    return tasks


def test_the_first_frame_says_what_was_spawned_and_the_last_how_it_ended(worker: Worker, fake_job: MakeJob) -> None:
    stream = fake_job(worker, "run-1").post()
    assert stream.status == 200
    assert stream.response.headers["Content-Type"] == wire.STREAM_TYPE
    assert set(stream.spawned()) == {"event", "pid", "monotonic_ns", "backend", "labels"}
    assert stream.exit() == {
        "code": 0,
        "signal": None,
        "reason": "ended",
        "detail": "ffmpeg reached the end of its input.",
        "retry": False,
    }
    assert running(worker) == []


@pytest.mark.parametrize(
    ("what", "code", "number"), [("exit-3", 3, None), ("exit-187", 187, None), ("signal-11", 139, 11)]
)
def test_a_failing_ffmpeg_leaves_with_its_own_code(
    worker: Worker, fake_job: MakeJob, what: str, code: int, number: int | None
) -> None:
    stream = fake_job(worker, what).post()
    stream.spawned()
    content = stream.exit()
    assert (content["code"], content["signal"], content["reason"]) == (code, number, "failed")
    if what.startswith("exit"):
        assert "it went wrong" in str(content["detail"])


def test_bytes_on_stdout_pass_unchanged_and_a_quiet_argv_keeps_stderr_to_itself(
    worker: Worker, fake_job: MakeJob
) -> None:
    stream = fake_job(worker, "stdout-3000").post()
    stream.spawned()
    stream.exit()
    out = b"".join(payload for kind, payload in stream.seen if kind == wire.STDOUT)
    assert out == bytes(range(256)) * 3000
    assert not [payload for kind, payload in stream.seen if kind == wire.STDERR]


def test_stderr_passes_unchanged_when_the_argv_asks_for_it(worker: Worker, fake_job: MakeJob) -> None:
    stream = fake_job(worker, "stdout-1", loud=True).post()
    stream.spawned()
    stream.exit()
    assert b"".join(payload for kind, payload in stream.seen if kind == wire.STDERR) == b"a line on stderr\n"


def test_a_heartbeat_comes_each_second(worker: Worker, fake_job: MakeJob) -> None:
    stream = fake_job(worker, "run").post()
    stream.spawned()
    moments = []
    for _ in range(2):
        assert stream.next() == (wire.HEARTBEAT, b"")
        moments.append(time.monotonic())
    assert 0.8 < moments[1] - moments[0] < 1.5
    stream.vanish()


def test_ffmpeg_is_gone_at_once_when_the_shim_is_killed(worker: Worker, fake_job: MakeJob) -> None:
    job = fake_job(worker, "deaf")
    body = json.dumps(job.fields()).encode()
    program = (
        "import socket, sys, time\n"
        "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "s.sendall(sys.stdin.buffer.read())\n"
        "print(s.recv(4096), flush=True)\n"
        "time.sleep(60)\n"
    )
    head = (
        f"POST /task HTTP/1.1\r\nHost: {worker.authority}\r\nContent-Length: {len(body)}\r\n"
        f"{wire.AUTH_HEADER}: {worker.sign('POST', '/task', body)}\r\n\r\n"
    )
    shim = subprocess.Popen(
        [sys.executable, "-IS", "-c", program, str(worker.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert shim.stdin is not None
    assert shim.stdout is not None
    shim.stdin.write(head.encode() + body)
    shim.stdin.close()
    shim.stdout.readline()
    wait_for(lambda: running(worker) and running(worker)[0]["pid"])
    pid = running(worker)[0]["pid"]
    shim.kill()
    assert wait_for(lambda: not alive(pid)) < 1.0
    shim.wait()
    shim.stdout.close()
    wait_for(lambda: running(worker) == [])
    line = next(line for line in worker.log().splitlines() if "task ended" in line)
    assert "outcome=stopped code='' signal='' " in line
    assert "Plex has ended the job" in line


def test_a_closed_connection_ends_ffmpeg_within_a_tenth_of_a_second(worker: Worker, fake_job: MakeJob) -> None:
    stream = fake_job(worker, "deaf").post()
    pid = pid_of(stream)
    stream.vanish()
    assert wait_for(lambda: not alive(pid)) < 0.5  # measured 2 to 10 ms on a quiet machine


@pytest.mark.slow
def test_ffmpeg_ends_within_ten_seconds_when_the_plex_host_loses_its_power(worker: Worker, fake_job: MakeJob) -> None:
    stream = fake_job(worker, "deaf").post()
    pid = pid_of(stream)
    drop_every_packet(stream.sock)
    assert 5.0 < wait_for(lambda: not alive(pid), 15.0) < 11.0
    wait_for(lambda: running(worker) == [])
    assert "Traceback" not in worker.log()


def drop_every_packet(sock: socket.socket) -> None:
    """Make a socket deaf and dumb: a filter that takes nothing, so that not even acknowledgements leave."""
    so_attach_filter, return_nothing = 26, struct.pack("HBBI", 0x06, 0, 0, 0)
    program = ctypes.create_string_buffer(return_nothing)
    sock.setsockopt(socket.SOL_SOCKET, so_attach_filter, struct.pack("HL", 1, ctypes.addressof(program)))


def test_a_shim_that_reads_nothing_does_not_keep_ffmpeg_from_being_killed(worker: Worker, fake_job: MakeJob) -> None:
    job = fake_job(worker, "stdout-100000")
    stream = job.post()
    pid = pid_of(stream)
    wait_for(lambda: running(worker) != [])
    time.sleep(0.3)  # long enough to fill every buffer on the way
    assert alive(pid)
    assert worker.ask("POST", f"/task/{job.job}/kill")[0] == 204
    wait_for(lambda: not alive(pid))
    stream.vanish()


def test_a_newer_job_of_the_session_ends_the_older_one_first(worker: Worker, fake_job: MakeJob) -> None:
    first = fake_job(worker, "deaf", session="one-session")
    old = first.post()
    pid = pid_of(old)
    new = fake_job(worker, "run", session="one-session").post()
    new.spawned()
    assert not alive(pid)
    content = old.exit()
    assert (content["reason"], content["retry"]) == ("superseded", False)
    assert content["code"] != 0
    late = first.post(attempt=1)
    assert (late.status, late.error()) == (409, "superseded")
    new.vanish()


def test_a_subtitle_job_runs_beside_the_video_of_its_session(worker: Worker, fake_job: MakeJob) -> None:
    video = fake_job(worker, "run", session="two-kinds").post()
    video.spawned()
    subtitle = fake_job(worker, "run", session="two-kinds", kind="subtitle").post()
    subtitle.spawned()
    assert {task["kind"] for task in running(worker)} == {"video", "subtitle"}
    video.vanish()
    subtitle.vanish()


def test_a_second_attempt_of_a_job_replaces_the_first_and_the_first_cannot_come_back(
    worker: Worker, fake_job: MakeJob
) -> None:
    job = fake_job(worker, "run")
    first = job.post()
    first.spawned()
    again = Job(worker, job.session, job.job, job.cwd, job.args, job.relay, attempt=2)
    second = again.post()
    second.spawned()
    assert first.exit()["reason"] == "superseded"
    assert job.post().error() == "superseded"
    second.vanish()


def test_an_overtaken_request_does_not_end_the_newer_job(worker: Worker, fake_job: MakeJob) -> None:
    now = time.time_ns() // 1_000_000
    older = fake_job(worker, "run", session="race", ticket_ms=now + 20_000)
    newer = fake_job(worker, "run", session="race", ticket_ms=now + 20_300).post()
    newer.spawned()
    late = older.post()
    assert (late.status, late.error()) == (409, "superseded")
    newer.vanish()


def test_the_worker_answers_503_at_its_cap_and_takes_again_after(start_worker: Start, fake_job: MakeJob) -> None:
    worker = start_worker(MAX_SESSIONS="1")
    first = fake_job(worker, "run").post()
    first.spawned()
    full = fake_job(worker, "run").post()
    assert (full.status, full.error()) == (503, "full")
    first.vanish()
    wait_for(lambda: running(worker) == [])
    assert fake_job(worker, "run-1").post().exit()["code"] == 0


def test_an_operators_kill_is_polite_first_and_hard_after_the_grace(start_worker: Start, fake_job: MakeJob) -> None:
    worker = start_worker(STOP_GRACE_SECONDS="0.4")
    for what, number in (("run", 15), ("deaf", 9)):
        job = fake_job(worker, what)
        stream = job.post()
        stream.spawned()
        wait_for(lambda job=job: (job.cwd / "chunk-stream0-00001.m4s.tmp").exists())  # type: ignore[misc]
        assert worker.ask("POST", f"/task/{job.job}/kill")[0] == 204
        content = stream.exit()
        assert (content["reason"], content["signal"], content["code"]) == ("killed", number, 128 + number)
        assert not (job.cwd / "chunk-stream0-00001.m4s.tmp").exists()


def test_the_orchestrator_kills_a_job_that_was_replaced_elsewhere(worker: Worker, fake_job: MakeJob) -> None:
    job = fake_job(worker, "deaf")
    stream = job.post()
    stream.spawned()
    assert worker.ask("POST", f"/task/{job.job}/kill", b'{"reason": "superseded"}')[0] == 204
    assert stream.exit()["reason"] == "superseded"
    assert job.post(attempt=1).error() == "superseded"


def test_a_kill_can_mean_one_attempt(worker: Worker, fake_job: MakeJob) -> None:
    job = fake_job(worker, "deaf", attempt=2)
    stream = job.post()
    stream.spawned()
    for attempt, status in ((1, 404), (3, 404), ("2", 400), (True, 400), (2.0, 400), (2, 204)):
        body = json.dumps({"reason": "superseded", "attempt": attempt}).encode()
        assert worker.ask("POST", f"/task/{job.job}/kill", body)[0] == status, attempt
    assert stream.exit()["reason"] == "superseded"
    assert job.post().error() == "superseded"
    later = replace(job, attempt=3).post()
    later.spawned()
    later.vanish()


def test_an_attempt_that_ends_leaves_what_another_one_stages(worker: Worker, fake_job: MakeJob) -> None:
    job = fake_job(worker, "deaf")
    stream = job.post()
    pid_of(stream)
    wait_for(lambda: (job.cwd / "chunk-stream0-00001.m4s.tmp").exists())
    (job.cwd / "chunk-stream0-00001.m4s.tmp").unlink()
    for name in ("chunk-stream0-00001.m4s.tmp", "chunk-stream1-00001.m4s.tmp"):  # as another worker would
        (job.cwd / name).touch()
    os.kill(worker.process.pid, signal.SIGTERM)
    assert stream.exit()["reason"] == "draining"
    assert len(list(job.cwd.glob("*.tmp"))) == 2


def test_a_draining_worker_lets_running_tasks_end_and_takes_no_new_ones(worker: Worker, fake_job: MakeJob) -> None:
    stream = fake_job(worker, "run-4").post()
    stream.spawned()
    status, body = worker.ask("POST", "/drain")
    assert (status, json.loads(body)["state"]) == (200, "draining")
    refused = fake_job(worker, "run").post()
    assert (refused.status, refused.error()) == (503, "draining")
    assert worker.ask("GET", "/readyz", auth=None)[0] == 503
    assert stream.exit()["reason"] == "ended"
    assert json.loads(worker.ask("POST", "/undrain")[1])["state"] == "ready"
    assert fake_job(worker, "run-1").post().exit()["code"] == 0


def test_sigterm_ends_the_streams_so_that_another_worker_goes_on(worker: Worker, fake_job: MakeJob) -> None:
    jobs = [fake_job(worker, "deaf") for _ in range(2)]
    streams = [job.post() for job in jobs]
    pids = [pid_of(stream) for stream in streams]
    os.kill(worker.process.pid, signal.SIGTERM)
    for stream, pid in zip(streams, pids, strict=True):
        content = stream.exit()
        assert (content["reason"], content["retry"]) == ("draining", True)
        assert content["code"] != 0
        assert not alive(pid)
    worker.process.wait(10)
    assert all(not list(job.cwd.glob("*.tmp")) for job in jobs)


def test_ffmpeg_dies_with_its_worker(worker: Worker, fake_job: MakeJob) -> None:
    pids = [pid_of(fake_job(worker, "deaf").post()) for _ in range(2)]
    worker.kill_hard()
    for pid in pids:
        assert wait_for(lambda pid=pid: not alive(pid)) < 1.0  # type: ignore[misc]


def test_a_restart_ends_what_an_earlier_life_left_and_spares_what_only_has_its_number(
    worker: Worker, fake_job: MakeJob
) -> None:
    job = fake_job(worker, "run")
    worker.kill_hard()
    staging = "exec 3>chunk-stream0-00007.m4s.tmp; exec sleep 60"
    left = subprocess.Popen(["sh", "-c", staging], start_new_session=True, cwd=job.cwd)
    wait_for(lambda: (job.cwd / "chunk-stream0-00007.m4s.tmp").exists())
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    for name in ("chunk-stream0-00006.m4s", "chunk-stream1-00007.m4s.tmp"):  # the second is another worker's
        (job.cwd / name).touch()
    directory = worker.root / "state/running"
    ticks = start_ticks(stranger.pid)
    assert ticks is not None
    for pid, start in ((left.pid, start_ticks(left.pid)), (stranger.pid, ticks - 1)):
        owner = {"owner": worker.process.pid, "owner_ticks": 1}
        content = {"pid": pid, "start_ticks": start, "boot": boot_id(), "cwd": str(job.cwd)} | owner
        (directory / f"{job.job}.{pid}.json").write_text(json.dumps(content))
    (directory / "broken.1.json").write_text("{")
    try:
        worker.start()
        assert left.wait(5) == -signal.SIGKILL
        assert "scaleplex_worker_leftovers_total 1\n" in worker.ask("GET", "/metrics", auth=None)[1].decode()
        assert stranger.poll() is None
        assert list(directory.iterdir()) == []
        assert {path.name for path in job.cwd.iterdir()} == {"chunk-stream0-00006.m4s", "chunk-stream1-00007.m4s.tmp"}
    finally:
        for process in (left, stranger):
            process.kill()
            process.wait()


def test_ffmpeg_gets_the_allowed_variables_and_nothing_else(worker: Worker, fake_job: MakeJob) -> None:
    job = fake_job(worker, "run-1")
    job.post(env={"LANG": "C.UTF-8", "TZ": "UTC", "LD_PRELOAD": "/evil.so", "X_PLEX_TOKEN": "t"}).exit()
    names = {line.partition("=")[0] for line in (job.cwd / "environment").read_text().splitlines()}
    assert names - {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"} == {"LANG", "TZ", "HOME", "TMPDIR", "PATH"}


def test_plex_throttles_and_frees_ffmpeg(worker: Worker, fake_job: MakeJob, relay: FakeRelay) -> None:
    usual = relay.answer
    relay.answer = lambda call: (206, THROTTLE) if call.kind == "progress" else usual(call)
    job = fake_job(worker, "run")
    stream = job.post()
    stream.spawned()
    signals = job.cwd / "signals"
    wait_for(lambda: signals.exists() and signals.read_text() == f"{int(signal.SIGUSR1)}\n")
    wait_for(lambda: running(worker)[0]["throttled"] is True)
    assert "scaleplex_worker_tasks_throttled 1" in worker.ask("GET", "/metrics", auth=None)[1].decode()
    wait_for(lambda: "speed" not in relay.of("progress")[-1].query)
    relay.answer = usual
    wait_for(lambda: signals.read_text() == f"{int(signal.SIGUSR1)}\n{int(signal.SIGUSR2)}\n")
    wait_for(lambda: "speed" in relay.of("progress")[-1].query)
    messages = [call.query["message"] for call in relay.of("level", "log")]
    assert messages == ["Throttle - Going into sloth mode.", "Throttle - Getting back to work."]
    log = worker.log()
    assert f"INFO task throttled session={job.session} job={job.job} attempt=1" in log
    assert f"INFO task no longer throttled session={job.session} job={job.job} attempt=1" in log
    stream.vanish()
    wait_for(lambda: "throttles=1" in worker.log())


def test_a_job_the_relay_calls_gone_is_stopped(worker: Worker, fake_job: MakeJob, relay: FakeRelay) -> None:
    stream = fake_job(worker, "deaf").post()
    pid = pid_of(stream)
    wait_for(lambda: relay.of("progress"))
    relay.answer = lambda call: (410, "{}")
    content = stream.exit()
    assert content["reason"] == "stopped"
    assert "relay" in str(content["detail"])
    assert not alive(pid)


def test_a_relay_that_is_down_does_not_delay_ffmpeg_and_the_end_is_not_called_a_success(
    worker: Worker, fake_job: MakeJob, relay: FakeRelay
) -> None:
    relay.close()
    job = fake_job(worker, "run-1")
    began = time.monotonic()
    stream = job.post()
    stream.spawned()
    assert time.monotonic() - began < 1.0
    content = stream.exit()
    assert content["reason"] == "callback-failed"
    assert content["code"] != 0
    assert (job.cwd / "environment").exists()
    text = worker.ask("GET", "/metrics", auth=None)[1].decode()
    assert 'scaleplex_worker_callbacks_total{kind="startup",status="unreachable"}' in text


def test_a_job_killed_before_it_began_starts_nothing(worker: Worker, fake_job: MakeJob) -> None:
    job = fake_job(worker, "run")
    body = json.dumps(job.fields()).encode()
    head = (
        f"POST /task HTTP/1.1\r\nHost: {worker.authority}\r\nContent-Length: {len(body)}\r\n"
        f"{wire.AUTH_HEADER}: {worker.sign('POST', '/task', body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", worker.port)) as shim:
        shim.sendall(head.encode() + body)
    wait_for(lambda: "task ended" in worker.log())
    assert not (job.cwd / "environment").exists()
    assert "outcome=stopped" in worker.log()
