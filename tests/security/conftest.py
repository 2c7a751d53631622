"""One running service of each kind, attacked once while it does its work; each test then looks at one outcome."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from scaleplex.protocol import wire
from scaleplex.protocol.signing import wall_clock_ms
from tests.integration.relay.conftest import Job as RelayJob
from tests.integration.relay.plex import FakePlex
from tests.integration.relay.service import SECRET, Service
from tests.integration.worker.conftest import fake_program
from tests.integration.worker.stand import SECRET as WORKER_SECRET
from tests.integration.worker.stand import FakeRelay, Worker, make_job, plex_url
from tests.security.attack import Outcome, attack
from tests.security.hostile_requests import Case, Signer, shapes, signed
from tests.security.hostile_requests import Service as Target
from tests.support.signing import epoch_of, sign

NOBODY = "/cb/1/" + "0" * 40 + "/video/:/transcode/session/f168tc7vl2desp78/1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11"
WORKER = Target(
    "worker", "POST", "/task", (401,), wire.TASK_MAX_BYTES, 4094,
    (("GET", "/tasks"), ("GET", "/task/x"), ("POST", "/task/x/kill"), ("GET", "/capability"), ("POST", "/drain"),
     ("POST", "/undrain"), ("GET", "/doctor/storage"), ("GET", "/doctor/marker"), ("POST", "/doctor/marker"),
     ("DELETE", "/doctor/marker"), ("POST", "/doctor/relay")),
)  # fmt: skip
ORCHESTRATOR = Target(
    "orchestrator", "POST", "/placement", (401,), 1 << 20, 4094,
    (("POST", "/register"), ("GET", "/workers"), ("GET", "/sessions")),
)  # fmt: skip
# Its path is that of a running job once there is one. A callback of a job nobody has is refused whatever its body says.
RELAY = Target(
    "relay", "PUT", NOBODY + "/progress?progress=1.0", (401,), 4 << 20, 8190,
    (("PUT", NOBODY + "/log"), ("PUT", "/cb/1/x/video"), ("PUT", "/video/:/transcode")),
    (401, 403, 404, 410, 413), NOBODY + "/progress?progress=1.0", b"",
)  # fmt: skip


def signer(url: str, secret: bytes) -> Signer:
    """Return what signs for a service, well or wrongly."""
    epoch = epoch_of(url)

    def make(method: str, target: str, body: bytes, how: str) -> str:
        value = {"url": url, "method": method, "target": target, "body": body, "secret": secret, "epoch": epoch}
        value |= {
            "": {},
            "another secret": {"secret": b"another secret of another fleet"},
            "another receiver": {"url": "http://192.0.2.9:32481"},
            "another method": {"method": "GET"},
            "another path": {"target": "/healthz"},
            "another query": {"target": target + "&x"},
            "another body": {"body": body + b" "},
            "61 s ago": {"time_ms": wall_clock_ms() - 61_000},
            "in 61 s": {"time_ms": wall_clock_ms() + 121_000},
            "an earlier life": {"epoch": "0" * 16},
            "the time 0": {"time_ms": 0},
            "a time beyond all numbers": {"time_ms": 10**19},
        }[how]
        return sign(**value)  # type: ignore[arg-type]

    return make


@dataclass
class Attacked:
    """A service that has been attacked."""

    log: str
    outcomes: dict[str, Outcome]
    healthy: list[bool] = field(default_factory=list)
    work: list[str] = field(default_factory=list)  # what its work beside the attack suffered; empty is right


def cases_of(target: Target) -> list[str]:
    """Return the names of all cases, for parameters; the secret does not matter for a name."""
    return [case.name for case in all_cases(target, lambda method, path, body, how: "")]


def all_cases(target: Target, sign_as: Signer) -> list[Case]:
    return [*shapes(target), *signed(target, sign_as)]


class Beside:
    """Does something again and again in a thread while a service is attacked, and notes what went wrong."""

    def __init__(self, once: object) -> None:
        self._once = once
        self._stop = threading.Event()
        self.wrong: list[str] = []
        self.times = 0
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            try:
                problem = self._once()  # type: ignore[operator]
            except Exception as exc:
                problem = repr(exc)
            self.times += 1
            if problem:
                self.wrong.append(str(problem))

    def __enter__(self) -> "Beside":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self.times < 3:
            self.wrong.append(f"only {self.times} times in all the while")


@pytest.fixture(scope="module")
def attacked_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    root = tmp_path_factory.mktemp("worker")
    worker = Worker(root, fake_program(root), root / "no-ffprobe")
    relay = FakeRelay()
    try:
        film = root / "media/fake-steady.mkv"
        film.touch()
        job = make_job(worker, lambda session, job: steady(film, session, job), relay)
        stream = job.post()
        assert stream.status == 200, stream.body
        stream.spawned()
        health = Beside(lambda: worker.ask("GET", "/healthz", auth=None)[0] != 200)
        with health:
            outcomes = attack(worker.port, all_cases(WORKER, signer(f"http://{worker.authority}", WORKER_SECRET)))
        (job.cwd / "enough").touch()
        frames = list(stream.frames())
        yield Attacked(worker.log(), outcomes, [not health.wrong], [*film_problems(frames), *health.wrong])
    finally:
        worker.stop()
        relay.close()


def steady(film: Path, session: str, job: str) -> list[str]:
    """Return the arguments of a film that counts on its output until the test has seen enough."""
    url = plex_url(session, job, "progress")
    quiet = ["-loglevel", "quiet", "-loglevel_plex", "error"]
    return [
        "-i",
        str(film),
        *quiet,
        "-y",
        "-progressurl",
        url,
        "-map",
        "0:0",
        "-codec:0",
        "copy",
        "-f",
        "null",
        "nullfile",
    ]


def film_problems(frames: list[tuple[bytes, bytes]]) -> list[str]:
    """Return what is wrong with the stream of a film that counts: it must count without a gap and end with 0."""
    sound = b"".join(payload for kind, payload in frames if kind == wire.STDOUT)
    count = len(sound) // 8
    wrong = []
    if sound != b"".join(b"%07d\n" % number for number in range(count)) or count < 100:
        wrong.append(f"the stream of the film is not what ffmpeg wrote: {sound[:80]!r}…, {len(sound)} bytes")
    if frames[-1][0] != wire.EXIT or json.loads(frames[-1][1]).get("code") != 0:
        wrong.append(f"the film did not end by itself: {frames[-1]}")
    return wrong


@pytest.fixture(scope="module")
def attacked_orchestrator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    service = Service("orchestrator", tmp_path_factory.mktemp("orchestrator"), {}).start()
    try:
        epoch = epoch_of(service.url)

        def place() -> object:
            body = json.dumps({"session": "s", "job": "j", "attempt": 1, "kind": "video"}).encode()
            header = sign(service.url, "POST", "/placement", body, secret=SECRET, epoch=epoch)
            answer = service.request("POST", "/placement", body, sign=False, headers={wire.AUTH_HEADER: header})
            return None if answer.json["error"] == "no-worker" else answer

        yield run_beside(service, ORCHESTRATOR, place)
    finally:
        service.stop()


@pytest.fixture(scope="module")
def attacked_relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    directory = tmp_path_factory.mktemp("relay")
    (directory / "run/jobs").mkdir(parents=True)
    (directory / "sessions").mkdir()
    plex = FakePlex()
    settings = {"PLEX_URL": plex.url, "RUNTIME_DIR": str(directory / "run"), "SWEEP_SECONDS": "0.1"}
    service = Service("relay", directory, settings).start()
    job = RelayJob(directory / "run", directory / "sessions")
    try:
        epoch = epoch_of(service.url)

        def report() -> object:
            target = job.target("progress", "progress=1.0")
            header = sign(service.url, "PUT", target, secret=SECRET, epoch=epoch)
            answer = service.request("PUT", target, sign=False, headers={wire.AUTH_HEADER: header})
            return None if answer.status == 206 else answer

        attacked = run_beside(service, replace(RELAY, path=job.target("progress", "progress=1.0")), report)
        if any(job.name not in request.target for request in plex.requests):
            attacked.work.append("a hostile request reached Plex Media Server")
        yield attacked
    finally:
        job.die()
        service.stop()
        plex.down()


def run_beside(service: Service, target: Target, work: object) -> Attacked:
    """Attack a service while it does its work and is asked for its health."""
    health = Beside(lambda: service.request("GET", "/healthz", sign=False).status != 200)
    with health, Beside(work) as working:
        outcomes = attack(service.port, all_cases(target, signer(service.url, SECRET)))
    return Attacked(service.log(), outcomes, [not health.wrong], [*working.wrong, *health.wrong])
