"""Every route of the worker wants a signature; a new one without fails here."""

import falcon
import pytest
from falcon import inspect, testing

from scaleplex.common.config import load
from scaleplex.common.log import Log, Secret
from scaleplex.worker.app import build
from scaleplex.worker.config import PREFIX, WorkerConfig

OPEN = {"/healthz", "/readyz", "/metrics"}
KNOWN = {"/task", "/tasks", "/task/{job}", "/task/{job}/kill", "/capability", "/drain", "/undrain"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> falcon.App[falcon.Request, falcon.Response]:
    room = tmp_path_factory.mktemp("worker")
    settings = {"STATE_DIR": str(room / "state"), "TRANSCODE_ROOT": str(room), "MEDIA_ROOTS": str(room)}
    config = load(WorkerConfig, PREFIX, {PREFIX + name: value for name, value in settings.items()})
    worker = build(config, Secret(b"a fleet secret for tests"), Log("test", "error"))
    worker.warm_up.problem = None
    return worker.app


def routes(app: falcon.App[falcon.Request, falcon.Response]) -> list[tuple[str, str]]:
    return [
        (method.method, route.path)
        for route in inspect.inspect_routes(app)
        for method in route.methods
        if method.method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD") and not method.internal
    ]


def test_a_request_without_a_signature_is_refused_on_every_route(
    app: falcon.App[falcon.Request, falcon.Response],
) -> None:
    client = testing.TestClient(app)
    found = routes(app)
    assert {path for _, path in found} >= KNOWN
    for method, path in found:
        answer = client.simulate_request(method, path.replace("{job}", "a-job"), body=b"{}")
        wanted = 200 if path in OPEN else 401
        assert answer.status_code == wanted, (method, path, answer.text)
        if path not in OPEN:
            assert answer.json["error"] == "unauthorized"
