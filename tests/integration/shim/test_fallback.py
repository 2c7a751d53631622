"""The way back to the real transcoder, whatever is broken."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scaleplex.protocol import wire
from scaleplex.shim.stub import stub
from tests.integration.shim.fakes import (
    ARGS,
    LOCAL_ARGS,
    REPOSITORY,
    TOKEN,
    Host,
    Server,
    exit_frame,
    place,
    spawned,
    stream,
)

Serve = Callable[..., Server]


def test_with_everything_down_the_real_transcoder_runs_as_if_nothing_had_happened(host: Host, dead_url: str) -> None:
    host.configure(orchestrators=dead_url, workers_list=dead_url)
    environment = {
        "X_PLEX_TOKEN": TOKEN,
        "EAE_ROOT": "/tmp/gone",
        "FFMPEG_EXTERNAL_LIBS": r"/var/lib/plex\ media/Codecs/",
        "PWD": "/stale",
        "LC_CTYPE": "nonsense",
    }
    done = host.run(environment=environment)
    assert (done.code, done.stdout, done.stderr) == (7, b"the real transcoder\n", b"its stderr\n")
    assert host.real_argv() == [os.fsencode(a) for a in ARGS]
    assert host.real_environment() == {**environment, "SCALEPLEX_SHIM_GUARD": "1"}
    assert (host.record / "cwd").read_text() == f"{host.session_dir}\n"
    assert host.event_names() == [("refused", "unreachable"), ("fallback", "no-worker")]
    assert list((host.runtime / "jobs").iterdir()) == []


def test_an_empty_environment_stays_empty(host: Host) -> None:
    host.run(LOCAL_ARGS, {})
    assert host.real_environment() == {"SCALEPLEX_SHIM_GUARD": "1"}


def test_a_job_that_stays_asks_nobody(host: Host, serve: Serve) -> None:
    orchestrator = serve(place("http://127.0.0.1:1"))
    host.configure(orchestrators=orchestrator.url)
    assert host.run(LOCAL_ARGS).code == 7
    assert orchestrator.requests == []
    assert host.event_names() == [("local", "thumbnails")]


def test_stdin_is_left_for_the_real_transcoder(host: Host) -> None:
    process = subprocess.run([host.shim, *LOCAL_ARGS], input=b"q\n", cwd=host.session_dir, capture_output=True, env={})
    assert process.returncode == 7
    assert (host.record / "stdin").read_bytes() == b"q\n"


def test_the_real_transcoder_gets_the_signals_as_a_new_process_has_them(host: Host) -> None:
    host.run(LOCAL_ARGS)
    status = (host.record / "status").read_text()
    ignored = int(next(line for line in status.splitlines() if line.startswith("SigIgn:")).split()[1], 16)
    assert ignored == 0


def test_arguments_that_are_not_utf_8_reach_the_real_transcoder_unchanged(host: Host) -> None:
    args = [b"-i", b"/media/\xff\xc3\xa9.mkv", b"", b"-f", b"image2", b"thumb-%05d.jpeg"]
    for locale in ("C", "C.UTF-8", "de_DE.ISO-8859-1"):
        host.run(args, {"LC_ALL": locale})
        assert host.real_argv() == args


def test_a_hostile_library_path_kills_nothing_and_survives(host: Host, serve: Serve) -> None:
    hostile = host.base / "musl libs"
    hostile.mkdir()
    for name in ("libz.so.1", "libexpat.so.1", "libm.so.6", "libpython3.so"):
        (hostile / name).write_text("no library at all")
    environment = {"LD_LIBRARY_PATH": str(hostile)}
    host.configure(orchestrators=serve(place(serve(stream(spawned(), exit_frame(3))).url)).url)
    assert host.run(environment=environment).code == 3
    assert host.run(LOCAL_ARGS, environment).code == 7
    assert host.real_environment() == {**environment, "SCALEPLEX_SHIM_GUARD": "1"}


def test_hostile_python_variables_are_ignored(host: Host) -> None:
    environment = {"PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere", "PYTHONSTARTUP": "/nowhere"}
    assert host.run(LOCAL_ARGS, environment).code == 7
    assert host.real_environment() == {**environment, "SCALEPLEX_SHIM_GUARD": "1"}


def test_a_missing_library_runs_the_real_transcoder(host: Host) -> None:
    host.install(host.base / "nowhere")
    assert host.run(environment={"LD_LIBRARY_PATH": "/old"}).code == 7
    assert host.real_argv() == [os.fsencode(a) for a in ARGS]
    assert host.real_environment()["LD_LIBRARY_PATH"] == "/old"


def copied_library(host: Host) -> Path:
    library = host.base / "library"
    shutil.copytree(REPOSITORY / "scaleplex" / "shim", library / "scaleplex" / "shim")
    shutil.copytree(REPOSITORY / "scaleplex" / "protocol", library / "scaleplex" / "protocol")
    shutil.copy(REPOSITORY / "scaleplex" / "__init__.py", library / "scaleplex")
    host.install(library)
    return library / "scaleplex"


@pytest.mark.parametrize("proven", [False, True])  # the shim has started before, and knows the interpreter as sound
@pytest.mark.parametrize("module", ["protocol/wire.py", "shim/main.py", "shim/http.py"])
def test_a_library_that_does_not_compile_runs_the_real_transcoder(host: Host, module: str, proven: bool) -> None:
    broken = copied_library(host) / module
    if proven:
        assert host.run(LOCAL_ARGS).code == 7
        (host.record / "cmdline").unlink()
    broken.write_text("def broken(:\n")
    environment = {"LD_LIBRARY_PATH": "/old", "PWD": "/stale"}
    assert host.run(environment=environment).code == 7
    assert host.real_argv() == [os.fsencode(a) for a in ARGS]
    assert host.real_environment() == {**environment, "SCALEPLEX_SHIM_GUARD": "1"}


def test_a_fault_of_the_shim_before_anything_began_runs_the_real_transcoder(host: Host, dead_url: str) -> None:
    with (copied_library(host) / "shim" / "placement.py").open("a") as file:
        file.write("\ndef Search(*_):\n    raise RuntimeError('broken on purpose')\n")
    host.configure(orchestrators=dead_url)
    assert host.run().code == 7
    assert host.event_names() == [("fallback", "shim-fault")]


def test_a_fault_of_the_shim_with_the_fallback_off_runs_nothing(host: Host, dead_url: str) -> None:
    with (copied_library(host) / "shim" / "placement.py").open("a") as file:
        file.write("\ndef Search(*_):\n    raise RuntimeError('broken on purpose')\n")
    host.configure(orchestrators=dead_url, fallback="0")
    done = host.run()
    assert done.code == wire.EXIT_NO_WORKER
    assert b"broken on purpose" in done.stderr
    assert not host.real_ran()


def test_the_transcoder_of_the_settings_is_the_one_that_runs(host: Host, dead_url: str) -> None:
    elsewhere = host.base / "another place" / "transcoder"
    elsewhere.parent.mkdir()
    host.real.rename(elsewhere)
    host.configure(orchestrators=dead_url, transcoder=str(elsewhere))
    for args in (ARGS, LOCAL_ARGS):
        assert host.run(args).code == 7
        assert host.real_argv() == [os.fsencode(a) for a in args]


def test_a_fault_of_the_shim_after_ffmpeg_began_starts_no_second_writer(host: Host, serve: Serve) -> None:
    with (copied_library(host) / "shim" / "playback.py").open("a") as file:
        file.write("\ndef write_all(*_):\n    raise RuntimeError('broken on purpose')\n")
    worker = serve(stream(spawned(), (wire.STDOUT, b"x"), ending="silence"))
    host.configure(orchestrators=serve(place(worker.url)).url)
    assert host.run().code == wire.EXIT_LOST_WORKER
    assert not host.real_ran()


def test_missing_settings_run_the_real_transcoder(host: Host) -> None:
    (host.base / "shim.env").unlink()
    assert host.run().code == 7


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"orchestrators": "not-a-url"}, "not-configured"),
        ({"orchestrators": "http://127.0.0.1:1", "relay_url": ""}, "no-relay-url"),
        ({"orchestrators": "http://127.0.0.1:1", "secret_file": "/nowhere"}, "no-secret"),
        ({"orchestrators": "http://127.0.0.1:1", "secret_file": "/dev/null"}, "no-secret"),
    ],
)
def test_a_setting_that_is_needed_and_wrong_runs_the_real_transcoder_and_is_named(
    host: Host, settings: dict[str, str], reason: str
) -> None:
    host.configure(**settings)
    assert host.run().code == 7
    assert host.event_names() == [("fallback", reason)]


def test_without_a_runtime_directory_the_real_transcoder_runs(host: Host, dead_url: str) -> None:
    host.configure(orchestrators=dead_url, runtime_dir="/nowhere")
    assert host.run().code == 7


def test_with_the_fallback_off_nobody_runs_it_and_a_sentence_says_so(host: Host, dead_url: str) -> None:
    host.configure(orchestrators=dead_url, fallback="0")
    done = host.run()
    assert done.code == wire.EXIT_NO_WORKER
    assert not host.real_ran()
    assert b"no worker takes this job" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_with_the_fallback_off_local_jobs_still_run(host: Host) -> None:
    host.configure(fallback="0")
    assert host.run(LOCAL_ARGS).code == 7


def test_black_holed_hosts_delay_the_real_transcoder_by_a_bounded_time(host: Host) -> None:
    with socket.socket() as hole, socket.socket() as first, socket.socket() as second:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        address = hole.getsockname()
        for filler in (first, second):  # a full queue: the kernel answers no further SYN
            filler.setblocking(False)
            filler.connect_ex(address)
        urls = ",".join([f"http://127.0.0.1:{address[1]}"] * 20)
        host.configure(orchestrators=urls, workers_list=urls)
        done = host.run()
    assert done.code == 7
    assert done.seconds < 6  # 3 s by the shim's own clock; the rest is for a machine under load


def test_a_real_transcoder_that_is_the_shim_itself_is_not_run(host: Host) -> None:
    host.real.unlink()
    host.real.hardlink_to(host.shim)
    done = host.run(LOCAL_ARGS)
    assert done.code == 75
    assert done.stderr.count(b"\n") == 1
    assert b"is the shim itself" in done.stderr


def test_a_real_transcoder_that_is_a_copy_of_the_shim_is_run_once(host: Host) -> None:
    shutil.copy(host.shim, host.real)
    done = host.run(LOCAL_ARGS)
    assert done.code == 75
    assert b"a copy of it" in done.stderr


@pytest.mark.parametrize("copy", [False, True])
def test_the_last_resort_does_not_run_in_circles_either(host: Host, copy: bool) -> None:
    host.install(host.base / "nowhere")
    host.real.unlink()
    if copy:
        shutil.copy(host.shim, host.real)
    else:
        host.real.hardlink_to(host.shim)
    done = host.run(LOCAL_ARGS)
    assert done.code == 75
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("library", [REPOSITORY, Path("/nowhere")])
def test_a_missing_real_transcoder_is_a_sentence(host: Host, library: Path) -> None:
    host.install(library)
    host.real.unlink()
    done = host.run(LOCAL_ARGS)
    assert done.code == 75
    assert done.stderr.count(b"\n") == 1
    assert b"No such file or directory" in done.stderr


def test_a_working_directory_that_is_gone_runs_the_real_transcoder(host: Host, dead_url: str) -> None:
    host.configure(orchestrators=dead_url)
    command = 'rmdir "$PWD" && exec "$@"'
    process = subprocess.run(["/bin/sh", "-c", command, "sh", host.shim, *ARGS], cwd=host.session_dir, check=False)
    assert process.returncode == 7
    assert host.event_names() == [("fallback", "cwd-missing")]


def test_closed_standard_files_are_survived_and_stay_closed(host: Host, serve: Serve) -> None:
    worker = serve(stream(spawned(), (wire.STDOUT, b"into the void"), exit_frame(3)))
    host.configure(orchestrators=serve(place(worker.url)).url)
    command = 'exec <&- >&- 2>&-; exec "$@"'
    process = subprocess.run(["/bin/sh", "-c", command, "sh", host.shim, *ARGS], cwd=host.session_dir, check=False)
    assert process.returncode == 3
    subprocess.run(["/bin/sh", "-c", command, "sh", host.shim, *LOCAL_ARGS], cwd=host.session_dir, check=False)
    assert host.real_ran()


def test_a_script_found_through_the_path_knows_its_own_place(host: Host) -> None:
    environment = {"PATH": f"{host.shim.parent}:/usr/bin:/bin"}
    command = ["/bin/sh", "-c", 'exec "Plex Transcoder" "$@"', "sh", *LOCAL_ARGS]
    assert subprocess.run(command, cwd=host.session_dir, env=environment, check=False).returncode == 7


def test_the_stub_refuses_paths_it_could_not_keep(host: Host) -> None:
    for path in ("python3", "/opt/it's mine/python3", "/opt/a\\b", "/opt/a\nb", "/opt/@LIBRARY@"):
        for wrong in ({"python": path}, {"runtime_dir": path}, {"transcoder": path}):
            with pytest.raises(ValueError):
                stub("/usr/lib/scaleplex", "/etc/scaleplex/shim.env", **wrong)
