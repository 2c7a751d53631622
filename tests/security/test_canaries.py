"""Titles, tokens, signatures and the secret are words no other text holds; no sink holds them, however a task fails."""

import contextlib
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from scaleplex.protocol import wire
from scaleplex.relay import callbacks
from scaleplex.relay.callbacks import CallbackRefused
from scaleplex.shim import journal
from tests.integration.relay.conftest import Job as RelayJob
from tests.integration.relay.plex import FakePlex
from tests.integration.relay.service import Service
from tests.integration.worker.conftest import fake_program
from tests.integration.worker.stand import FakeRelay, Job, Worker, make_job, plex_url

TITLE, TOKEN, CODEC = "CanaryTitle", "CanaryToken", "oddcodec"
CANARIES = ("canary", "fleet secret for tests", "secret-of-a-test-fleet")


def check(sinks: dict[str, str], more: tuple[str, ...] = ()) -> None:
    for name, text in sinks.items():
        for word in (*CANARIES, *more):
            at = text.lower().find(word.lower())
            assert at < 0, f"{name} holds {word}: …{text[max(0, at - 300) : at + 100]}…"


def failing_jobs(worker: Worker, relay: FakeRelay) -> list[Job]:
    """Return jobs that fail in every way a job of a film can, each with canaries all over."""
    directory = worker.root / f"media/{TITLE} (2020)"
    directory.mkdir()

    def make(what: str, *extra: str, there: bool = True, codec: str = "copy", url: str = "") -> Job:
        film = directory / f"fake-{what}-.{TITLE}.mkv" if what == "none" else directory / f"fake-{what}.mkv"
        if there:
            film.touch()

        def args(session: str, job: str) -> list[str]:
            progress = url or plex_url(session, job, "progress") + f"?X-Plex-Token={TOKEN}"
            return ["-i", str(film), *extra, "-y", "-progressurl", progress, "-map", "0:0", "-codec:0", codec,
                    "-metadata:s:0", f"title={TITLE}", "-f", "null", "nullfile"]  # fmt: skip

        return make_job(worker, args, relay)

    return [
        make("exit-1"),
        make("signal-11"),
        make("url"),
        make("short"),
        make("none", there=False),
        make("short", codec=CODEC),
        make("short", "-filter_complex", f"[0:0]{CODEC}[1]"),
        make("short", "-oddoption", TITLE),
        make("short", "-f", f"tee:/tmp/{TITLE}"),
        make("short", url=f"http://192.0.2.1/{TITLE}?X-Plex-Token={TOKEN}"),
        make("short", "-i", f"/srv/{TITLE}"),
    ]


def test_no_sink_of_the_worker_holds_a_canary(tmp_path: Path) -> None:
    relay = FakeRelay()
    worker = Worker(tmp_path, fake_program(tmp_path), tmp_path / "no", {"CAPTURE_DIR": str(tmp_path / "captured")})
    signatures = []
    try:
        jobs = failing_jobs(worker, relay)
        for job in jobs:
            signatures.append(str(job.fields()["callback"]).rpartition("/")[2])
            stream = job.post(env={"TITLE": TITLE, "LANGUAGE": TITLE, "X_PLEX_TOKEN": TOKEN})
            if stream.status == 200:
                stream.exit()
        jobs[0].post(callback=f"http://127.0.0.1:9/{TITLE}")
        jobs[0].post(cwd=f"/transcode/{TITLE}")
        jobs[0].post(ticket=TITLE)
        jobs[0].post(kind=TITLE)
        for target in (f"/{TITLE}", f"/task/{TITLE}", f"/task/{TITLE}/kill", f"/cb/1/{signatures[0]}/{TITLE}"):
            worker.ask("POST", target, json.dumps({"reason": TITLE}).encode())
        status = {path: worker.ask("GET", path, auth=None)[1].decode() for path in ("/metrics", "/readyz", "/healthz")}
        kept = [path for path in (tmp_path / "captured").rglob("*") if path.is_file()]
        kept += [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
        assert kept
        files = {str(path): path.read_text() + path.name for path in kept}
        assert worker.log().count("task ended") >= 3
        check({"journal": worker.log(), **status, **files}, tuple(signatures))
        check({"journal": worker.log(), **status}, (CODEC, "oddoption"))  # a capture keeps the names of codecs
    finally:
        worker.stop()
        relay.close()


def test_no_sink_of_the_relay_holds_a_canary(tmp_path: Path) -> None:
    (tmp_path / "run/jobs").mkdir(parents=True)
    (tmp_path / "sessions").mkdir()
    plex = FakePlex()
    settings = {"PLEX_URL": plex.url, "RUNTIME_DIR": str(tmp_path / "run"), "SWEEP_SECONDS": "0.1"}
    relay = Service("relay", tmp_path, settings | {"UPSTREAM_SECONDS": "1"}).start()
    job = RelayJob(tmp_path / "run", tmp_path / "sessions")
    targets = [
        job.target("progress", f"progress=1.0&X-Plex-Token={TOKEN}"),
        job.target("progress/log", f"level=1&message={TITLE}&X-Plex-Token={TOKEN}"),
        job.target(f"progress/{TITLE}"),
        job.target("progress", "progress=1.0", attempt=7),
        job.target("progress", "progress=1.0", secret=b"another secret of another fleet"),
    ]
    try:
        for target in targets:  # the journal takes one refusal a second; here is what it would say of each
            with contextlib.suppress(CallbackRefused):
                callbacks.parse("PUT", target)
                continue
            with pytest.raises(CallbackRefused) as refused:
                callbacks.parse("PUT", target)
            check({"refusal": str(refused.value)})
        for failure in (None, 500, 404):
            plex.failures[:] = [failure] if failure else []
            for target in targets:
                for method in ("PUT", "POST", "BREW"):
                    relay.request(method, target)
                    relay.request(method, target, sign=False)
        plex.down()
        relay.request("PUT", targets[0].replace(f"&X-Plex-Token={TOKEN}", ""))
        status = {
            path: relay.request("GET", path, sign=False).body.decode() for path in ("/metrics", "/readyz", "/healthz")
        }
        assert "callback" in relay.log()
        signatures = tuple(target.split("/")[3] for target in targets)
        assert all(len(signature) == 40 for signature in signatures)
        check({"journal": relay.log(), **status}, signatures)
    finally:
        job.die()
        relay.stop()


def test_no_sink_of_the_orchestrator_holds_a_canary(tmp_path: Path) -> None:
    orchestrator = Service("orchestrator", tmp_path, {}).start()
    try:
        for name in ("session", "job", "kind", "attempt", "backend"):
            body = {"session": "s", "job": "j", "attempt": 1, "kind": "video", name: f"{TITLE} X-Plex-Token={TOKEN}"}
            orchestrator.post("/placement", body)
        orchestrator.post("/register", {"url": f"http://{TITLE}:{TOKEN}@192.0.2.1/", "capability": {}})
        orchestrator.request("GET", f"/{TITLE}?X-Plex-Token={TOKEN}")
        paths = ("/metrics", "/readyz", "/healthz", "/")
        status = {path: orchestrator.request("GET", path, sign=False).body.decode() for path in paths}
        check({"journal": orchestrator.log(), **status})
    finally:
        orchestrator.stop()


@pytest.mark.parametrize(
    "say",
    [
        lambda path: f"{path}: No such file or directory",
        lambda path: f"The input {path!r} is not there.",
        lambda path: f"Impossible to open '{Path(path).name}'",
        lambda path: f"{Path(path).parent} is empty",
    ],
)
def test_no_sink_of_the_shim_holds_a_canary(tmp_path: Path, say: Callable[[str], str]) -> None:
    film = f"/media/{TITLE} (2020)/{TITLE}: a film.mkv"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
        journald.bind(str(tmp_path / "journal"))
        log = journal.Journal(str(tmp_path), str(tmp_path / "journal"))
        log.conceal(["-codec:0", "h264", "-i", film, "-f", "dash", "dash"])
        log.event("fallback", "input-missing", say(film), priority=journal.WARNING)
        entry = journald.recv(65536).decode()
    events = (tmp_path / "events.jsonl").read_text()
    assert isinstance(wire.load_json(events), dict)
    assert "***" in events
    check({"journal": entry, "events": events})
