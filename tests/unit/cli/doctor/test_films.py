"""Which films are sampled, and what a worker's answer means."""

import os
import random
import time
from pathlib import Path

import pytest

from scaleplex.cli.doctor import films
from scaleplex.cli.doctor.films import Film, Sampler, judge
from scaleplex.cli.doctor.mounts import Mount
from scaleplex.cli.doctor.survey import Reply

URL = "http://w:32481"
HOUR_AGO_S = time.time() - 2 * films.SETTLED_SECONDS


def put(path: Path, size: int = 3, *, age_s: float = HOUR_AGO_S) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (age_s, age_s))
    return path


def sample(root: Path, *points: str, seed: int = 1) -> list[Film]:
    mounts = [Mount(point, "tmpfs", "tmpfs", {}) for point in points]
    return Sampler(root, mounts, random.Random(seed)).sample()


def test_one_film_of_each_directory_at_the_top_is_found_however_deep(tmp_path: Path) -> None:
    wanted = {str(put(tmp_path / f"{name}/a/b/c/film.mkv")) for name in "abcd"}
    assert {film.path for film in sample(tmp_path)} == wanted
    assert {film.size_bytes for film in sample(tmp_path)} == {3}


@pytest.mark.parametrize("seed", range(5))
def test_a_large_library_gives_a_bounded_sample(tmp_path: Path, seed: int) -> None:
    for number in range(60):
        put(tmp_path / f"Film {number}/film.mkv")
    found = sample(tmp_path, seed=seed)
    assert len(found) == films.BRANCHES_MOST
    assert len({film.path for film in found}) == films.BRANCHES_MOST
    assert films.NESTED_MOST * films.PER_NESTED + films.BRANCHES_MOST <= 64  # what a worker takes


def test_another_run_takes_other_films(tmp_path: Path) -> None:
    for number in range(60):
        put(tmp_path / f"Film {number}/film.mkv")
    assert sample(tmp_path, seed=1) != sample(tmp_path, seed=2)


def test_links_sockets_and_files_still_written_are_no_films(tmp_path: Path) -> None:
    kept = put(tmp_path / "a/film.mkv")
    put(tmp_path / "b/new.mkv", age_s=time.time())
    (tmp_path / "c").symlink_to(tmp_path / "a")
    (tmp_path / "d.mkv").symlink_to(kept)
    os.mkfifo(tmp_path / "e.mkv")
    (tmp_path / "empty").mkdir()
    assert [film.path for film in sample(tmp_path)] == [str(kept)]


def test_an_empty_library_gives_none(tmp_path: Path) -> None:
    assert sample(tmp_path) == []


def test_sampling_ends_with_its_time(tmp_path: Path) -> None:
    put(tmp_path / "a/film.mkv")
    ticks = iter(range(1000))
    assert Sampler(tmp_path, [], random.Random(1), seconds=0.5, clock=lambda: float(next(ticks))).sample() == []


def test_a_directory_that_is_a_link_keeps_its_name(tmp_path: Path) -> None:
    put(tmp_path / "real/a/film.mkv")
    (tmp_path / "media").symlink_to(tmp_path / "real")
    assert [film.path for film in sample(tmp_path / "media")] == [f"{tmp_path}/media/a/film.mkv"]


def test_a_mount_below_the_root_is_looked_into_first_and_twice(tmp_path: Path) -> None:
    for number in range(40):
        put(tmp_path / f"Film {number}/film.mkv")
        put(tmp_path / f"nested/Film {number}/film.mkv")
    found = sample(tmp_path, str(tmp_path / "nested"), f"{tmp_path}-else")
    assert sum("/nested/" in film.path for film in found) >= films.PER_NESTED


# --- what an answer means -------------------------------------------------------------------------------------------

FILMS = [Film("/media/4k/a.mkv", 10, "/media/4k"), Film("/media/b.mkv", 20), Film("/media/c.mkv", 30)]
THERE = {"seen": True, "size": 0, "readable": True}
ABSENT = {"seen": False, "size": None, "readable": False}


def answered(*answers: dict[str, object]) -> list[tuple[str, str, str]]:
    filled = [{**a, "size": f.size_bytes} if a.get("size") == 0 else a for a, f in zip(answers, FILMS, strict=True)]
    return [(f.severity, f.seen, f.fix) for f in judge(URL, "/media", FILMS, Reply(200, {"films": filled}))]


def test_all_seen_is_well() -> None:
    assert answered(THERE, THERE, THERE) == [("ok", f"worker {URL} sees 3 of 3 films below /media", "")]


def test_nothing_seen_means_that_the_export_is_not_mounted() -> None:
    ((severity, seen, fix),) = answered(ABSENT, ABSENT, ABSENT)
    assert severity == "problem"
    assert "sees none of 3 films below /media" in seen
    assert "findmnt /media" in fix


def test_a_nested_file_system_is_named_with_crossmnt() -> None:
    ((severity, seen, fix),) = answered(ABSENT, THERE, THERE)
    assert severity == "problem"
    assert "/media/4k, a file system of its own" in seen
    assert "crossmnt" in fix
    assert "nohide" in fix


def test_one_missing_film_is_a_problem_too() -> None:
    ((severity, seen, _),) = answered(THERE, ABSENT, THERE)
    assert severity == "problem"
    assert "1 films below /media, such as /media/b.mkv" in seen


def test_a_film_that_may_not_be_read_names_the_groups() -> None:
    ((severity, seen, fix),) = answered(THERE, {"seen": True, "size": None, "readable": False}, THERE)
    assert severity == "problem"
    assert "may not read 1 of 3 films" in seen
    assert "scaleplex_worker_groups" in fix


def test_another_size_means_another_file() -> None:
    ((severity, seen, _),) = answered(THERE, THERE, {"seen": True, "size": 31, "readable": True})
    assert severity == "problem"
    assert "/media/c.mkv is another file on worker http://w:32481 (31 bytes, here 30)" in seen


def test_a_library_of_nested_file_systems_alone_is_not_called_unmounted() -> None:
    (found,) = judge(URL, "/media", FILMS[:1], Reply(200, {"films": [ABSENT]}))
    assert "crossmnt" in found.fix


def test_an_older_worker_is_skipped_and_so_is_one_that_fails() -> None:
    assert judge(URL, "/media", FILMS, Reply(404))[0].seen.endswith("it is older than this doctor")
    assert judge(URL, "/media", FILMS, Reply(None, error="timed out"))[0].severity == "skipped"
