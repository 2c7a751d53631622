"""The box our package starts ffmpeg in: what is not granted cannot be opened, and the program dies with its parent."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.ffmpeg.programs import QUIET

PYTHON = os.path.realpath(sys.executable)
RUN = ("--run", "/usr", "--run", "/bin", "--run", "/lib", "--run", "/lib64", "--run", sys.base_prefix)
SYSTEM = (*RUN, "--read", "/etc/ld.so.cache", "--read", "/proc/self", "--device", "/dev/null", "--read", "/dev/urandom")


@pytest.fixture(scope="session")
def confine(ffmpeg: Path) -> Path:
    program = ffmpeg.resolve().with_name("confine")
    assert program.exists(), "the package has no confine"
    return program


@pytest.fixture
def version(confine: Path) -> int:
    """Return which Landlock the kernel has; without any there is nothing to try."""
    found = int(subprocess.run([confine, "--abi"], capture_output=True, text=True, check=True).stdout)
    if not found:
        pytest.skip("this kernel has no Landlock")
    return found


def python(confine: Path, code: str, *rules: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the box."""
    words = [confine, *SYSTEM, *rules, "--", PYTHON, "-ISc", code]
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)


def said(confine: Path, code: str, *rules: str) -> str:
    """Return what a piece of code prints, or the name of what it raises."""
    wrapped = f"try:\n print({code})\nexcept OSError as e:\n print(type(e).__name__)"
    done = python(confine, wrapped, *rules)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def rooms(tmp_path: Path) -> Path:
    """Two directories with a file each."""
    for name in ("films", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    return tmp_path


@pytest.mark.usefixtures("version")
def test_a_granted_directory_is_read_and_another_is_not(confine: Path, rooms: Path) -> None:
    grant = ("--read", str(rooms / "films"))
    assert said(confine, f"open({str(rooms / 'films/file')!r}).read()", *grant) == "films"
    assert said(confine, f"open({str(rooms / 'other/file')!r}).read()", *grant) == "PermissionError"
    assert said(confine, f"open({str(rooms / 'films/file')!r}, 'a')", *grant) == "PermissionError"
    assert said(confine, f"__import__('os').listdir({str(rooms)!r})", *grant) == "PermissionError"


@pytest.mark.usefixtures("version")
def test_a_link_leads_nowhere_that_is_not_granted(confine: Path, rooms: Path) -> None:
    (rooms / "films/link").symlink_to(rooms / "other/file")
    assert (
        said(confine, f"open({str(rooms / 'films/link')!r}).read()", "--read", str(rooms / "films"))
        == "PermissionError"
    )
    here = ("--read", str(rooms / "other"))
    assert said(confine, f"open({str(rooms / 'films/link')!r}).read()", *here) == "other"


def test_a_writable_directory_takes_what_a_muxer_does(confine: Path, rooms: Path, version: int) -> None:
    code = f"""
import os
os.chdir({str(rooms / "films")!r})
open('a.tmp', 'w').write('x')
os.rename('a.tmp', 'a')
open('a', 'r+').truncate(0)
os.mkdir('d')
{"os.rename('a', 'd/a')" if version >= 2 else "os.mkdir('d/x')"}
os.unlink('file')
"""
    done = python(confine, code, "--write", str(rooms / "films"))
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(rooms / "films")) == (["d"] if version >= 2 else ["a", "d"])
    for what in ("os.mkfifo('f')", "os.symlink('/etc/passwd', 's')", "os.link('file', '../films/l')"):
        done = python(
            confine, f"import os; os.chdir({str(rooms / 'other')!r}); {what}", "--write", str(rooms / "other")
        )
        assert "PermissionError" in done.stderr, what


@pytest.mark.usefixtures("version")
def test_what_is_not_there_is_left_out(confine: Path, rooms: Path) -> None:
    words = ("--read", "/no/such/place", "--device", "/dev/none", "--write", "/none")
    assert said(confine, "1", *words) == "1"


@pytest.fixture
def listening() -> Iterator[int]:
    """Return the port of a server that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_only_the_granted_port_is_connected_to(confine: Path, listening: int, version: int) -> None:
    if version < 4:
        pytest.skip("this kernel's Landlock has no rules for TCP")
    code = f"__import__('socket').create_connection(('127.0.0.1', {listening}), 5).close()"
    assert said(confine, code, "--connect", str(listening)) == "None"
    assert said(confine, code) == "PermissionError"
    assert said(confine, code, "--connect", str(listening ^ 1)) == "PermissionError"
    assert said(confine, "__import__('socket').create_server(('127.0.0.1', 0))") == "PermissionError"


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize("what", ["environ", "mem", "maps", "cwd/file", "root/etc/hostname", "fd/0"])
def test_another_process_of_the_same_account_shows_nothing(confine: Path, rooms: Path, what: str) -> None:
    with subprocess.Popen(
        ["sleep", "60"], env={"SECRET": "5ecret"}, cwd=rooms / "other", stdin=subprocess.PIPE
    ) as other:
        try:
            assert said(confine, f"open('/proc/{other.pid}/{what}', 'rb').read(1)") == "PermissionError"
        finally:
            other.kill()


def test_another_process_gets_no_signal(confine: Path, version: int) -> None:
    if version < 6:
        pytest.skip("this kernel's Landlock has no rules for signals")
    with subprocess.Popen(["sleep", "60"]) as other:
        try:
            assert said(confine, f"__import__('os').kill({other.pid}, 9)") == "PermissionError"
            assert other.poll() is None
        finally:
            other.kill()


def test_no_privilege_can_be_gained(confine: Path) -> None:
    status = said(confine, "[l for l in open('/proc/self/status') if l.startswith('NoNewPrivs')][0].split()[1]")
    assert status == "1"


def test_the_program_is_killed_with_the_thread_that_started_it(confine: Path) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        words = [confine, *RUN, "--", "/bin/sh", "-c", "echo here; exec sleep 60"]
        started.append(subprocess.Popen(words, stdout=subprocess.PIPE))
        assert started[0].stdout is not None
        started[0].stdout.readline()  # by now it is the program, and has asked to be killed

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    with started[0] as program:
        assert program.wait(30) == -signal.SIGKILL


def test_a_program_whose_parent_is_already_gone_is_not_started(confine: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    words = [str(confine), "--parent", "1", *RUN, "--write", str(tmp_path), "--", "/usr/bin/touch", str(mark)]
    assert subprocess.run(words, check=False).returncode == 125
    assert not mark.exists()
    words[2] = str(os.getpid())
    assert subprocess.run(words, check=False).returncode == 0
    assert mark.exists()


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--read", "/"], 125, "not understood"),
        (["--red", "/", "--", "/bin/true"], 125, "not understood"),
        (["--"], 125, "not understood"),
        ([], 125, "not understood"),
        (["--connect", "http", "--", "/bin/true"], 125, "no port"),
        (["--connect", "70000", "--", "/bin/true"], 125, "no port"),
        (["--", "/no/such/program"], 126, "cannot start"),
    ],
)
@pytest.mark.usefixtures("version")
def test_what_is_not_understood_starts_nothing(confine: Path, words: Sequence[str], code: int, text: str) -> None:
    done = subprocess.run([confine, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, text in done.stderr) == (code, True), done.stderr


@pytest.mark.usefixtures("version")
def test_ffmpeg_makes_segments_in_the_box(confine: Path, ffmpeg: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    rules = (
        *SYSTEM,
        "--run",
        str(ffmpeg.resolve().parent),
        "--read",
        str(clip.parent),
        "--write",
        str(out),
        "--read",
        "/sys",
    )
    words = [
        "-i",
        str(clip),
        "-t",
        "3",
        "-map",
        "0:v",
        "-c",
        "copy",
        "-f",
        "ssegment",
        "-segment_time",
        "1",
        "m-%03d.ts",
    ]
    done = subprocess.run(
        [confine, *rules, "--", ffmpeg, *QUIET, *words], cwd=out, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(os.listdir(out)) >= 3
    stolen = [confine, *rules, "--", ffmpeg, *QUIET, "-i", str(tmp_path / "other.mkv"), "-f", "null", "-"]
    (tmp_path / "other.mkv").write_bytes(clip.read_bytes())
    done = subprocess.run(stolen, cwd=out, capture_output=True, text=True, check=False)
    assert "Permission denied" in done.stderr
