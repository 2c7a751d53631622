"""What a worker answers the doctor, and what it must not let anybody do."""

import os
import uuid

import pytest

from scaleplex.common import marker
from tests.integration.doctor.conftest import Fleet
from tests.integration.relay.service import SECRET, Answer

pytestmark = pytest.mark.xdist_group("doctor")


def new_name() -> str:
    return f"marker-{uuid.uuid4().hex}"


def look(fleet: Fleet, name: str, wait_ms: int = 0) -> Answer:
    return fleet.worker.request("GET", f"/doctor/marker?name={name}&wait_ms={wait_ms}")


def test_the_doctor_is_answered_only_when_it_signs(fleet: Fleet) -> None:
    for method, target in (
        ("GET", "/doctor/storage"),
        ("GET", f"/doctor/marker?name={new_name()}"),
        ("POST", "/doctor/marker"),
        ("POST", "/doctor/films"),
        ("DELETE", f"/doctor/marker?name={new_name()}"),
        ("POST", "/doctor/relay"),
    ):
        assert fleet.worker.request(method, target, sign=False).status == 401


def test_a_worker_tells_its_directories_and_its_account(fleet: Fleet) -> None:
    answer = fleet.worker.request("GET", "/doctor/storage").json
    assert answer["transcode_root"] == {"path": str(fleet.transcode), "inode": fleet.transcode.stat().st_ino}
    assert answer["media_roots"] == [{"path": str(fleet.media), "inode": fleet.media.stat().st_ino, "unreadable": None}]
    assert (answer["uid"], answer["gid"]) == (os.geteuid(), os.getegid())


def test_a_marker_written_by_a_worker_is_a_file_of_its_own_below_the_transcode_root(fleet: Fleet) -> None:
    name = new_name()
    answer = fleet.worker.post("/doctor/marker", {"name": name})
    assert answer.status == 200
    path = fleet.transcode / marker.DIRECTORY / name
    assert path.stat().st_ino == answer.json["inode"]
    assert path.read_text().strip() == answer.json["content"]
    assert fleet.worker.post("/doctor/marker", {"name": name}).status == 422  # never written over
    assert fleet.worker.request("DELETE", f"/doctor/marker?name={name}").status == 204
    assert fleet.worker.request("DELETE", f"/doctor/marker?name={name}").status == 404
    assert not path.parent.exists()


def test_a_worker_sees_a_marker_and_says_when_there_is_none(fleet: Fleet) -> None:
    name = new_name()
    assert look(fleet, name).json == {"seen": False, "after_ms": 0}
    written = marker.write(str(fleet.transcode), name)
    seen = look(fleet, name, 500).json
    assert seen["seen"] is True
    assert [seen[key] for key in ("inode", "content")] == [written[key] for key in ("inode", "content")]
    marker.remove(str(fleet.transcode), name)


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "marker-1", "marker-" + "0" * 33, "marker-" + "G" * 32])
def test_a_name_that_is_no_markers_is_refused(fleet: Fleet, name: str) -> None:
    assert look(fleet, name).status == 400
    assert fleet.worker.post("/doctor/marker", {"name": name}).status == 400
    assert fleet.worker.request("DELETE", f"/doctor/marker?name={name}").status == 400


def test_a_link_is_neither_followed_nor_written_through(fleet: Fleet) -> None:
    name = new_name()
    directory = fleet.transcode / marker.DIRECTORY
    directory.mkdir(exist_ok=True)
    secret = fleet.root / "worker" / "secret"
    (directory / name).symlink_to(secret)
    assert look(fleet, name).json["seen"] is False
    assert fleet.worker.post("/doctor/marker", {"name": name}).status == 422
    assert secret.read_bytes() == SECRET
    (directory / name).unlink()
    directory.rmdir()


def test_a_worker_reports_what_the_relay_answers_it(fleet: Fleet) -> None:
    before = len(fleet.plex.requests)
    answers = fleet.worker.post("/doctor/relay", {"url": fleet.relay.url}).json["answers"]
    assert isinstance(answers, list)
    assert len(answers) == 5
    assert all(answer["status"] == answer["wanted"] for answer in answers), answers
    assert len(fleet.plex.requests) == before


@pytest.mark.parametrize("url", [None, "", "file:///etc/passwd", "http://127.0.0.1:1/cb/1"])
def test_a_relay_that_is_no_plain_url_is_refused(fleet: Fleet, url: str | None) -> None:
    assert fleet.worker.post("/doctor/relay", {"url": url}).status == 400
