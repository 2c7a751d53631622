import os
from pathlib import Path

from scaleplex.worker.doctor import unreadable


def as_another_account(root: Path) -> str | None:
    """Ask as an account that is neither root nor the owner; for anybody but root, permissions alone decide."""
    if os.geteuid() != 0:
        return unreadable(root)
    os.seteuid(65534)
    try:
        return unreadable(root)
    finally:
        os.seteuid(0)


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
