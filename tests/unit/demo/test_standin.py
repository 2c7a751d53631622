"""The stand-in's app with a transcoder that fails, and the page's files."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from falcon import testing

from scaleplex.common.errors import BadField, ConfigError
from scaleplex.demo.pms import app as standin
from scaleplex.demo.pms.environment import transcoder_environment
from scaleplex.demo.pms.switches import Switches
from tests.unit.demo.samples import SESSION

UNIVERSAL = "/video/:/transcode/universal"
ITEM = {
    "file": "film.mkv",
    "title": "Film",
    "duration_seconds": 60.4,
    "frames": 1448,
    "rate": [24000, 1001],
    "width": 1280,
    "height": 720,
    "video_codec": "h264",
    "hdr": False,
    "audio": [{"index": 1, "codec": "aac", "channels": 2, "language": "eng", "title": ""}],
    "sidecars": [],
}


def environ(tmp_path: Path, transcoder: str) -> dict[str, str]:
    (tmp_path / "library.json").write_text(json.dumps({"items": [ITEM]}))
    names = {"MEDIA_DIR": tmp_path, "TRANSCODE_DIR": tmp_path / "transcode", "TRANSCODER": transcoder}
    return {f"SCALEPLEX_STANDIN_{name}": str(value) for name, value in names.items()}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[testing.TestClient]:
    yield testing.TestClient(standin.create(environ(tmp_path, "/bin/false")))
    standin.close()


def start(client: testing.TestClient) -> testing.Result:
    return client.simulate_get(f"{UNIVERSAL}/start.mpd", params={"session": SESSION, "path": "/library/metadata/1"})


def test_a_transcoder_that_fails_is_started_once_more_with_another_argv(client: testing.TestClient) -> None:
    assert start(client).status_code == 502
    jobs = client.simulate_get("/standin/report").json["jobs"]
    assert len(jobs) == 3
    assert len({job["job"] for job in jobs}) == 3
    assert "-x264opts:0" in jobs[0]["argv"]
    assert "-x264opts:0" not in jobs[1]["argv"]
    assert [job["exit_code"] for job in jobs] == [1, 1, 1]


def test_a_stop_removes_the_directory(client: testing.TestClient, tmp_path: Path) -> None:
    start(client)
    assert client.simulate_get(f"{UNIVERSAL}/stop", params={"session": SESSION}).status_code == 200
    assert list((tmp_path / "transcode/Transcode/Sessions").iterdir()) == []


def test_a_segment_of_no_session_is_not_found(client: testing.TestClient) -> None:
    answer = client.simulate_get(f"{UNIVERSAL}/session/nobody/0/0.m4s")
    assert (answer.status_code, answer.json["error"]) == (404, "not-found")


def test_a_callback_from_another_host_is_not_found(client: testing.TestClient) -> None:
    path = f"/video/:/transcode/session/{SESSION}/job/progress"
    answer = client.simulate_put(path, query_string="status=startup", remote_addr="10.0.0.7")
    assert answer.status_code == 404
    violations = client.simulate_get("/standin/report").json["violations"]
    assert [violation["code"] for violation in violations] == ["not-loopback"]


def test_a_forwarded_callback_counts_as_one_from_another_host(client: testing.TestClient) -> None:
    path = f"/video/:/transcode/session/{SESSION}/job/progress"
    client.simulate_put(path, query_string="status=startup", headers={"X-Forwarded-For": "10.0.0.7"})
    violations = client.simulate_get("/standin/report").json["violations"]
    assert [violation["code"] for violation in violations] == ["not-loopback"]


@pytest.mark.parametrize("name", ["", "page/page.js", "page/style.css", "page/strip.js"])
def test_the_page_is_served(client: testing.TestClient, name: str) -> None:
    assert client.simulate_get(f"/{name}").status_code == 200


def test_no_file_beside_the_page_is_served(client: testing.TestClient) -> None:
    assert client.simulate_get("/page/..%2ftools.py").status_code == 404


def test_an_unknown_switch_is_refused() -> None:
    with pytest.raises(BadField, match="is no switch"):
        Switches().update({"speed_of_light": 1})


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(ConfigError, match="SCALEPLEX_STANDIN_MEDIA_DIR"):
        standin.create({})


def test_the_transcoders_environment_holds_what_has_hurt_others() -> None:
    env = transcoder_environment("local-1", {"PATH": "/bin", "SCALEPLEX_X": "1", "PYTHONPATH": "/x"})
    assert env["PATH"] == "/bin"
    assert env["X_PLEX_TOKEN"] == "local-1"
    assert env["OCL_ICD_VENDORS"] == "0"
    assert "\\ " in env["FFMPEG_EXTERNAL_LIBS"]
    assert not Path(env["EAE_ROOT"]).exists()
    assert not {"SCALEPLEX_X", "PYTHONPATH"} & set(env)


def test_the_report_holds_no_token(client: testing.TestClient) -> None:
    start(client)
    assert "local-" not in client.simulate_get("/standin/report").text
