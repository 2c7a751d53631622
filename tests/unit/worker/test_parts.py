"""Smaller parts: the worker's own options, settings, pid files, the warm-up's reading, staged files."""

import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from scaleplex.common.config import load
from scaleplex.common.errors import ConfigError
from scaleplex.worker import command, process, warmup
from scaleplex.worker.config import PREFIX, WorkerConfig
from scaleplex.worker.confine import Grants, Launcher
from scaleplex.worker.leftovers import PidFiles, start_ticks
from scaleplex.worker.policy.options import LIBRARY_FORMATS
from scaleplex.worker.runner import count_segments
from scaleplex.worker.warmup import Codecs, NotReady, check, read_names


def test_the_workers_options_stand_in_front_and_inputs_open_files_only() -> None:
    words = command.for_worker(["-ss", "5", "-i", "a.mkv", "-i", "temp-0.srt", "-y", "-f", "dash", "dash"], 7)
    limits = ["-protocol_whitelist", "file", "-format_whitelist", ",".join(LIBRARY_FORMATS)]
    assert words == [
        "-hide_banner", "-nostdin", "-nostats", "-progress", "pipe:7", "-stats_period", "0.5",
        "-progress_timestamps", "1", "-throttle_signals", "1",
        "-ss", "5", *limits, "-i", "a.mkv", *limits, "-i", "temp-0.srt", "-y", "-f", "dash", "dash",
    ]  # fmt: skip


def test_silence_is_what_plexs_last_loglevel_says() -> None:
    assert command.asks_for_silence(["-loglevel", "quiet", "-i", "x", "y"])
    assert command.asks_for_silence(["-loglevel", "info", "-v", "quiet", "-i", "x", "y"])
    assert not command.asks_for_silence(["-loglevel", "error", "-i", "x", "y"])
    assert not command.asks_for_silence(["-i", "x", "y"])


def settings(**values: str) -> WorkerConfig:
    return load(WorkerConfig, PREFIX, {PREFIX + name: value for name, value in values.items()})


def test_a_worker_runs_with_no_setting_at_all() -> None:
    config = settings()
    config.check()
    assert (config.bind, config.max_sessions, config.backend) == ("127.0.0.1:32481", 4, "auto")
    assert config.threads > config.max_sessions
    assert config.name


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("BACKEND", "qsv", "BACKEND='qsv' must be one of"),
        ("DEVICE", "/dev/sda", "a render node like /dev/dri/renderD128"),
        ("POLICY", "never", "POLICY='never' must be one of"),
        ("TONEMAP", "bt2390", "TONEMAP='bt2390' must be one of"),
    ],
)
def test_a_setting_nobody_knows_is_refused_in_a_sentence(name: str, value: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        settings(**{name: value})


@pytest.mark.parametrize("device", ["", "0", "/dev/dri/renderD129"])
def test_a_device_is_a_render_node_or_an_index(device: str) -> None:
    assert settings(DEVICE=device).device == device


def test_push_registration_needs_the_workers_own_url() -> None:
    with pytest.raises(ConfigError, match="ADVERTISE_URL"):
        settings(ORCHESTRATORS="http://10.0.0.1:32480").check()
    settings(ORCHESTRATORS="http://10.0.0.1:32480", ADVERTISE_URL="http://10.0.0.2:32481").check()


def test_roots_are_lists_of_absolute_paths() -> None:
    assert settings(MEDIA_ROOTS="/media, /mnt/films").media_roots == (Path("/media"), Path("/mnt/films"))
    with pytest.raises(ConfigError, match="absolute path"):
        settings(MEDIA_ROOTS="media")


def test_a_process_is_known_by_its_start_and_a_dead_one_is_not() -> None:
    child = subprocess.Popen(["sleep", "30"])
    ticks = start_ticks(child.pid)
    assert ticks is not None
    assert ticks == start_ticks(child.pid)
    child.kill()
    child.wait()
    assert start_ticks(child.pid) is None


def test_a_pid_file_comes_and_goes_with_its_task(tmp_path: Path) -> None:
    files = PidFiles.below(tmp_path / "state")
    files.write("job", 1, os.getpid(), "/nowhere")
    assert [path.name for path in files.directory.iterdir()] == ["job.1.json"]
    files.remove("job", 1)
    files.remove("job", 1)
    assert list(files.directory.iterdir()) == []


def test_what_belongs_to_a_worker_that_still_runs_is_no_leftover(tmp_path: Path) -> None:
    files = PidFiles.below(tmp_path)
    child = subprocess.Popen(["sleep", "30"], start_new_session=True)
    try:
        files.write("job", 1, child.pid, "/nowhere")
        assert files.clear() == []
        assert child.poll() is None
        path = files.directory / "job.1.json"
        path.write_text(path.read_text().replace('"owner_ticks": ', '"owner_ticks": 1'))
        assert files.clear() == ["/nowhere"]
        assert child.wait(5) == -9
        assert not path.exists()
    finally:
        child.kill()
        child.wait()


def test_segments_are_counted_without_headers_and_staged_files(tmp_path: Path) -> None:
    for name in ("chunk-stream0-00001.m4s", "media-00001.ts", "init-stream0.m4s", "chunk-stream0-00002.m4s.tmp"):
        (tmp_path / name).touch()
    assert count_segments(str(tmp_path)) == 2
    assert count_segments(str(tmp_path / "gone")) is None


def test_codec_names_are_read_from_ffmpegs_list() -> None:
    text = " V..... = Video\n ------\n V....D libx264   H.264\n A....D aac   AAC\n S..... ass   ASS\n"
    assert read_names(text) == ("aac", "libx264")
    assert Codecs().encoders == ()


def test_the_warm_up_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="nothing-here"):
        check(settings(FFMPEG="/nothing-here/ffmpeg"))
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    here = {"FFMPEG": str(program), "FFPROBE": str(program)}
    with pytest.raises(NotReady, match="Mount PMS's transcode directory"):
        check(settings(**here, TRANSCODE_ROOT=str(tmp_path / "gone")))
    with pytest.raises(NotReady, match="left with status 3"):
        check(settings(**here, TRANSCODE_ROOT=str(tmp_path)))


def test_a_program_that_cannot_be_started_leaves_no_descriptor_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="gone"):
        process.spawn(
            Path("/bin/true"),
            [],
            cwd=str(tmp_path / "gone"),
            env={},
            pipe=process.progress_pipe(),
            home=tmp_path,
            launcher=Launcher(),
            grants=Grants(),
        )
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_child_leads_its_own_session_and_dies_with_its_group(tmp_path: Path) -> None:
    child = process.spawn(
        Path("/bin/sh"),
        ["-c", "sleep 60 & wait"],
        cwd=str(tmp_path),
        env={},
        pipe=process.progress_pipe(),
        home=tmp_path,
        launcher=Launcher(),
        grants=Grants(),
    )
    assert os.getsid(child.pid) == child.pid
    ended = child.kill_and_wait(5)
    assert ended == process.Ended(None, 9)
    child.signal_group(15)
    child.close()


FAKE_FFMPEG = """#!/bin/sh
case "$*" in *"-h full"*) echo "{options}" ;; esac
exit 0
"""


def fake_ffmpeg(path: Path, *without: str) -> None:
    options = " ".join(f"-{name} x" for name in warmup.PRIVATE_OPTIONS if name not in without)
    path.write_text(FAKE_FFMPEG.format(options=options))
    path.chmod(0o755)


@pytest.mark.parametrize("option", ["throttle_signals", "progress_timestamps", "manifest_name", "skip_to_segment"])
def test_an_ffmpeg_that_lacks_a_patch_does_not_pass_the_warm_up(tmp_path: Path, option: str) -> None:
    program = tmp_path / "ffmpeg"
    here = settings(FFMPEG=str(program), FFPROBE=str(program), TRANSCODE_ROOT=str(tmp_path), BACKEND="sw")
    fake_ffmpeg(program)
    check(here)
    fake_ffmpeg(program, option)
    with pytest.raises(NotReady, match=f"has no -{option}: it is not scaleplex-ffmpeg"):
        check(here)


def test_a_warm_up_that_fails_is_tried_again_until_it_passes(tmp_path: Path) -> None:
    program, root = tmp_path / "ffmpeg", tmp_path / "transcode"
    fake_ffmpeg(program)
    here = settings(FFMPEG=str(program), FFPROBE=str(program), TRANSCODE_ROOT=str(root), BACKEND="sw")
    problems: list[str] = []
    failed, found = threading.Event(), threading.Event()

    def note(problem: str) -> None:
        problems.append(problem)
        failed.set()

    trying = warmup.WarmUp(here, note, lambda equipment: found.set(), retry_seconds=0.01)
    trying.start()
    assert failed.wait(20)
    assert trying.problem == problems[0]
    root.mkdir()
    assert found.wait(20)
    trying.stop()
    assert len(problems) == 1
    assert warmup.RETRY_SECONDS == 15.0  # the pages promise it


def test_a_pid_file_of_another_boot_names_nobody(tmp_path: Path) -> None:
    files = PidFiles.below(tmp_path)
    child = subprocess.Popen(["sleep", "30"], start_new_session=True)
    try:
        files.write("job", 1, child.pid, "/nowhere")
        path = files.directory / "job.1.json"
        content = json.loads(path.read_text())
        path.write_text(json.dumps(content | {"boot": "another", "owner_ticks": 1}))
        assert files.clear() == []
        assert child.poll() is None
        assert not path.exists()
    finally:
        child.kill()
        child.wait()


def test_what_a_child_writes_can_be_read_by_plex_under_another_name(tmp_path: Path) -> None:
    child = process.spawn(
        Path("/bin/sh"),
        ["-c", "touch segment; mkdir directory"],
        cwd=str(tmp_path),
        env={},
        pipe=process.progress_pipe(),
        home=tmp_path,
        launcher=Launcher(),
        grants=Grants(),
    )
    child._process.wait(30)
    child.close()
    assert (tmp_path / "segment").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "directory").stat().st_mode & 0o777 == 0o755
