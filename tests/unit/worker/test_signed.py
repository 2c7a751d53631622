"""Every route of the worker wants a signature; a new one without fails here."""

from collections.abc import Iterator

import falcon
import pytest

from scaleplex.common.config import load
from scaleplex.common.log import Log, Secret
from scaleplex.worker.app import build
from scaleplex.worker.config import PREFIX, WorkerConfig
from tests.support.routes import check_unsigned

KNOWN = {"/task", "/tasks", "/task/{job}", "/task/{job}/kill", "/capability", "/drain", "/undrain"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[falcon.App[falcon.Request, falcon.Response]]:
    room = tmp_path_factory.mktemp("worker")
    settings = {"STATE_DIR": str(room / "state"), "TRANSCODE_ROOT": str(room), "MEDIA_ROOTS": str(room)}
    config = load(WorkerConfig, PREFIX, {PREFIX + name: value for name, value in settings.items()})
    worker = build(config, Secret(b"a fleet secret for tests"), Log("test", "error"))
    worker.warm_up.problem = None
    yield worker.app
    worker.listener.server_close()


def test_a_request_without_a_signature_is_refused_on_every_route(
    app: falcon.App[falcon.Request, falcon.Response],
) -> None:
    check_unsigned(app, known=KNOWN, job="a-job")
