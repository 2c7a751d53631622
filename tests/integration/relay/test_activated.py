"""The port is held by whoever started the relay, as systemd does: a restart refuses nobody."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaleplex.common.pulse import EX_CONFIG
from tests.integration.relay.conftest import Job
from tests.integration.relay.plex import FakePlex
from tests.integration.relay.service import Answer, Service


@pytest.fixture
def plex() -> Iterator[FakePlex]:
    made = FakePlex()
    yield made
    made.down()


@pytest.fixture
def activated(tmp_path: Path, plex: FakePlex) -> Iterator[Service]:
    (tmp_path / "run/jobs").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        other = f"127.0.0.1:{elsewhere.getsockname()[1]}"
    # Its settings name another address: what is handed over counts.
    settings = {"BIND": other, "PLEX_URL": plex.url, "RUNTIME_DIR": str(tmp_path / "run")}
    relay = Service("relay", tmp_path, settings, activated=True)
    yield relay.start()
    relay.stop()


def test_a_request_that_arrives_while_no_relay_runs_is_served_by_the_next_one(
    activated: Service, plex: FakePlex, tmp_path: Path
) -> None:
    sessions = tmp_path / "sessions"
    sessions.mkdir()
    job = Job(tmp_path / "run", sessions)
    job.segment("media-00001.ts")
    answers: list[Answer] = []

    def send() -> None:
        answers.append(activated.request("POST", job.target("manifest"), b"media-00001.ts,0.0,1.0\n"))

    try:
        activated.end()
        sender = threading.Thread(target=send)
        sender.start()
        sender.join(0.3)
        assert sender.is_alive()  # connected and waiting; refused it would have ended
        assert plex.requests == []
        activated.start()
        sender.join(20)
        # The new relay asks for its epoch first, since it cannot know what the earlier one has seen.
        assert [answer.status for answer in answers] in ([200], [401])
        if answers[0].status == 401:
            assert answers[0].json["error"] == "epoch"
            send()
        assert answers[-1].status == 200
        assert len(plex.of(job.name, "manifest")) == 1
    finally:
        job.die()


def test_a_socket_on_the_network_without_a_secret_is_refused_as_a_setting_is(tmp_path: Path) -> None:
    relay = Service("relay", tmp_path, {}, secret=False, host="0.0.0.0", activated=True)
    try:
        done = subprocess.run(
            relay.command(relay._listener.fileno()),
            cwd=tmp_path,
            env=relay._environ,
            pass_fds=[relay._listener.fileno()],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    finally:
        relay.stop()
    assert done.returncode == EX_CONFIG
    assert "without a fleet secret" in done.stderr
