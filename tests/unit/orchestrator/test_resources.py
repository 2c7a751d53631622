"""What the orchestrator answers, to whom, and what happens after the answer."""

import io
from collections.abc import Iterable
from typing import Any, cast

import falcon
import pytest
from falcon import testing

from scaleplex.common.config import load
from scaleplex.common.log import Log, Secret
from scaleplex.common.metrics import Metrics
from scaleplex.orchestrator.app import build
from scaleplex.orchestrator.config import PREFIX, OrchestratorConfig
from scaleplex.orchestrator.discovery import Discovery
from scaleplex.orchestrator.fleet import Fleet
from scaleplex.orchestrator.meters import Meters
from scaleplex.orchestrator.registry import Job, Registry
from scaleplex.orchestrator.resources import Placements
from scaleplex.orchestrator.supersede import Superseder
from scaleplex.protocol.messages import Capability, RunningTask
from tests.support.routes import check_unsigned

URL = "http://10.0.0.1:32481"


def made(secret: Secret | None = None, **settings: str) -> testing.TestClient:
    config = load(OrchestratorConfig, PREFIX, {PREFIX + name: value for name, value in settings.items()})
    return testing.TestClient(build(config, secret, Log("test", "error")).app)


def test_every_route_but_health_and_the_page_wants_a_signature() -> None:
    app = made(Secret(b"a fleet secret for tests")).app
    check_unsigned(app, open_routes=["/"], known=["/placement", "/register", "/workers", "/sessions"])


@pytest.mark.parametrize(
    ("audience", "peer", "status"),
    [
        ("open", "10.0.0.9", 200),
        ("open", "127.0.0.1", 200),
        ("loopback", "127.0.0.1", 200),
        ("loopback", "127.3.2.1", 200),
        ("loopback", "::1", 200),
        ("loopback", "::ffff:127.0.0.1", 200),
        ("loopback", "10.0.0.9", 404),
        ("loopback", "fd00::1", 404),
        ("loopback", "::ffff:10.0.0.9", 404),
        ("loopback", "", 404),
        ("off", "127.0.0.1", 404),
        ("off", "10.0.0.9", 404),
    ],
)
def test_the_page_is_for_whom_the_setting_names(audience: str, peer: str, status: int) -> None:
    answer = made(PAGE=audience).simulate_get("/", extras={"REMOTE_ADDR": peer})
    assert answer.status_code == status
    assert (b"<html" in answer.content) == (status == 200)
    assert answer.headers.get("cache-control") == ("no-store" if status == 200 else None)


@pytest.mark.parametrize(
    ("seconds", "status"), [(1, 204), (10, 204), (300, 204), (0, 400), (-1, 400), (301, 400), (10**9, 400)]
)
def test_a_registration_is_believed_for_five_minutes_at_most(seconds: int, status: int) -> None:
    capability = Capability("w", "1", "ready", "sw", 0, 4).to_json()
    message = {"url": URL, "capability": capability, "ttl_seconds": seconds}
    answer = made().simulate_post("/register", json=message)
    assert answer.status_code == status
    if status == 400:
        assert "1 to 300" in answer.json["hint"]


class Ending(Superseder):
    """Notes what it was told to end."""

    def __init__(self) -> None:
        self.ended: list[Job] = []

    def end(self, jobs: Iterable[Job], newer: str) -> None:
        self.ended += jobs


class Known(Discovery):
    """Has looked."""

    def __init__(self) -> None:
        pass

    def wait_first_round(self, limit_seconds: float) -> bool:
        return True


def test_an_older_job_ends_when_the_answer_has_been_sent_and_not_before() -> None:
    """The server closes the body when its last byte is out (PEP 3333); until then the newer job has no worker."""
    fleet = Fleet(Registry(7.0), None)
    fleet.vouch("list", [URL])
    running = (RunningTask("s", "old", "video", 1),)
    fleet.heard(URL, Capability("w", "1", "ready", "sw", 1, 4, encoders=("libx264",), tasks=running), fleet.now())
    superseder = Ending()
    app: falcon.App[falcon.Request, falcon.Response] = falcon.App()

    class WithBody:
        def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
            req.context.body = req.bounded_stream.read()

    app.add_middleware(WithBody())
    app.add_route("/placement", Placements(fleet, Known(), superseder, Meters(Metrics()), Log("test", "error")))
    body = b'{"session": "s", "job": "new", "attempt": 1, "kind": "video"}'
    environ = testing.create_environ("/placement", method="POST", body=body)
    environ["wsgi.input"] = io.BytesIO(body)
    status: list[str] = []
    answer = cast("Any", app(environ, lambda line, headers, exc_info=None: status.append(line)))
    assert status == ["200 OK"]
    assert superseder.ended == []
    assert b'"worker"' in b"".join(answer)
    assert superseder.ended == []
    answer.close()
    assert [job.job for job in superseder.ended] == ["old"]
