"""Every answer to a signed request is signed for it, by every service and whatever its status."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaleplex.common.log import Secret
from scaleplex.protocol.client import SignedSession, UntrustedAnswer
from tests.integration.protocol.test_replays import callback, made
from tests.integration.relay.service import SECRET, Service

QUESTIONS = {
    "worker": [
        ("GET", "/capability", None, 200),
        ("POST", "/undrain", None, 200),
        ("GET", f"/task/{uuid.uuid4()}", None, 404),
        ("POST", "/task", {"session": 1}, 400),
        ("DELETE", "/task", None, 405),
        ("GET", "/no-such-path", None, 404),
    ],
    "orchestrator": [
        ("GET", "/workers", None, 200),
        ("POST", "/placement", {"session": "s", "job": "j", "attempt": 1}, 503),
        ("POST", "/register", {"url": "x"}, 400),
        ("GET", "/no-such-path", None, 404),
    ],
    "relay": [("PUT", "", None, 410)],
}


@pytest.fixture(scope="module", params=["worker", "orchestrator", "relay"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    started = made(request.param, tmp_path_factory.mktemp("answers") / "x").start()
    yield started
    started.stop()


def test_an_answer_is_signed_whatever_its_status(service: Service) -> None:
    session = SignedSession(Secret(SECRET))
    for method, target, message, status in QUESTIONS[service.name]:
        answer = session.request(method, service.url + (target or callback(service)), json=message)
        assert answer.status_code == status, (method, target, answer.text)
    session.close()


def test_a_host_with_another_secret_is_told_what_is_wrong_and_believes_nothing(service: Service) -> None:
    session = SignedSession(Secret(b"the secret of another fleet"))
    method, target, message, _ = QUESTIONS[service.name][0]
    target = target or callback(service)
    with pytest.raises(UntrustedAnswer, match="unverified: The signature does not fit the request"):
        session.request(method, service.url + target, json=message)
    session.close()


def test_a_placement_is_signed_over_its_whole_body(tmp_path: Path) -> None:
    """Its body is a stream for the server, since something happens after it."""
    orchestrator = made("orchestrator", tmp_path / "o").start()
    session = SignedSession(Secret(SECRET))
    try:
        capability = {"worker_id": "w", "version": "1", "state": "ready", "backend": "sw", "sessions": 0}
        capability |= {"max_sessions": 9, "encoders": ["libx264"]}
        message = {"url": "http://127.0.0.1:9", "capability": capability, "ttl_seconds": 300}
        assert session.request("POST", orchestrator.url + "/register", json=message).status_code == 204
        asked = {"session": "s", "job": "j", "attempt": 1}
        answer = session.request("POST", orchestrator.url + "/placement", json=asked)
        assert (answer.status_code, json.loads(answer.content)["worker"]) == (200, "http://127.0.0.1:9")
    finally:
        session.close()
        orchestrator.stop()
