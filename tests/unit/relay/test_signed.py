"""Nothing of the relay is open but health: a new route that is fails here."""

import uuid
from pathlib import Path

from scaleplex.common.config import load
from scaleplex.common.log import Log, Secret
from scaleplex.protocol import wire
from scaleplex.relay.app import build
from scaleplex.relay.config import PREFIX, RelayConfig
from tests.support.routes import check_unsigned

SECRET = b"a fleet secret for tests"


def test_every_route_but_health_wants_a_signature(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    config = load(RelayConfig, PREFIX, {PREFIX + "RUNTIME_DIR": str(tmp_path)})
    app, _ = build(config, Secret(SECRET), Log("test", "error"))
    session, job = uuid.uuid4().hex, str(uuid.uuid4())
    # A path that is signed well, as the command line of a job holds it; what a worker sends is signed as well.
    path = wire.callback_base("", SECRET, session, job, 1) + f"/video/:/transcode/session/{session}/{job}/progress"
    # 403: the method is none of a callback's.
    check_unsigned(app, known=["/cb/{rest:path}"], refusals=(401, 403), **{"rest:path": path.removeprefix("/cb/")})
