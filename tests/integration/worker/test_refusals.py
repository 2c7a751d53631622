"""What a worker does not take: each refusal has its status, its code, a detail and a hint, and starts nothing."""

import http.client
import json
import os
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator

import pytest

from scaleplex.protocol import wire
from scaleplex.protocol.signing import wall_clock_ms
from tests.integration.worker.stand import FakeRelay, Job, Worker, make_job

from .conftest import fake_program

MakeJob = Callable[..., Job]


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """One worker for the whole module: a refused task leaves nothing behind."""
    root = tmp_path_factory.mktemp("refusals")
    made = Worker(root, fake_program(root), root / "no-ffprobe")
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def nothing_runs(worker: Worker) -> Iterator[None]:
    yield
    assert json.loads(worker.ask("GET", "/tasks")[1])["tasks"] == []


@pytest.fixture
def job(worker: Worker, fake_job: MakeJob) -> Job:
    return fake_job(worker, "run-1")


def test_a_body_that_is_not_json_is_refused(worker: Worker) -> None:
    stream = worker.post(b'{"session": ')
    assert (stream.status, stream.error()) == (400, "bad-json")


def test_a_json_list_is_refused(worker: Worker) -> None:
    stream = worker.post(b"[]")
    assert (stream.status, stream.error()) == (400, "bad-json")


@pytest.mark.parametrize("name", ["session", "job", "attempt", "ticket", "args", "cwd"])
def test_a_missing_field_is_named(job: Job, name: str) -> None:
    stream = job.post(**{name: ...})
    assert (stream.status, stream.error()) == (400, "bad-field")
    assert name in json.loads(stream.body)["detail"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("session", 5), ("attempt", "1"), ("attempt", True), ("args", "-i x"), ("args", [1]), ("env", []), ("cwd", None)],
)
def test_a_field_of_the_wrong_type_is_named(job: Job, name: str, value: object) -> None:
    stream = job.post(**{name: value})
    assert (stream.status, stream.error()) == (400, "bad-field")
    assert name in json.loads(stream.body)["detail"]


def test_an_unsigned_task_is_refused(worker: Worker, job: Job) -> None:
    stream = worker.post(json.dumps(job.fields()).encode(), auth=None)
    assert (stream.status, stream.error()) == (401, "unauthorized")


def test_a_task_signed_with_another_secret_is_refused(worker: Worker, job: Job) -> None:
    body = json.dumps(job.fields()).encode()
    stream = worker.post(body, auth=worker.sign("POST", "/task", body, secret=b"another fleet's secret"))
    assert (stream.status, stream.error()) == (401, "unauthorized")


def test_a_task_changed_on_its_way_is_refused(worker: Worker, job: Job) -> None:
    body = json.dumps(job.fields()).encode()
    stream = worker.post(body.replace(b"null", b"full"), auth=worker.sign("POST", "/task", body + b" "))
    assert (stream.status, stream.error()) == (401, "unauthorized")


def test_a_task_signed_two_minutes_ago_is_refused(worker: Worker, job: Job) -> None:
    body = json.dumps(job.fields()).encode()
    old = wall_clock_ms() - 120_000
    stream = worker.post(body, auth=worker.sign("POST", "/task", body, time_ms=old))
    assert (stream.status, stream.error()) == (401, "unauthorized")


def test_a_replayed_task_is_refused(worker: Worker, job: Job) -> None:
    body = json.dumps(job.fields() | {"cwd": "/nowhere"}).encode()
    auth = worker.sign("POST", "/task", body)
    assert worker.post(body, auth=auth).status == 422
    stream = worker.post(body, auth=auth)
    assert (stream.status, stream.error()) == (401, "unauthorized")


def bad_tickets(worker: Worker) -> int:
    text = worker.ask("GET", "/metrics")[1].decode()
    return int(text.partition('scaleplex_worker_refused_total{error="bad-ticket"} ')[2].split()[0])


@pytest.mark.parametrize("what", ["worker", "job", "attempt", "secret", "expired", "malformed"])
def test_a_ticket_for_something_else_is_refused(worker: Worker, job: Job, what: str) -> None:
    soon = wall_clock_ms() + 10_000
    past = wall_clock_ms() - wire.CLOCK_TOLERANCE_MS - 1
    ticket = {
        "worker": wire.make_ticket(b"a fleet secret for tests", "127.0.0.1:1", job.session, job.job, 1, soon),
        "job": wire.make_ticket(b"a fleet secret for tests", worker.authority, job.session, str(uuid.uuid4()), 1, soon),
        "attempt": wire.make_ticket(b"a fleet secret for tests", worker.authority, job.session, job.job, 2, soon),
        "secret": wire.make_ticket(b"another fleet's secret..", worker.authority, job.session, job.job, 1, soon),
        "expired": wire.make_ticket(b"a fleet secret for tests", worker.authority, job.session, job.job, 1, past),
        "malformed": "v2 soon please",
    }[what]
    before = bad_tickets(worker)
    stream = job.post(ticket=ticket)
    assert (stream.status, stream.error()) == (403, "bad-ticket")
    assert bad_tickets(worker) == before + 1


def test_killing_or_asking_for_an_unknown_job_is_a_404(worker: Worker) -> None:
    for method, target in (("POST", f"/task/{uuid.uuid4()}/kill"), ("GET", f"/task/{uuid.uuid4()}")):
        status, body = worker.ask(method, target)
        assert (status, json.loads(body)["error"]) == (404, "not-found")


def test_a_missing_input_is_named(worker: Worker, job: Job) -> None:
    os.unlink(worker.root / "media/fake-run-1.mkv")
    stream = job.post()
    assert (stream.status, stream.error()) == (422, "input-missing")
    assert "fake-run-1.mkv" in json.loads(stream.body)["detail"]


def test_an_input_outside_the_media_roots_is_refused(worker: Worker, job: Job) -> None:
    for path in ("/etc/passwd", str(worker.root / "media/../secret"), "http://127.0.0.1:1/x", "concat:/a|/b"):
        stream = job.post(args=["-i", path, *job.args[2:]])
        assert (stream.status, stream.error()) == (422, "policy"), path


def test_a_symbolic_link_does_not_lead_out_of_the_media_roots(worker: Worker, job: Job) -> None:
    link = worker.root / "media/link.mkv"
    link.unlink(missing_ok=True)
    link.symlink_to("/etc/passwd")
    stream = job.post(args=["-i", str(link), *job.args[2:]])
    assert (stream.status, stream.error()) == (422, "policy")


def test_a_session_directory_that_never_appears_is_named_and_not_made(worker: Worker, job: Job) -> None:
    gone = job.cwd.with_name("plex-transcode-gone")
    stream = job.post(cwd=str(gone))
    assert (stream.status, stream.error()) == (422, "cwd-missing")
    assert not gone.exists()


def test_a_session_directory_that_appears_late_is_found(worker: Worker, fake_job: MakeJob) -> None:
    job = fake_job(worker, "run-1")
    job.cwd.rmdir()
    late = subprocess.Popen(["sh", "-c", f"sleep 0.4; mkdir {job.cwd}"])
    assert job.post().exit()["code"] == 0
    late.wait()


def test_a_working_directory_elsewhere_is_refused(worker: Worker, job: Job) -> None:
    for cwd in ("/tmp", str(worker.root / "transcode"), "/", f"{job.cwd}/../../../../media"):
        stream = job.post(cwd=cwd)
        assert (stream.status, stream.error()) == (422, "policy"), cwd


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system needs root")
def test_a_session_directory_that_cannot_be_written_is_named(worker: Worker, job: Job) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", job.cwd], check=True)
    try:
        stream = job.post()
        assert (stream.status, stream.error()) == (422, "cwd-not-writable")
    finally:
        subprocess.run(["umount", job.cwd], check=True)


def test_a_task_that_burns_a_subtitle_goes_back_to_the_plex_host(worker: Worker, relay: FakeRelay) -> None:
    film = worker.root / "media/film.mkv"
    film.touch()
    graph = "[0:0]scale=w=320:h=180[0];[0]inlineass=font_scale=1:charenc=UTF-8[1]"

    def args(session: str, job: str) -> list[str]:
        video = ["-filter_complex", graph, "-map", "[1]", "-codec:0", "libx264"]
        return ["-i", str(film), "-map_inlineass", "0:2", *video, "-f", "dash", "dash"]

    stream = make_job(worker, args, relay).post()
    assert (stream.status, stream.error()) == (422, "local-only")


def test_a_callback_base_that_is_no_relay_is_refused(job: Job) -> None:
    for base in ("http://127.0.0.1:1/", "file:///etc", "http://x/cb/1/short", "http://h/cb/1/" + "0" * 40 + "/../x"):
        stream = job.post(callback=base)
        assert (stream.status, stream.error()) == (400, "bad-field"), base


def test_a_body_of_more_than_a_mebibyte_is_refused(worker: Worker) -> None:
    # The head alone: whoever sends the body too may find the connection closed before it has read the answer.
    with socket.create_connection(("127.0.0.1", worker.port), timeout=20) as connection:
        signature = worker.sign("POST", "/task", b"")
        head = f"POST /task HTTP/1.1\r\nHost: {worker.authority}\r\nContent-Length: {(1 << 20) + 1}\r\n"
        connection.sendall(f"{head}{wire.AUTH_HEADER}: {signature}\r\nConnection: close\r\n\r\n".encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, json.loads(answer.read())["error"]) == (413, "too-large")


def test_the_refusals_are_counted(worker: Worker, job: Job) -> None:
    def counted() -> float:
        lines = worker.ask("GET", "/metrics", auth=None)[1].decode().splitlines()
        name = 'scaleplex_worker_refused_total{error="policy"} '
        return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))

    before = counted()
    assert job.post(cwd="/tmp").status == 422
    assert counted() == before + 1
