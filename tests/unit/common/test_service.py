"""The app every service is built on: signatures, bounded bodies, errors as JSON, health."""

import falcon
import pytest
from falcon import testing

from scaleplex.common.errors import Full, TooLarge, Unauthorized
from scaleplex.common.log import Log
from scaleplex.common.metrics import Metrics
from scaleplex.common.service import gunicorn_settings, json_body, make_app
from scaleplex.protocol import wire
from scaleplex.protocol.signing import Verifier

SECRET = b"0123456789abcdef"
NOW_MS = 1_800_000_000_000


class Echo:
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        body = json_body(req)
        if "full" in body:
            raise Full("Four of four sessions run here.", "Ask another worker.")
        if "bug" in body:
            raise KeyError("a bug")
        resp.media = body


class Open:
    unsigned = True

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {}


def verifier() -> Verifier:
    """Return one that has run for long."""
    clock = iter((NOW_MS - 600_000,))
    return Verifier(SECRET, ["http://w:1"], clock_ms=lambda: next(clock, NOW_MS))


@pytest.fixture
def client() -> testing.TestClient:
    reasons: list[str | None] = [None]
    app = make_app(
        log=Log("test"),
        metrics=Metrics(),
        verify=verifier(),
        why_not_ready=lambda: reasons[0],
        body_max_bytes=1000,
    )
    app.add_route("/echo", Echo())
    app.add_route("/open", Open())
    return testing.TestClient(app)


def signed(body: bytes, nonce: str = "a" * 32, **changes: object) -> dict[str, str]:
    parts = {"method": "POST", "receiver": "w:1", "target": "/echo", "time_ms": NOW_MS, "secret": SECRET} | changes
    value = wire.sign_request(
        parts["secret"],
        parts["method"],
        parts["receiver"],
        parts["target"],
        body,
        parts["time_ms"],
        nonce,  # type: ignore[arg-type]
    )
    return {wire.AUTH_HEADER: value}


def test_a_signed_request_passes(client: testing.TestClient) -> None:
    answer = client.simulate_post("/echo", body=b'{"a": 1}', headers=signed(b'{"a": 1}'))
    assert (answer.status_code, answer.json) == (200, {"a": 1})


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({}, "not signed"),
        ({wire.AUTH_HEADER: "v2 1 2"}, "malformed"),
        ({wire.AUTH_HEADER: "v1 1 " + "a" * 32 + " x"}, "signed in the way v1"),
        ({wire.AUTH_HEADER: "v9 1 " + "a" * 32 + " x"}, "signed in the way v9"),
        ({wire.AUTH_HEADER: "v2 " + "9" * 5000 + " " + "a" * 32 + " w:1 - x"}, "malformed"),
        (signed(b"{}", receiver="w:2"), "meant for w:2; this service answers to w:1"),
        (signed(b"{}", secret=b"another secret here"), "does not fit"),
        (signed(b"{ }"), "does not fit"),
        (signed(b"{}", target="/other"), "does not fit"),
        (signed(b"{}", method="PUT"), "does not fit"),
        (signed(b"{}", time_ms=NOW_MS - 61_000), "off by 61 s"),
        (signed(b"{}", time_ms=NOW_MS + 61_000), "off by 61 s"),
    ],
)
def test_unsigned_wrongly_signed_and_stale_requests_are_refused(
    client: testing.TestClient, headers: dict[str, str], why: str
) -> None:
    answer = client.simulate_post("/echo", body=b"{}", headers=headers)
    assert answer.status_code == 401
    assert answer.json["error"] == "unauthorized"
    assert why in answer.json["detail"]
    assert answer.json["hint"]


def test_a_replayed_request_is_refused(client: testing.TestClient) -> None:
    headers = signed(b"{}")
    assert client.simulate_post("/echo", body=b"{}", headers=headers).status_code == 200
    answer = client.simulate_post("/echo", body=b"{}", headers=headers)
    assert answer.status_code == 401
    assert "seen before" in answer.json["detail"]


def test_health_and_open_resources_need_no_signature(client: testing.TestClient) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/open"):
        assert client.simulate_get(path).status_code == 200, path


def test_a_body_that_is_too_long_is_refused_before_it_is_read(client: testing.TestClient) -> None:
    answer = client.simulate_post("/echo", body=b"x" * 1001)
    assert (answer.status_code, answer.json["error"]) == (413, "too-large")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"\xff"])
def test_a_body_that_is_no_json_object_is_a_400(client: testing.TestClient, body: bytes) -> None:
    answer = client.simulate_post("/echo", body=body, headers=signed(body))
    assert (answer.status_code, answer.json["error"]) == (400, "bad-json")


def test_a_body_that_ends_too_early_is_the_senders_fault_and_not_a_bug(client: testing.TestClient) -> None:
    answer = client.simulate_post("/echo", body=b"{}", headers={"Content-Length": "9"})
    assert (answer.status_code, answer.json["error"]) == (400, "bad-json")
    assert "2 of 9 bytes came" in answer.json["detail"]


def test_an_error_of_ours_keeps_its_status_detail_and_hint(client: testing.TestClient) -> None:
    body = b'{"full": 1}'
    answer = client.simulate_post("/echo", body=body, headers=signed(body))
    assert answer.status_code == 503
    assert answer.json == {"error": "full", "detail": "Four of four sessions run here.", "hint": "Ask another worker."}


def test_a_bug_is_a_500_without_its_traceback(client: testing.TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    body = b'{"bug": 1}'
    answer = client.simulate_post("/echo", body=body, headers=signed(body))
    assert answer.status_code == 500
    assert "KeyError" not in answer.text
    assert "KeyError" in capsys.readouterr().err


def test_an_unknown_path_and_a_wrong_method_are_json_errors(client: testing.TestClient) -> None:
    assert client.simulate_get("/nowhere").json["error"] == "not-found"
    assert client.simulate_get("/echo", headers=signed(b"", method="GET")).status_code == 405


class Broken:
    unsigned = True

    def on_get(self, req: falcon.Request, resp: falcon.Response, rest: str) -> None:
        raise KeyError(f"a bug on {req.path}")


def test_the_signature_of_a_callback_is_in_no_answer_and_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    signature = "0123456789abcdef" * 2 + "01234567"
    app = make_app(log=Log("test", "debug"), metrics=Metrics(), verify=None, why_not_ready=lambda: None)
    app.add_route("/cb/{rest:path}", Broken())
    client = testing.TestClient(app)
    answers = [client.simulate_get(f"/cb/1/{signature}/x"), client.simulate_post(f"/cb/1/{signature}/x")]
    assert [answer.status_code for answer in answers] == [500, 405]
    assert signature not in "".join(answer.text for answer in answers)
    said = capsys.readouterr().err
    assert "KeyError" in said
    assert signature not in said


def test_gunicorn_has_no_watchdog_of_its_own_that_would_end_every_film() -> None:
    settings = gunicorn_settings(bind="127.0.0.1:0", secret=None, threads=4)
    assert settings["timeout"] == 0
    assert settings["workers"] == 1


def test_a_path_without_a_body_does_not_have_one_read() -> None:
    app = make_app(log=Log("test"), metrics=Metrics(), verify=None, why_not_ready=lambda: None)
    app.add_route("/open", Open())
    for path in ("/healthz", "/readyz", "/metrics", "/open", "/open?x"):
        with pytest.raises(TooLarge):
            app.admit("GET", path, {})
    app.admit("POST", "/echo", {})


def test_a_body_is_read_only_behind_a_signature_that_may_be_good() -> None:
    app = make_app(
        log=Log("test"),
        metrics=Metrics(),
        verify=Verifier(SECRET, clock_ms=lambda: NOW_MS),
        why_not_ready=lambda: None,
    )
    good = signed(b"{}")[wire.AUTH_HEADER]
    app.admit("POST", "/echo", {"X-SCALEPLEX-AUTH": good})
    stale = signed(b"{}", time_ms=NOW_MS - wire.CLOCK_TOLERANCE_MS - 1)[wire.AUTH_HEADER]
    for header in ({}, {"X-SCALEPLEX-AUTH": "v2"}, {"X-SCALEPLEX-AUTH": stale}):
        with pytest.raises(Unauthorized):
            app.admit("POST", "/echo", header)
