import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest

from scaleplex.worker.doctor import film, unreadable

T = TypeVar("T")


def as_other(ask: Callable[[], T]) -> T:
    """Ask as an account that is neither root nor the owner; for anybody but root, permissions alone decide."""
    if os.geteuid() != 0:
        return ask()
    os.seteuid(65534)
    try:
        return ask()
    finally:
        os.seteuid(0)


def as_another_account(root: Path) -> str | None:
    return as_other(lambda: unreadable(root))


def test_films_that_nobody_but_their_group_may_read_are_missed(tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    (films / "film.mkv").touch()
    films.chmod(0o000)
    assert "Permission denied" in (as_another_account(tmp_path) or "")
    films.chmod(0o700)


def test_one_film_that_can_be_read_is_enough(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir(0o000)
    (tmp_path / "film.mkv").touch()
    assert unreadable(tmp_path) is None


def test_a_library_without_films_yet_is_no_problem(tmp_path: Path) -> None:
    assert unreadable(tmp_path) is None


# --- films ------------------------------------------------------------------------------------------

ABSENT = {"seen": False, "size": None, "readable": False}


@pytest.fixture
def media() -> Iterator[Path]:
    """A media directory with one film, and a secret beside it, where every account can look; pytest's own is closed."""
    with TemporaryDirectory(prefix="scaleplex-films-") as name:
        Path(name).chmod(0o755)
        yield make_media(Path(name))


def make_media(tmp_path: Path) -> Path:
    (tmp_path / "media/Movies").mkdir(parents=True)
    (tmp_path / "media/Movies/Film.mkv").write_bytes(b"12345")
    (tmp_path / "media-else").mkdir()
    (tmp_path / "media-else/secret").write_bytes(b"s")
    (tmp_path / "secret").write_bytes(b"s")
    return tmp_path / "media"


def seen(media: Path, path: object) -> dict[str, object]:
    return film(str(path), [os.path.realpath(media)])


def test_a_film_is_seen_with_its_size(media: Path) -> None:
    wanted = {"seen": True, "size": 5, "readable": True}
    assert seen(media, media / "Movies/Film.mkv") == wanted
    (media / "link.mkv").symlink_to("Movies/Film.mkv")
    assert seen(media, media / "link.mkv") == wanted


def test_a_path_outside_is_answered_like_one_that_is_absent(media: Path) -> None:
    (media / "out.mkv").symlink_to("../secret")
    (media / "out").symlink_to("..")
    outside = media.parent / "secret"
    paths = [outside, media / "../secret", media / "Movies/../../secret", media / "out.mkv", media / "out/secret",
             media.parent / "media-else/secret", media / "../media-else/secret", "/etc/passwd", "/proc/self/environ",
             "//etc/passwd", "/", str(media), str(media) + "/", media / "none.mkv"]  # fmt: skip
    assert outside.exists()
    assert [seen(media, path) for path in paths] == [ABSENT] * len(paths)


def test_what_is_no_file_is_no_film_and_is_not_waited_for(media: Path) -> None:
    os.mkfifo(media / "pipe.mkv")
    assert seen(media, media / "pipe.mkv") == ABSENT
    assert seen(media, media / "Movies") == ABSENT
    assert seen(media, media / "Movies/Film.mkv/x") == ABSENT


def test_a_film_that_may_not_be_opened_is_seen_but_not_readable(media: Path) -> None:
    path = media / "Movies/Film.mkv"
    path.chmod(0o000)
    assert as_other(lambda: seen(media, path)) == {"seen": True, "size": 5, "readable": False}
    (media / "Movies").chmod(0o000)
    try:
        assert as_other(lambda: seen(media, path)) == {"seen": True, "size": None, "readable": False}
    finally:
        (media / "Movies").chmod(0o755)


def test_a_worker_whose_root_is_the_whole_file_system_sees_files(media: Path) -> None:
    assert film(str(media / "Movies/Film.mkv"), ["/"])["seen"] is True
