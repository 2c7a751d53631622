"""Films the Plex host sees and a worker does not, found through the real worker.

The doctor runs in a mount namespace of its own, so that it sees file systems the worker does not: as on a Plex host
whose export lacks ``crossmnt``, or beside a worker that started before its mount.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.doctor.conftest import Fleet, make_fleet
from tests.integration.relay.service import SECRET

SETTLED_S = time.time() - 7200
MAKE_FILM = 'mkdir -p "$1/Movies" && echo film >"$1/Movies/Film.mkv" && touch -d @1 "$1/Movies/Film.mkv"'


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """A fleet of this module's own: its media directory is filled here."""
    with tempfile.TemporaryDirectory(prefix="scaleplex-doctor-") as directory:
        yield from make_fleet(Path(directory))


@pytest.fixture
def etc(fleet: Fleet, tmp_path: Path) -> Path:
    (tmp_path / "fleet-secret").write_bytes(SECRET)
    (tmp_path / "shim.env").write_text(f"SCALEPLEX_SHIM_WORKERS_LIST={fleet.worker.url}\n")
    return tmp_path


@pytest.fixture
def library(fleet: Fleet) -> Iterator[Path]:
    """The media directory with two films and a directory for a nested file system; the worker sees this."""
    for name in ("Movies/A Film (2020)/Film.mkv", "Shows/S01/E01.mkv"):
        path = fleet.media / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
        os.utime(path, (SETTLED_S, SETTLED_S))
    (fleet.media / "4k").mkdir(exist_ok=True)
    yield fleet.media
    subprocess.run(["find", fleet.media, "-mindepth", "1", "-delete"], check=True)


def doctor(etc: Path, before: str = "", *words: str) -> tuple[int, list[dict[str, Any]]]:
    """Run the doctor as a program, after shell commands in a mount namespace; return its exit code and findings."""
    command = [sys.executable, "-m", "scaleplex.cli.main", "doctor", "--role", "plex-host", "--only", "storage.films",
               "--json", "--etc", str(etc)]  # fmt: skip
    if before:
        if os.geteuid() != 0:
            pytest.skip("only root can mount")
        script = f'{before}\nshift {len(words)}\nexec "$@"'
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh", *words, *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if before and "permission denied" in done.stderr.lower() and not done.stdout:
        pytest.skip(f"cannot mount here: {done.stderr}")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["findings"]


def test_films_seen_on_both_sides_are_well(fleet: Fleet, etc: Path, library: Path) -> None:
    code, (finding,) = doctor(etc)
    assert (code, finding["severity"]) == (0, "ok")
    assert finding["seen"] == f"worker {fleet.worker.url} sees 2 of 2 films below {library}"


def test_a_nested_file_system_the_worker_does_not_see_is_named_with_crossmnt(
    fleet: Fleet, etc: Path, library: Path
) -> None:
    code, (finding,) = doctor(etc, f'mount -t tmpfs tmpfs "$1"; {MAKE_FILM}', str(library / "4k"))
    assert (code, finding["severity"]) == (1, "problem")
    assert f"does not see the films of {library}/4k, a file system of its own" in finding["seen"]
    assert "crossmnt" in finding["fix"]
    assert "nohide" in finding["fix"]


def test_a_nested_bind_mount_the_worker_does_not_see_is_missed(fleet: Fleet, etc: Path, library: Path) -> None:
    """It may lie on the same file system as the rest, so that no device number tells of it."""
    film = etc / "elsewhere/Movies/Film.mkv"
    film.parent.mkdir(parents=True)
    film.write_bytes(b"film")
    os.utime(film, (SETTLED_S, SETTLED_S))
    code, (finding,) = doctor(etc, 'mount --bind "$1" "$2"', str(etc / "elsewhere"), str(library / "4k"))
    assert (code, finding["severity"]) == (1, "problem")
    assert f"does not see the films of {library}/4k, a file system of its own" in finding["seen"]
    assert "crossmnt" in finding["fix"]


def test_an_empty_directory_on_the_worker_is_found_though_it_is_there(fleet: Fleet, etc: Path) -> None:
    code, (finding,) = doctor(etc, f'mount -t tmpfs tmpfs "$1"; {MAKE_FILM}', str(fleet.media))
    assert (code, finding["severity"]) == (1, "problem")
    assert f"sees none of 1 films below {fleet.media}" in finding["seen"]
    assert "findmnt" in finding["fix"]


def test_a_library_that_is_empty_on_the_plex_host_is_a_warning(fleet: Fleet, etc: Path) -> None:
    code, (finding,) = doctor(etc)
    assert (code, finding["severity"]) == (0, "warning")
    assert "holds no film on this host" in finding["seen"]


@pytest.mark.parametrize(
    "films",
    [None, "x", {}, ["relative"], [1], ["/x"] * 65, ["/" + "x" * 4096], ["/a\0b"], [["/x"]]],
    ids=["none", "word", "object", "relative", "number", "many", "long", "nul", "list"],
)
def test_a_question_that_is_none_is_refused(fleet: Fleet, films: object) -> None:
    answer = fleet.worker.post("/doctor/films", {"films": films})
    assert (answer.status, answer.json["error"]) == (400, "bad-field")


def test_a_worker_tells_nothing_of_files_elsewhere(fleet: Fleet, library: Path) -> None:
    (library / "out.mkv").symlink_to("/etc/passwd")
    paths = ["/etc/passwd", f"{library}/../../etc/passwd", f"{library}/out.mkv", f"{library}/none.mkv"]
    answer = fleet.worker.post("/doctor/films", {"films": paths})
    assert answer.json == {"films": [{"seen": False, "size": None, "readable": False}] * 4}


def test_a_name_that_is_no_text_travels_as_it_is(fleet: Fleet, library: Path) -> None:
    path = os.fsencode(library) + b"/caf\xe9.mkv"
    with open(path, "wb") as file:
        file.write(b"123")
    answer = fleet.worker.post("/doctor/films", {"films": [os.fsdecode(path)]})
    assert answer.json["films"] == [{"seen": True, "size": 3, "readable": True}]
