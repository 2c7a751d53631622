"""Mounts, room and rights, on real mounts and as real accounts."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scaleplex.cli.doctor import mounts, storage
from scaleplex.cli.doctor.accounts import Account
from scaleplex.cli.doctor.findings import worst
from scaleplex.common import marker


def test_a_mount_point_is_well_a_plain_directory_a_warning_and_nothing_a_problem(
    mount_tmpfs: Callable[..., Path], open_dir: Path
) -> None:
    path = mount_tmpfs("transcode", "size=1m")
    (open_dir / "plain").mkdir()
    found = storage.mounted([path, open_dir / "plain", open_dir / "absent"], mounts.read())
    assert [finding.severity for finding in found] == ["ok", "warning", "problem"]


def test_a_read_only_mount_is_a_problem(mount_tmpfs: Callable[..., Path], me: Account) -> None:
    path = mount_tmpfs("transcode", "size=1m,ro")
    assert worst(storage.transcode_options(path, mounts.read())) == "problem"
    (found,) = storage.owner(path, me)
    assert "Read-only file system" in found.seen


def test_a_mount_with_hardly_any_room_is_a_problem(mount_tmpfs: Callable[..., Path]) -> None:
    (found,) = storage.space(mount_tmpfs("transcode", "size=1m"))
    assert found.severity == "problem"
    assert "0.0 GiB free" in found.seen


def test_a_mount_with_little_room_is_a_warning_and_one_without_inodes_a_problem(
    mount_tmpfs: Callable[..., Path],
) -> None:
    assert worst(storage.space(mount_tmpfs("little", "size=3g"))) == "warning"
    assert worst(storage.space(mount_tmpfs("enough", "size=20g"))) == "ok"
    assert worst(storage.space(mount_tmpfs("inodes", "size=20g,nr_inodes=50"))) == "problem"


def test_a_full_mount_is_a_problem_of_its_owner_too(mount_tmpfs: Callable[..., Path], me: Account) -> None:
    path = mount_tmpfs("transcode", "size=1m,nr_inodes=2")
    (found,) = storage.owner(path, me)
    assert "No space left" in found.seen
    assert not list(path.rglob(marker.NAME.pattern))


def test_an_account_that_may_write_owns_what_it_wrote_and_leaves_nothing(open_dir: Path, other: Account) -> None:
    os.chown(open_dir, other.uid, other.gid)
    assert worst(storage.owner(open_dir, other)) == "ok"
    assert list(open_dir.iterdir()) == []


def test_an_account_that_may_not_write_is_a_problem_even_when_root_could(open_dir: Path, other: Account) -> None:
    (found,) = storage.owner(open_dir, other)
    assert found.severity == "problem"
    assert "Permission denied" in found.seen
    assert f"uid {other.uid}" in found.seen
    assert list(open_dir.iterdir()) == []


def test_a_foreign_group_is_a_warning(open_dir: Path, other: Account) -> None:
    os.chown(open_dir, other.uid, 0)
    open_dir.chmod(0o2775)
    assert worst(storage.owner(open_dir, other)) == "warning"


def test_a_marker_left_by_a_doctor_that_was_killed_is_removed_by_the_next(open_dir: Path, me: Account) -> None:
    left = "marker-" + "0" * 32
    marker.write(str(open_dir), left)
    path = open_dir / marker.DIRECTORY / left
    os.utime(path, (1, 1))
    keep = open_dir / marker.DIRECTORY / "something-else"
    keep.touch()
    os.utime(keep, (1, 1))
    assert worst(storage.owner(open_dir, me)) == "ok"
    assert not path.exists()
    assert keep.exists()


@pytest.mark.parametrize("verb", ["write", "look", "remove"])
def test_a_marker_has_a_name_of_one_form_only(open_dir: Path, me: Account, verb: str) -> None:
    answer = storage.marker_as(me, verb, open_dir, "../evil")
    assert "hex digits" in str(answer["error"])
