"""The fleet as the doctor sees it: the real services under gunicorn, and hosts that are wrong in one way each."""

import email.utils
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from scaleplex.cli.doctor import fleet as judge
from scaleplex.cli.doctor import services, shared, survey
from scaleplex.cli.doctor.accounts import Account
from scaleplex.cli.doctor.findings import Finding, worst
from scaleplex.cli.doctor.host import PLEX_HOST, Host, Places
from scaleplex.cli.doctor.survey import Survey
from scaleplex.common import marker
from scaleplex.common.log import Secret
from scaleplex.protocol import wire
from tests.integration.doctor.conftest import Fleet
from tests.integration.relay.service import SECRET, Service
from tests.support.signing import sealed

pytestmark = pytest.mark.xdist_group("doctor")
OTHER_SECRET = b"the-secret-of-another-fleet"


def look(fleet: Fleet, secret: bytes = SECRET) -> Survey:
    return survey.take((), (fleet.orchestrator.url,), fleet.relay.url, Secret(secret))


@pytest.fixture
def answering() -> Iterator[Callable[..., str]]:
    """Start HTTP services that answer every request alike."""
    servers: list[ThreadingHTTPServer] = []

    def start(status: int = 200, body: object = None, ahead_seconds: float = 0.0) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                payload = json.dumps(body or {}).encode()
                self.send_response_only(status)
                self.send_header("Date", email.utils.formatdate(time.time() + ahead_seconds, usegmt=True))
                self.send_header("Content-Length", str(len(payload)))
                signed = sealed(self.headers.get(wire.AUTH_HEADER), status, payload, secret=SECRET)
                for name, value in signed.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(payload)

            do_PUT = do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_fleet_in_order_needs_nothing(fleet: Fleet, me: Account) -> None:
    seen = look(fleet)
    found: dict[str, list[Finding]] = {
        "orchestrators": judge.reachable(seen.orchestrators, "orchestrator"),
        "workers": judge.reachable(seen.workers, "worker"),
        "ready": judge.any_ready(seen),
        "secret": judge.secrets_equal(seen.services, have_secret=True),
        "clocks": judge.clocks(seen.services),
        "relay": judge.relay(seen.relay_here, seen.relay_url, "this host"),
        "relay of workers": judge.relay_from_workers(seen.relay_url, seen.relay_from),
        "shared": shared.both_ways(fleet.transcode, me, seen.workers, Secret(SECRET)),
    }
    assert {name: worst(findings) for name, findings in found.items()} == dict.fromkeys(found, "ok"), found
    assert [worker.url for worker in seen.workers] == [fleet.worker.url]  # named by the orchestrator alone
    assert not (fleet.transcode / marker.DIRECTORY).exists()


def test_another_secret_is_told_by_every_service_and_the_relay(fleet: Fleet) -> None:
    seen = survey.take((fleet.worker.url,), (fleet.orchestrator.url,), fleet.relay.url, Secret(OTHER_SECRET))
    found = judge.secrets_equal(seen.services, have_secret=True)
    assert [finding.severity for finding in found] == ["problem", "problem"]
    assert all("secrets differ" in finding.seen for finding in found)
    relay = judge.relay(seen.relay_here, seen.relay_url, "this host")
    assert worst(relay) == "problem"
    assert any("secrets" in finding.seen for finding in relay)


def test_no_secret_on_this_host_cannot_be_mistaken_for_a_fleet_in_order(fleet: Fleet) -> None:
    seen = survey.take((fleet.worker.url,), (), fleet.relay.url, None)
    assert worst(judge.secrets_equal(seen.services, have_secret=False)) == "problem"


def test_a_relay_without_a_secret_is_a_problem(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "run/jobs").mkdir(parents=True)
    settings = {"PLEX_URL": fleet.plex.url, "RUNTIME_DIR": str(tmp_path / "run")}
    relay = Service("relay", tmp_path, settings, secret=False)
    try:
        seen = survey.take((), (), relay.start().url, Secret(SECRET))
    finally:
        relay.stop()
    found = judge.relay(seen.relay_here, seen.relay_url, "this host")
    assert any("no secret" in finding.seen for finding in found)


def test_an_open_way_to_plex_in_the_relays_place_is_a_problem(answering: Callable[..., str]) -> None:
    url = answering(200)
    found = judge.relay(survey.take((), (), url, Secret(SECRET)).relay_here, url, "this host")
    assert [finding.severity for finding in found] == ["problem"] * 4


def test_a_relay_a_worker_cannot_reach_is_a_problem_seen_from_that_worker(fleet: Fleet) -> None:
    seen = survey.take((fleet.worker.url,), (), "http://127.0.0.1:9", Secret(SECRET))
    (found,) = judge.relay_from_workers(seen.relay_url, seen.relay_from)
    assert found.severity == "problem"
    assert f"from worker {fleet.worker.url}: connection refused" in found.seen


def test_a_worker_nobody_started_is_a_problem(fleet: Fleet) -> None:
    seen = survey.take(("http://127.0.0.1:9",), (), "", Secret(SECRET))
    (found,) = judge.reachable(seen.workers, "worker")
    assert found.severity == "problem"
    assert "connection refused" in found.seen


@pytest.mark.parametrize(("ahead", "severity"), [(0, "ok"), (20, "warning"), (-20, "warning"), (300, "problem")])
def test_a_clock_that_is_off_is_seen_in_the_answers(answering: Callable[..., str], ahead: int, severity: str) -> None:
    seen = survey.take((answering(200, {}, ahead),), (), "", Secret(SECRET))
    assert worst(judge.clocks(seen.services)) == severity


def test_a_worker_of_another_version_is_a_warning(answering: Callable[..., str]) -> None:
    seen = survey.take((answering(200, {"version": "0.0.1"}),), (), "", Secret(SECRET))
    assert worst(judge.versions("0.1.0", seen.workers)) == "warning"


def test_an_older_worker_is_skipped_where_it_cannot_answer(answering: Callable[..., str], me: Account) -> None:
    class Old:
        url = answering(404)

    seen = survey.take((Old.url,), (), "", Secret(SECRET))
    seen.workers[0].signed = survey.Reply(200)
    (found,) = shared.both_ways(Path("/nowhere"), me, seen.workers, Secret(SECRET))
    assert found.severity == "skipped"
    assert "older than this doctor" in found.seen


def test_two_hosts_that_do_not_share_the_directory_do_not_see_each_others_files(
    fleet: Fleet, tmp_path: Path, me: Account
) -> None:
    found = shared.both_ways(tmp_path, me, look(fleet).workers, Secret(SECRET), wait_ms=200)
    assert [finding.severity for finding in found] == ["problem", "problem"]
    assert "does not see" in found[0].seen
    assert "is not seen" in found[1].seen
    assert list(fleet.transcode.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_copy_with_the_same_content_is_not_the_same_file(fleet: Fleet, tmp_path: Path) -> None:
    storages = {fleet.worker.url: survey.ask("GET", fleet.worker.url + "/doctor/storage", Secret(SECRET))}
    assert worst(shared.same_directories(fleet.transcode, storages)) == "ok"
    assert worst(shared.same_directories(tmp_path, storages)) == "problem"
    storages[fleet.worker.url].body["media_roots"][0]["inode"] += 1
    found = shared.same_directories(fleet.transcode, storages)
    assert [finding.severity for finding in found] == ["ok", "problem"]
    assert "another directory" in found[1].seen


def test_a_worker_that_may_not_read_films_is_told_to_be_put_into_their_group(fleet: Fleet) -> None:
    storages = {fleet.worker.url: survey.ask("GET", fleet.worker.url + "/doctor/storage", Secret(SECRET))}
    storages[fleet.worker.url].body["media_roots"][0]["unreadable"] = "/media/films: Permission denied"
    found = shared.same_directories(fleet.transcode, storages)
    assert [finding.severity for finding in found] == ["ok", "problem"]
    assert "/media/films" in found[1].seen
    assert "scaleplex_worker_groups" in found[1].fix


def test_a_worker_with_another_uid_than_plex_is_a_problem(fleet: Fleet, other: Account) -> None:
    fleet.transcode.chmod(0o777)  # both may write, so that the owner is all that differs
    try:
        found = shared.both_ways(fleet.transcode, other, look(fleet).workers, Secret(SECRET))
    finally:
        fleet.transcode.chmod(0o755)
    text = "; ".join(finding.seen for finding in found)
    assert worst(found) == "problem"
    assert f"writes as uid {os.geteuid()}" in text
    assert "cannot remove" in text
    assert list(fleet.transcode.iterdir()) == []


def test_a_service_that_listens_is_well_and_one_that_does_not_is_a_problem(fleet: Fleet) -> None:
    host = Host(Places(), frozenset({PLEX_HOST}), secret=Secret(SECRET))
    assert worst(services.port("relay", f"127.0.0.1:{fleet.relay.port}", host)) == "ok"
    (found,) = services.port("relay", "127.0.0.1:9", host)
    assert "systemctl start scaleplex-relay" in found.fix
    assert worst(services.ready("relay", f"127.0.0.1:{fleet.relay.port}")) == "ok"
    assert worst(services.ready("relay", "127.0.0.1:9")) == "problem"


def test_a_service_that_would_listen_beyond_loopback_without_a_secret_is_a_problem() -> None:
    host = Host(Places(), frozenset({PLEX_HOST}))
    assert "without a fleet secret" in services.port("relay", "0.0.0.0:32482", host)[0].seen


def test_a_service_that_is_not_ready_says_why_and_a_draining_one_is_a_warning(answering: Callable[..., str]) -> None:
    bind = answering(503, {"status": "not ready", "detail": "/transcode is not a directory."}).removeprefix("http://")
    (found,) = services.ready("worker", bind)
    assert found.severity == "problem"
    assert "/transcode is not a directory" in found.seen
    bind = answering(503, {"detail": "The worker is draining."}).removeprefix("http://")
    assert worst(services.ready("worker", bind)) == "warning"


def test_plex_that_does_not_answer_is_a_problem(fleet: Fleet) -> None:
    assert worst(services.pms(fleet.plex.url)) == "ok"
    assert worst(services.pms("http://127.0.0.1:9")) == "problem"


def test_services_that_take_connections_and_never_answer_cost_seconds_not_minutes() -> None:
    silent = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    worker, orchestrator, relay = (f"http://127.0.0.1:{server.getsockname()[1]}" for server in silent)
    began = time.monotonic()
    seen = survey.take((worker,), (orchestrator,), relay, Secret(SECRET))
    seconds = time.monotonic() - began
    for server in silent:
        server.close()
    assert seconds < 10
    (found,) = judge.reachable(seen.workers, "worker")
    assert "connected, but no answer in time" in found.seen
    assert worst(judge.relay(seen.relay_here, relay, "this host")) == "problem"
