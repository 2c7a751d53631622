"""A worker's host: ffmpeg, its package, GPU nodes and the state directory, as real files, programs and devices."""

import grp
import os
import stat
from pathlib import Path

import pytest

from scaleplex.cli.doctor import ffmpeg, gpu
from scaleplex.cli.doctor.accounts import Account, Login
from scaleplex.cli.doctor.findings import Finding, Skip, worst
from scaleplex.worker.warmup import PRIVATE_OPTIONS
from tests.integration.doctor.plex import PlexHost
from tests.integration.worker.conftest import real_ffmpeg

OURS = Path("/usr/lib/scaleplex-ffmpeg/ffmpeg")
HELP = "".join(f"  -{name} <int> E..V... text\n" for name in PRIVATE_OPTIONS)


def only(found: list[Finding]) -> Finding:
    (finding,) = found
    return finding


def program(directory: Path, script: str, name: str = "ffmpeg") -> Path:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_our_own_ffmpeg_runs_has_our_patches_and_encodes(me: Account) -> None:
    path = real_ffmpeg()
    if path is None:
        pytest.skip("scaleplex-ffmpeg is not built here; set SCALEPLEX_FFMPEG")
    assert worst(ffmpeg.runs(path, path.with_name("ffprobe"), me)) == "ok"
    assert worst(ffmpeg.patches(path, me)) == "ok"
    assert worst(ffmpeg.encode(path, "auto", me)) == "ok"


def test_a_package_that_is_not_installed_or_was_changed_is_a_problem(plex: PlexHost) -> None:
    assert "not installed" in only(ffmpeg.package(OURS, plex.root)).seen
    plex.install_plex("7.1.5-1", ffmpeg.PACKAGE, "usr/lib/scaleplex-ffmpeg/ffmpeg")
    assert only(ffmpeg.package(OURS, plex.root)).severity == "ok"
    (plex.root / "usr/lib/scaleplex-ffmpeg/ffmpeg").write_text("changed")
    assert "reinstall" in only(ffmpeg.package(OURS, plex.root)).fix


def test_an_ffmpeg_from_elsewhere_is_a_warning(open_dir: Path) -> None:
    assert only(ffmpeg.package(open_dir / "ffmpeg", Path("/"))).severity == "warning"


@pytest.mark.parametrize(
    ("script", "severity"),
    [
        ("echo ffmpeg version 7.1.5 Copyright", "ok"),
        ("echo ffmpeg version n7.1.5-1 Copyright", "ok"),
        ("echo ffmpeg version 5.1.9-0+deb12u1 Copyright", "problem"),
        ("echo something else", "problem"),
        ("echo libx265.so.199: cannot open shared object file >&2; exit 127", "problem"),
    ],
)
def test_an_ffmpeg_of_another_version_or_that_does_not_start_is_a_problem(
    open_dir: Path, me: Account, script: str, severity: str
) -> None:
    path = program(open_dir, script)
    assert worst(ffmpeg.runs(path, path, me)) == severity


def test_an_absent_ffmpeg_is_a_problem_with_the_package_as_its_fix(open_dir: Path, me: Account) -> None:
    found = ffmpeg.runs(open_dir / "ffmpeg", open_dir / "ffprobe", me)
    assert [finding.severity for finding in found] == ["problem", "problem"]
    assert ffmpeg.PACKAGE in found[0].fix
    with pytest.raises(Skip):
        ffmpeg.patches(open_dir / "ffmpeg", me)


def test_an_ffmpeg_only_root_can_run_is_a_problem(open_dir: Path, other: Account) -> None:
    path = program(open_dir, "echo ffmpeg version 7.1.5")
    path.chmod(0o700)
    assert worst(ffmpeg.runs(path, path, other)) == "problem"


def test_a_stock_build_lacks_our_options(open_dir: Path, me: Account) -> None:
    (open_dir / "help").write_text(HELP)
    assert only(ffmpeg.patches(program(open_dir, f"cat {open_dir}/help"), me)).severity == "ok"
    (open_dir / "help").write_text(HELP.replace("manifest_name", "other"))
    finding = only(ffmpeg.patches(program(open_dir, f"cat {open_dir}/help"), me))
    assert finding.severity == "problem"
    assert "-manifest_name" in finding.seen


def test_an_encode_that_fails_says_ffmpegs_last_words_and_the_command(open_dir: Path, me: Account) -> None:
    finding = only(ffmpeg.encode(program(open_dir, "echo Unknown encoder libx264 >&2; exit 1"), "sw", me))
    assert finding.severity == "problem"
    assert "Unknown encoder libx264" in finding.seen
    assert "-codec:v libx264" in finding.fix


def node(devices: Path, name: str, group: int, mode: int = 0o660) -> None:
    path = devices / name
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(226, 128))
    os.chown(path, 0, group)
    path.chmod(mode)


@pytest.mark.parametrize(
    ("backend", "mine", "severity"),
    [("vaapi", True, "ok"), ("vaapi", False, "problem"), ("sw", False, "warning"), ("auto", True, "ok")],
)
def test_a_render_node_must_be_open_to_the_workers_group(
    open_dir: Path, other: Account, backend: str, mine: bool, severity: str
) -> None:
    node(open_dir, "dri/renderD128", other.gid if mine else 0)
    finding = only(gpu.render_nodes(open_dir, backend, other))
    assert finding.severity == severity
    if not mine:
        assert "SupplementaryGroups=root" in finding.fix


@pytest.mark.parametrize(
    ("backend", "severity"), [("vaapi", "problem"), ("nvenc", "problem"), ("sw", "ok"), ("auto", "ok")]
)
def test_no_gpu_is_a_problem_only_where_one_is_required(
    open_dir: Path, me: Account, backend: str, severity: str
) -> None:
    assert worst(gpu.render_nodes(open_dir, backend, me)) == severity


def test_an_nvidia_card_needs_its_control_nodes_too(open_dir: Path, other: Account) -> None:
    node(open_dir, "nvidia0", other.gid)
    node(open_dir, "nvidiactl", other.gid)
    found = gpu.render_nodes(open_dir, "nvenc", other)
    assert [finding.severity for finding in found] == ["ok", "ok", "problem"]
    assert "nvidia-uvm" in found[2].seen


def test_a_plain_file_in_a_nodes_place_is_no_gpu(open_dir: Path, me: Account) -> None:
    (open_dir / "dri").mkdir()
    (open_dir / "dri/renderD128").touch()
    assert "no device" in only(gpu.render_nodes(open_dir, "vaapi", me)).seen


def test_the_state_directory_must_be_local_there_and_the_services_own(open_dir: Path, other: Account) -> None:
    state = open_dir / "state"
    assert worst(gpu.state_is_local(state, "nfs4", network=True)) == "problem"
    assert worst(gpu.state_is_local(state, "ext4", network=False)) == "ok"
    assert worst(gpu.state_is_writable(state, other)) == "problem"
    state.mkdir()
    assert worst(gpu.state_is_writable(state, other)) == "problem"
    os.chown(state, other.uid, other.gid)
    assert worst(gpu.state_is_writable(state, other)) == "ok"


def test_a_group_the_unit_adds_opens_a_node_its_user_alone_cannot_use(open_dir: Path, other: Account) -> None:
    node(open_dir, "dri/renderD128", grp.getgrnam("video").gr_gid)
    unit = Login(other.name, more_groups=("video",)).account()
    assert (unit.uid, unit.gid) == (other.uid, other.gid)
    assert worst(gpu.render_nodes(open_dir, "vaapi", other)) == "problem"
    assert worst(gpu.render_nodes(open_dir, "vaapi", unit)) == "ok"
    with pytest.raises(Skip, match="no-such-group"):
        Login(other.name, more_groups=("no-such-group",)).account()
