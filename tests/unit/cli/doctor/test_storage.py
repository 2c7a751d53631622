from pathlib import Path

import pytest

from scaleplex.cli.doctor import mounts, storage
from scaleplex.cli.doctor.accounts import Account
from scaleplex.cli.doctor.findings import Finding, worst

PLEX = Account("plex", 997, 996)
GOOD = "rw,vers=4.2,rsize=1048576,acregmin=1,acregmax=1,acdirmin=1,acdirmax=1,hard,proto=tcp,lookupcache=pos"
ROOT = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw"


def mounted(options: str, own: str = "rw,nosuid", path: str = "/transcode") -> list[mounts.Mount]:
    return mounts.parse(f"{ROOT}\n40 22 0:45 / {path} {own} shared:2 - nfs4 nas:/export {options}\n")


def options(text: str, own: str = "rw,nosuid") -> list[Finding]:
    return storage.transcode_options(Path("/transcode"), mounted(text, own))


def test_a_line_of_mountinfo_is_read_whatever_its_optional_fields_and_escapes() -> None:
    text = (
        "36 35 98:0 /mnt1 /my\\040films rw,noatime master:1 propagate_from:2 - nfs4 nas:/a\\040b rw,vers=4.1\nnonsense"
    )
    (mount,) = mounts.parse(text)
    assert (mount.point, mount.kind, mount.source) == ("/my films", "nfs4", "nas:/a b")
    assert mount.options["vers"] == "4.1"
    assert mount.nfs
    assert mount.network
    assert not mount.read_only


def test_the_longest_and_last_mount_covers_a_path() -> None:
    text = (
        f"{ROOT}\n40 22 0:45 / /t rw - nfs4 a:/ rw\n41 22 0:46 / /t rw - nfs4 b:/ rw\n42 22 0:47 / /tt rw - nfs4 c:/ rw"
    )
    found = mounts.parse(text)
    sources = {path: mounts.covering(found, path).source for path in ("/t", "/t/x", "/tt", "/ttt", "/")}  # type: ignore[union-attr]
    assert sources == {"/t": "b:/", "/t/x": "b:/", "/tt": "c:/", "/ttt": "/dev/sda1", "/": "/dev/sda1"}


def test_the_recommended_options_need_nothing() -> None:
    (found,) = options(GOOD)
    assert found.severity == "ok"


@pytest.mark.parametrize(
    ("text", "severity", "says"),
    [
        (GOOD.replace("hard", "soft"), "problem", "hard"),
        (GOOD.replace("hard", "softerr"), "problem", "hard"),
        (GOOD.replace(",lookupcache=pos", ""), "problem", "lookupcache=positive"),
        (GOOD.replace("acdirmin=1,", ""), "warning", "actimeo=1"),
        (GOOD.replace("vers=4.2", "vers=3"), "warning", "vers=4.2"),
        (GOOD.replace("vers=4.2", "vers=4.0"), "warning", "vers=4.2"),
        (GOOD.replace("rw,", "ro,"), "problem", "read-write"),
    ],
)
def test_each_option_that_hurts_is_named_with_its_fix(text: str, severity: str, says: str) -> None:
    (found,) = options(text)
    assert found.severity == severity
    assert says in found.fix


def test_a_mount_that_is_read_only_here_is_so_whatever_the_server_allows() -> None:
    assert [finding.severity for finding in options(GOOD, own="ro,nosuid")] == ["problem"]


def test_no_attribute_cache_at_all_is_right_too() -> None:
    (found,) = options("rw,vers=4.2,hard,noac,sync")
    assert found.severity == "ok"


def test_a_local_disk_has_no_network_options() -> None:
    assert worst(storage.transcode_options(Path("/transcode"), mounts.parse(ROOT))) == "ok"
    (found,) = storage.transcode_options(Path("/transcode"), mounts.parse(ROOT.replace("rw,relatime", "ro")))
    assert found.severity == "problem"


def test_a_media_mount_may_be_read_only_and_cached_but_not_soft() -> None:
    path = [Path("/media")]
    assert worst(storage.media_options(path, mounted("ro,vers=4.2,hard", "ro", "/media"))) == "ok"
    assert worst(storage.media_options(path, mounted("ro,vers=4.2,soft", "ro", "/media"))) == "problem"


@pytest.mark.parametrize(
    ("uid", "gid", "severity"),
    [
        (997, 996, "ok"),
        (997, 100, "warning"),
        (1000, 996, "problem"),
        (65534, 65534, "problem"),
        (4294967294, 0, "problem"),
    ],
)
def test_the_owner_of_a_fresh_file_tells_how_uids_are_mapped(uid: int, gid: int, severity: str) -> None:
    found = storage.judge_owner({"uid": uid, "gid": gid}, PLEX, Path("/transcode"))
    assert worst(found) == severity
    if uid in storage.NOBODY:
        assert "idmapping" in found[0].fix


def test_a_server_that_maps_every_account_to_the_directorys_owner_is_as_good_as_equal_uids(tmp_path: Path) -> None:
    mine = tmp_path.stat()
    worker = Account("scaleplex-worker", mine.st_uid + 1, mine.st_gid + 1)
    assert worst(storage.judge_owner({"uid": mine.st_uid, "gid": mine.st_gid}, worker, tmp_path)) == "ok"
    found = storage.judge_owner({"uid": mine.st_uid + 2, "gid": mine.st_gid}, worker, tmp_path)
    assert worst(found) == "problem"
    assert "all_squash" in found[0].fix
