"""File operations that hang are given up, counted and refused; the transcode root is watched."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaleplex.common.errors import CwdMissing, StorageHung
from scaleplex.worker.storage import HUNG_MAX, Storage

ROOT = Path("/transcode")
SHORT_SECONDS = 0.02
LONG_SECONDS = 20.0


@pytest.fixture
def server() -> Iterator[threading.Event]:
    """A file server that answers once it is set; at the end it always is."""
    made = threading.Event()
    yield made
    made.set()


def test_an_operation_gives_its_result_or_its_error() -> None:
    storage = Storage(ROOT)
    assert storage.run(lambda: 7, LONG_SECONDS, "x") == 7
    assert storage.run(lambda: None, LONG_SECONDS, "x") is None

    def fail() -> None:
        raise CwdMissing("gone", "mount it")

    with pytest.raises(CwdMissing, match="gone"):
        storage.run(fail, LONG_SECONDS, "x")


def test_an_operation_that_hangs_is_given_up_and_named(server: threading.Event) -> None:
    storage = Storage(ROOT)
    with pytest.raises(StorageHung, match="/media has not answered") as caught:
        storage.run(server.wait, SHORT_SECONDS, "/media")
    assert (caught.value.code, caught.value.status) == ("storage-hung", 503)
    assert storage.hung == 1
    assert storage.run(lambda: 7, LONG_SECONDS, "x") == 7


def test_a_transcode_root_that_hangs_is_a_problem_for_as_long_as_it_does(server: threading.Event) -> None:
    probed, told = threading.Semaphore(0), threading.Event()
    changes: list[str | None] = []

    def probe(_: Path) -> object:
        probed.release()
        return server.wait()

    def change(problem: str | None) -> None:
        changes.append(problem)
        (told.set if problem is None else lambda: None)()

    storage = Storage(ROOT, probe=probe, probe_seconds=0.01, probe_every_seconds=0.01, on_change=change)
    storage.watch()
    assert probed.acquire(timeout=5)
    assert not told.wait(0.3)
    assert len(changes) == 1
    assert "hangs: no answer for" in (storage.problem or "")
    server.set()
    assert told.wait(5)
    storage.stop()
    assert storage.problem is None


def test_no_more_threads_hang_than_a_few_and_all_is_well_when_the_server_is_back(server: threading.Event) -> None:
    storage = Storage(ROOT)
    back = threading.Semaphore(0)

    def wait() -> None:
        server.wait()
        back.release()

    for _ in range(HUNG_MAX):
        with pytest.raises(StorageHung):
            storage.run(wait, 0, "/media")
    with pytest.raises(StorageHung, match=f"{HUNG_MAX} file operations hang"):
        storage.run(lambda: 7, LONG_SECONDS, "x")
    server.set()
    for _ in range(HUNG_MAX):
        assert back.acquire(timeout=LONG_SECONDS)
    for thread in [thread for thread in threading.enumerate() if thread.name == "storage"]:
        thread.join(LONG_SECONDS)
    assert storage.hung == 0
    assert storage.run(lambda: 7, LONG_SECONDS, "x") == 7


def test_a_transcode_root_that_hangs_is_a_problem_until_it_answers(server: threading.Event) -> None:
    changes: list[str | None] = []
    hung, back = threading.Event(), threading.Event()

    def note(problem: str | None) -> None:
        changes.append(problem)
        (back if problem is None else hung).set()

    asked: list[Path] = []

    def probe(root: Path) -> None:
        asked.append(root)
        server.wait()

    storage = Storage(ROOT, probe=probe, probe_seconds=SHORT_SECONDS, probe_every_seconds=SHORT_SECONDS, on_change=note)
    assert storage.problem is None
    storage.watch()
    assert hung.wait(LONG_SECONDS)
    assert "The transcode directory /transcode hangs" in str(storage.problem)
    assert asked == [ROOT]
    server.set()
    assert back.wait(LONG_SECONDS)
    assert storage.problem is None
    storage.stop()
    assert changes[1:] == [None]


def test_a_root_that_answers_with_an_error_does_not_hang(server: threading.Event) -> None:
    asked = threading.Semaphore(0)

    def probe(root: Path) -> None:
        asked.release()
        raise OSError(2, "No such file or directory")

    storage = Storage(ROOT, probe=probe, probe_seconds=LONG_SECONDS, probe_every_seconds=0)
    storage.watch()
    assert asked.acquire(timeout=LONG_SECONDS)
    assert asked.acquire(timeout=LONG_SECONDS)
    storage.stop()
    assert storage.problem is None
