"""What the shim plays back to PMS when a worker runs the task."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from scaleplex.protocol import wire
from tests.integration.shim.fakes import (
    ARGS,
    JOB,
    SECRET,
    SESSION,
    TOKEN,
    Host,
    Request,
    Server,
    exit_frame,
    fleet,
    send_frame,
    spawned,
    start_stream,
    stream,
    wait_until,
)

Serve = Callable[..., Server]


@pytest.mark.parametrize("code", [0, 1, 3, 69, 255])
def test_the_exit_code_of_ffmpeg_is_the_shims(host: Host, serve: Serve, code: int) -> None:
    fleet(host, serve, stream(spawned(), exit_frame(code)))
    assert host.run().code == code
    assert not host.real_ran()


def test_an_ffmpeg_ended_by_a_signal_gives_128_plus_its_number(host: Host, serve: Serve) -> None:
    fleet(host, serve, stream(spawned(), exit_frame(137, signal=9, reason="killed")))
    assert host.run().code == 137


def test_a_code_that_is_no_exit_code_becomes_a_failure_and_never_a_success(host: Host, serve: Serve) -> None:
    fleet(host, serve, stream(spawned(), exit_frame(256)))
    assert host.run().code == 1


def test_stdout_and_stderr_come_out_byte_for_byte_and_apart(host: Host, serve: Serve) -> None:
    blob = bytes(range(256)) * 4000
    frames = [(wire.STDOUT, blob), (wire.STDERR, b"frame=1\r"), (wire.STDOUT, b"\r\n\0"), (wire.HEARTBEAT, b"")]
    fleet(host, serve, stream(spawned(), *frames, exit_frame(0)))
    done = host.run()
    assert (done.code, done.stdout, done.stderr) == (0, blob + b"\r\n\0", b"frame=1\r")


def test_a_stream_cut_at_every_byte_is_the_same_stream(host: Host, serve: Serve) -> None:
    def drip(connection: socket.socket, request: Request) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sent = (spawned(), (wire.STDOUT, b"one\0two"), exit_frame(3))
        frames = b"".join(wire.encode_frame(*frame, request.mac) for frame in sent)
        chunks = b"".join(b"2\r\n%s\r\n" % frames[i : i + 2] for i in range(0, len(frames) - 1, 2))
        tail = b"1\r\n%s\r\n" % frames[-1:] if len(frames) % 2 else b""
        head = f"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n{request.seal(200, None)}\r\n".encode()
        for byte in head + chunks + tail + b"0\r\n\r\n":
            connection.sendall(bytes([byte]))

    fleet(host, serve, drip)
    done = host.run()
    assert (done.code, done.stdout) == (3, b"one\0two")


def test_the_placement_says_what_the_orchestrator_needs_and_nothing_else(host: Host, serve: Serve) -> None:
    orchestrator, _ = fleet(host, serve, stream(spawned(), exit_frame(0)))
    host.run()
    assert orchestrator.requests[0].target == "/placement"
    assert orchestrator.requests[0].json == {
        "session": SESSION,
        "job": JOB,
        "attempt": 1,
        "kind": "video",
        "needs": {"video_encode": True, "decode": "h264", "encode": "h264"},
        "exclude": [],
    }


def test_the_task_carries_the_argv_untouched_and_only_language_and_time_zone(host: Host, serve: Serve) -> None:
    _, worker = fleet(host, serve, stream(spawned(), exit_frame(0)))
    environment = {
        "X_PLEX_TOKEN": TOKEN,
        "LANG": "C.UTF-8",
        "LC_TIME": "C",
        "TZ": "UTC",
        "HOME": "/root",
        "PWD": "/stale",
    }
    host.run(environment=environment)
    task = worker.requests[0].json
    ticket = task.pop("ticket")
    assert task == {
        "session": SESSION,
        "job": JOB,
        "attempt": 1,
        "kind": "video",
        "args": ARGS,
        "env": {"LANG": "C.UTF-8", "LC_TIME": "C", "TZ": "UTC"},
        "cwd": str(host.session_dir),
        "callback": wire.callback_base("http://10.0.0.5:32482", SECRET, SESSION, JOB, 1),
        "plex_pass": False,
        "reason": "least-loaded",
    }
    now = time.time_ns() // 1_000_000
    assert wire.ticket_problem(SECRET, ticket, wire.authority(worker.url), SESSION, JOB, 1, now) is None


def test_every_request_is_signed_with_the_fleet_secret(host: Host, serve: Serve) -> None:
    orchestrator, worker = fleet(host, serve, stream(spawned(), exit_frame(0)))
    host.run()
    nonces = set()
    for server, request in ((orchestrator, orchestrator.requests[0]), (worker, worker.requests[0])):
        _, time_ms, nonce, receiver, epoch, mac = request.headers[wire.AUTH_HEADER].split(" ")
        assert (receiver, epoch) == (wire.authority(server.url), wire.NO_EPOCH)
        signed = (SECRET, "POST", receiver, request.target, int(time_ms), nonce, epoch, request.body)
        assert mac == wire.request_mac(*signed)
        nonces.add(nonce)
    assert len(nonces) == 2


def test_bytes_that_are_not_utf_8_arrive_as_the_same_bytes_in_any_locale(host: Host, serve: Serve) -> None:
    _, worker = fleet(host, serve, stream(spawned(), exit_frame(0)))
    name = b"/media/\xff\xfe \xc3\xa9/Film.mkv"
    args = [name if a.startswith("/media/") else a.encode() for a in ARGS]
    for locale in ("C", "C.UTF-8", "de_DE.ISO-8859-1"):
        host.run(args, {"LC_ALL": locale})
        assert os.fsencode(worker.requests[-1].json["args"][5]) == name


def test_sigkill_of_the_shim_closes_its_connection_at_once(host: Host, serve: Serve) -> None:
    killed: list[float] = []
    closed: list[float] = []

    def run(connection: socket.socket, request: Request) -> None:
        start_stream(connection)
        send_frame(connection, *spawned())
        assert connection.recv(1) == b""
        closed.append(time.monotonic())

    _, worker = fleet(host, serve, run)
    with host.started() as process:
        wait_until(lambda: worker.requests)
        time.sleep(0.1)
        killed.append(time.monotonic())
        process.kill()
        wait_until(lambda: closed)
    assert closed[0] - killed[0] < 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_polite_signal_ends_the_shim_like_a_kill_and_starts_nothing(
    host: Host, serve: Serve, number: signal.Signals
) -> None:
    _, worker = fleet(host, serve, stream(spawned(), ending="silence"))
    with host.started() as process:
        wait_until(lambda: worker.requests)
        time.sleep(0.1)
        process.send_signal(number)
        assert process.wait(10) == -number
    assert not host.real_ran()


def test_pms_closing_stdout_ends_the_shim_with_a_failure(host: Host, serve: Serve) -> None:
    def run(connection: socket.socket, request: Request) -> None:
        start_stream(connection)
        send_frame(connection, *spawned())
        while True:
            send_frame(connection, wire.STDOUT, b"x" * 1000)
            time.sleep(0.01)

    _, worker = fleet(host, serve, run)
    with host.started() as process:
        wait_until(lambda: worker.requests)
        assert process.stdout
        process.stdout.close()
        process.stdout = None
        assert process.wait(10) == 1


def test_a_reader_slower_than_the_silence_limit_loses_nothing(host: Host, serve: Serve) -> None:
    blob = os.urandom(1 << 19)
    fleet(
        host, serve, stream(spawned(), (wire.STDOUT, blob), (wire.STDOUT, blob), exit_frame(0)), silence_seconds="0.5"
    )
    with host.started() as process:
        time.sleep(1.2)
        assert process.stdout
        assert process.stdout.read() == blob + blob
        assert process.wait(10) == 0


def test_the_job_file_is_locked_while_the_shim_lives_and_free_after_a_kill(host: Host, serve: Serve) -> None:
    _, worker = fleet(host, serve, stream(spawned(), ending="silence"))
    with host.started() as process:
        wait_until(lambda: worker.requests)
        with host.job_file().open("rb") as file:
            with pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fields = json.load(file)
            assert fields == {
                "session": SESSION,
                "job": JOB,
                "attempt": 1,
                "kind": "video",
                "cwd": str(host.session_dir),
                "token": TOKEN,
                "pid": process.pid,
            }
            assert host.job_file().stat().st_mode & 0o777 == 0o640
            process.kill()
            process.wait()
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_relays_group_can_read_job_and_events_whatever_the_umask(host: Host, serve: Serve) -> None:
    _, worker = fleet(host, serve, stream(spawned(), ending="silence"))
    command = ["/bin/sh", "-c", 'umask 077; exec "$@"', "sh", str(host.shim), *ARGS]
    process = subprocess.Popen(command, cwd=host.session_dir)
    try:
        wait_until(lambda: worker.requests and host.events())
        for path in (host.job_file(), host.runtime / "events.jsonl"):
            assert path.stat().st_mode & 0o777 == 0o640
    finally:
        process.kill()
        process.wait()


def test_the_token_of_an_ended_job_is_gone(host: Host, serve: Serve) -> None:
    fleet(host, serve, stream(spawned(), exit_frame(0)))
    host.run()
    assert list((host.runtime / "jobs").iterdir()) == []


def test_the_token_stands_in_the_job_file_only(host: Host, serve: Serve) -> None:
    seen_in_job_file = []

    def run(connection: socket.socket, request: Request) -> None:
        seen_in_job_file.append(TOKEN in host.job_file().read_text())
        stream(spawned(), exit_frame(0))(connection, request)

    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind(str(host.base / "journal"))
    with journal:
        journal.setblocking(False)
        orchestrator, worker = fleet(host, serve, run, journal_socket=str(host.base / "journal"))
        done = host.run()
        lines = []
        while True:
            try:
                lines.append(journal.recv(65536))
            except BlockingIOError:
                break
    assert seen_in_job_file == [True]
    assert len(lines) == 3
    told = b"".join(r.raw for r in (*orchestrator.requests, *worker.requests)) + b"".join(lines)
    told += (host.runtime / "events.jsonl").read_bytes() + done.stdout + done.stderr
    assert TOKEN.encode() not in told
    assert SECRET not in told


def test_the_journal_tells_of_a_job_under_its_ids(host: Host, serve: Serve) -> None:
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind(str(host.base / "journal"))
    with journal:
        journal.settimeout(10)
        _, worker = fleet(
            host, serve, stream(spawned(), exit_frame(3)), journal_socket=str(host.base / "journal"), plex_prot="1"
        )
        host.run()
        complaint, placed, started, ended = (journal.recv(65536).decode() for _ in range(4))
    assert "did you mean SCALEPLEX_SHIM_PLEX_PORT?" in complaint
    assert f"SCALEPLEX_JOB={JOB}\n" in placed
    assert f"SCALEPLEX_WORKER={worker.url}\n" in placed
    assert "SYSLOG_IDENTIFIER=scaleplex-shim\n" in placed
    assert "SCALEPLEX_WORKER_PID=1\n" in started
    assert "SCALEPLEX_EVENT=ended\n" in ended
    assert "exit code 3" in ended


def test_the_session_directory_may_vanish_while_the_job_runs(host: Host, serve: Serve) -> None:
    def run(connection: socket.socket, request: Request) -> None:
        host.session_dir.rmdir()
        stream(spawned(), exit_frame(255), seconds=0.5)(connection, request)

    fleet(host, serve, run)
    assert host.run().code == 255


def test_what_goes_to_a_closed_stdout_goes_nowhere_else(host: Host, serve: Serve) -> None:
    leaked: list[bytes] = []

    def run(connection: socket.socket, request: Request) -> None:
        stream(spawned(), (wire.STDOUT, b"into the void"), exit_frame(3))(connection, request)
        with suppress(ConnectionResetError):  # it left without reading the end of the answer
            leaked.append(connection.recv(100))
            return
        leaked.append(b"")

    fleet(host, serve, run)
    for closing in (">&-", "<&- >&- 2>&-"):
        command = ["/bin/sh", "-c", f'exec {closing}; exec "$@"', "sh", host.shim, *ARGS]
        assert subprocess.run(command, cwd=host.session_dir, check=False).returncode == 3
    wait_until(lambda: len(leaked) == 2)
    assert leaked == [b"", b""]


def test_a_full_stdout_that_does_not_block_loses_nothing(host: Host, serve: Serve) -> None:
    blob = os.urandom(1 << 20)
    fleet(host, serve, stream(spawned(), (wire.STDOUT, blob), exit_frame(0)))
    reader, writer = os.pipe2(os.O_NONBLOCK)
    process = subprocess.Popen([host.shim, *ARGS], cwd=host.session_dir, stdout=writer)
    try:
        os.close(writer)
        wait_until(lambda: fcntl.ioctl(reader, termios.FIONREAD, b"0000") == (1 << 16).to_bytes(4, "little"))
        os.set_blocking(reader, True)
        with open(reader, "rb") as file:
            assert file.read() == blob
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


def test_writing_slowly_is_not_the_silence_of_the_worker(host: Host, serve: Serve) -> None:
    blob = os.urandom(1 << 20)
    read = threading.Event()

    def run(connection: socket.socket, request: Request) -> None:
        start_stream(connection)
        send_frame(connection, *spawned())
        send_frame(connection, wire.STDOUT, blob)
        read.wait(20)
        time.sleep(1.0)  # the shim looks for the worker every 0.2 s
        send_frame(connection, *exit_frame(0))

    fleet(host, serve, run, silence_seconds="3")
    with host.started() as process:
        assert process.stdout
        time.sleep(4.0)
        assert process.stdout.read(len(blob)) == blob
        read.set()
        assert process.wait(10) == 0
