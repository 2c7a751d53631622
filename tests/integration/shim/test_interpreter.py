"""The way back when the interpreter itself is missing or broken: the executable's first part finds out."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scaleplex.shim.stub import TRIAL_ARGUMENT
from tests.integration.shim.fakes import (
    ARGS,
    LOCAL_ARGS,
    PYTHON,
    REPOSITORY,
    TOKEN,
    Host,
    Server,
    exit_frame,
    place,
    spawned,
    stream,
)

ENVIRONMENT = {"X_PLEX_TOKEN": TOKEN, "LD_LIBRARY_PATH": "/usr/lib/plexmediaserver/lib", "PWD": "/stale", "LC_ALL": "C"}
# Bytes that mean something inside dash, words that mean something to a shell, and nothing at all.
ODD_ARGS = [b"-i", bytes(range(0x80, 0x100)), b"", b"$(kill -9 $$)", b"`x`", b"a'b\"c\\d", b"*", b"new\nline", b"-x"]

Serve = Callable[..., Server]


class Interpreter:
    """A python3 of its own below a directory: the system's binary, its library by links."""

    def __init__(self, base: Path) -> None:
        binary = Path(PYTHON).resolve()
        self.program = base / "interpreter/bin/python3"
        self.library = base / "interpreter/lib" / binary.name
        self.program.parent.mkdir(parents=True)
        self.library.mkdir(parents=True)
        shutil.copy(binary, self.program)
        standard = Path(subprocess.check_output([PYTHON, "-IS", "-c", "import os; print(os.__file__)"], text=True))
        for entry in standard.parent.iterdir():
            (self.library / entry.name).symlink_to(entry)
        (self.library / "encodings").unlink()
        shutil.copytree(standard.parent / "encodings", self.library / "encodings")

    def script(self, text: str) -> None:
        """Put a program in the binary's place, as an upgrade does."""
        new = self.program.with_name("new")
        new.write_text(text)
        new.chmod(0o755)
        new.replace(self.program)

    def edit(self, change: Callable[[bytes], bytes]) -> None:
        """Put a changed binary in the binary's place."""
        new = self.program.with_name("new")
        new.write_bytes(change(self.program.read_bytes()))
        new.chmod(0o755)
        new.replace(self.program)


def without_a_library(binary: bytes) -> bytes:
    assert b"libz.so.1\0" in binary
    return binary.replace(b"libz.so.1\0", b"libZ.so.1\0")


def crashing(number: signal.Signals) -> Callable[[Interpreter], None]:
    return lambda interpreter: interpreter.script(f"#!/bin/sh\nkill -{int(number)} $$\n")


def leaving(code: int) -> Callable[[Interpreter], None]:
    return lambda interpreter: interpreter.script(f"#!/bin/sh\nexit {code}\n")


BREAKAGES: dict[str, Callable[[Interpreter], object]] = {
    "missing": lambda interpreter: interpreter.program.unlink(),
    "a link to nothing": lambda i: (i.program.unlink(), i.program.symlink_to("/nowhere/python3")),
    "a directory": lambda i: (i.program.unlink(), i.program.mkdir()),
    "not executable": lambda interpreter: interpreter.program.chmod(0o644),
    "empty": lambda interpreter: interpreter.edit(lambda binary: b""),
    "cut off": lambda interpreter: interpreter.edit(lambda binary: binary[:20000]),
    "for another machine": lambda i: i.edit(lambda binary: binary[:18] + b"\x28\0" + binary[20:]),
    "a shared library is gone": lambda interpreter: interpreter.edit(without_a_library),
    "encodings are gone": lambda interpreter: shutil.rmtree(interpreter.library / "encodings"),
    "killed by SIGSEGV": crashing(signal.SIGSEGV),
    "killed by SIGILL": crashing(signal.SIGILL),
    "killed by SIGKILL": crashing(signal.SIGKILL),
    "leaves with 127": leaving(127),
    "leaves with 126": leaving(126),
    "leaves with 0": leaving(0),
}


@pytest.fixture
def interpreter(host: Host) -> Interpreter:
    made = Interpreter(host.base)
    host.python = str(made.program)
    host.install()
    return made


def as_if_not_installed(host: Host, args: list[str] | list[bytes]) -> None:
    """Run the shim and assert that the real transcoder ran, and was given what PMS gave."""
    for path in host.record.iterdir():
        path.unlink()
    done = host.run(args, ENVIRONMENT)
    assert (done.code, done.stdout, done.stderr) == (7, b"the real transcoder\n", b"its stderr\n")
    assert host.real_argv() == [os.fsencode(arg) for arg in args]
    assert host.real_environment() == {**ENVIRONMENT, "SCALEPLEX_SHIM_GUARD": "1"}
    assert (host.record / "cwd").read_text() == f"{host.session_dir}\n"
    status = (host.record / "status").read_text().splitlines()
    assert [line.split()[1] for line in status if line.startswith("SigIgn:")] == ["0000000000000000"]


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_broken_interpreter_runs_the_real_transcoder(host: Host, interpreter: Interpreter, breakage: str) -> None:
    BREAKAGES[breakage](interpreter)
    as_if_not_installed(host, ODD_ARGS)
    (event,) = host.events()
    assert (event["event"], event["reason"]) == ("fallback", "cannot-start")
    assert str(interpreter.program) in event["detail"]
    assert (host.runtime / "events.jsonl").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_an_interpreter_that_breaks_later_is_noticed_and_its_repair_too(
    host: Host, serve: Serve, interpreter: Interpreter, breakage: str
) -> None:
    host.configure(orchestrators=serve(place(serve(stream(spawned(), exit_frame(3))).url)).url)
    assert host.run(environment=ENVIRONMENT).code == 3
    kept = interpreter.program.with_name("kept")
    shutil.copy(interpreter.program, kept)
    BREAKAGES[breakage](interpreter)
    as_if_not_installed(host, ARGS)
    as_if_not_installed(host, ARGS)
    if interpreter.program.is_dir():
        interpreter.program.rmdir()
    kept.replace(interpreter.program)
    if not (interpreter.library / "encodings").exists():
        (interpreter.library / "encodings").symlink_to(Path(os.__file__).with_name("encodings"))
    if breakage != "encodings are gone":
        assert host.run(environment=ENVIRONMENT).code == 3


def test_an_interpreter_that_breaks_where_nobody_looks_costs_one_start(host: Host, interpreter: Interpreter) -> None:
    elsewhere = host.base / "elsewhere"
    elsewhere.write_text("exit 0\n")
    binary = interpreter.program.with_name("binary")
    shutil.copy(interpreter.program, binary)
    interpreter.script(f'#!/bin/sh\n. "{elsewhere}"\nexec "{binary}" "$@"\n')
    elsewhere.write_text("true\n")
    assert host.run(LOCAL_ARGS).code == 7
    elsewhere.write_text("kill -SEGV $$\n")
    assert host.run(LOCAL_ARGS).code == -signal.SIGSEGV
    as_if_not_installed(host, LOCAL_ARGS)
    as_if_not_installed(host, LOCAL_ARGS)
    elsewhere.write_text("true\n")
    host.events()
    assert host.run(LOCAL_ARGS).code == 7
    assert host.event_names()[-1] == ("local", "thumbnails")
    assert list((host.runtime / "shim/starting").iterdir()) == []


def test_a_sound_interpreter_is_tried_once_and_starts_leave_no_mark(host: Host) -> None:
    for _ in range(3):
        assert host.run(LOCAL_ARGS).code == 7
    trial = host.runtime / "shim/trial"
    first = trial.stat().st_mtime_ns
    watched = trial.read_text().rstrip("\n").split(":")
    assert {PYTHON, "/usr/bin", str(REPOSITORY), str(REPOSITORY / "scaleplex/shim")} <= set(watched)
    assert host.run(LOCAL_ARGS).code == 7
    assert trial.stat().st_mtime_ns == first
    assert sorted(path.name for path in (host.runtime / "shim").iterdir()) == ["starting", "trial"]
    assert list((host.runtime / "shim/starting").iterdir()) == []


def test_a_shim_that_was_killed_as_it_started_only_causes_a_trial(host: Host) -> None:
    assert host.run(LOCAL_ARGS).code == 7
    gone = subprocess.Popen(["true"])
    gone.wait()
    (host.runtime / "shim/starting" / str(gone.pid)).touch()
    (host.runtime / "shim/starting" / str(os.getpid())).touch()
    assert host.run(LOCAL_ARGS).code == 7
    assert host.event_names() == [("local", "thumbnails")] * 2


@pytest.mark.parametrize("content", ["", "\n", "no newline", ":::\n", "/nowhere\n", "\0\xff\n", "$(exit 9)\n"])
def test_whatever_stands_in_the_note_of_the_trial_the_shim_starts(host: Host, content: str) -> None:
    (host.runtime / "shim").mkdir()
    (host.runtime / "shim/trial").write_text(content, encoding="latin-1")
    assert host.run(LOCAL_ARGS).code == 7
    assert host.event_names() == [("local", "thumbnails")]


@pytest.mark.parametrize("what", ["missing", "a file", "shim is a file"])
def test_without_a_place_for_notes_every_start_is_a_trial(host: Host, what: str) -> None:
    runtime = host.base / "other"
    if what == "a file":
        runtime.touch()
    if what == "shim is a file":
        runtime.mkdir()
        (runtime / "shim").touch()
    text = host.shim.read_text().replace(f"runtime='{host.runtime}'", f"runtime='{runtime}'")
    host.executable(host.shim, text)
    done = host.run(LOCAL_ARGS)
    assert (done.code, done.stderr) == (7, b"its stderr\n")
    assert not runtime.exists() or what != "missing"


@pytest.mark.parametrize("broken", [False, True])
def test_closed_standard_files_and_a_directory_that_is_gone(host: Host, interpreter: Interpreter, broken: bool) -> None:
    if broken:
        interpreter.program.unlink()
    for command in ('exec <&- >&- 2>&-; exec "$@"', 'rmdir "$PWD"; exec "$@"', 'rmdir "$PWD" 2>&-; exec "$@" <&- >&-'):
        told = []
        for program in (host.real, host.shim):
            host.session_dir.mkdir(exist_ok=True)
            for path in host.record.iterdir():
                path.unlink()
            started = ["/bin/sh", "-c", command, "sh", program, *LOCAL_ARGS]
            done = subprocess.run(started, cwd=host.session_dir, capture_output=True)
            told.append((done.returncode, done.stdout, done.stderr))
            assert host.real_ran()
        assert told[1] == told[0]


def test_stdin_is_untouched_by_a_trial_and_by_the_way_back(host: Host, interpreter: Interpreter) -> None:
    for _ in range(2):
        command = [host.shim, *LOCAL_ARGS]
        assert subprocess.run(command, input=b"q\n", cwd=host.session_dir, capture_output=True, env={}).returncode == 7
        assert (host.record / "stdin").read_bytes() == b"q\n"
        interpreter.program.unlink(missing_ok=True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_reaches_the_real_transcoder_itself(
    host: Host, interpreter: Interpreter, number: signal.Signals
) -> None:
    interpreter.program.unlink()
    host.executable(host.real, "#!/bin/sh\necho running\nexec sleep 60\n")
    with host.started(LOCAL_ARGS) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        process.send_signal(number)
        assert process.wait(10) == -number


@pytest.mark.parametrize("copy", [False, True])
def test_the_way_back_does_not_run_in_circles(host: Host, interpreter: Interpreter, copy: bool) -> None:
    interpreter.program.unlink()
    host.real.unlink()
    if copy:
        shutil.copy(host.shim, host.real)
    else:
        host.real.hardlink_to(host.shim)
    done = host.run(LOCAL_ARGS)
    assert done.code == 75
    assert done.stderr.count(b"\n") == 1
    assert b"is the shim itself" in done.stderr


def test_what_a_broken_interpreter_says_cannot_break_the_log_of_events(host: Host, interpreter: Interpreter) -> None:
    interpreter.script("#!/bin/sh\nprintf 'a \"quote\\\\ \\001 and\\n\\377 more%0600d' 1\nexit 1\n")
    for _ in range(2):
        as_if_not_installed(host, LOCAL_ARGS)
    assert len(host.events()) == 2
    assert all(len(event["detail"]) < 500 for event in host.events())


def test_the_log_of_events_stays_bounded_without_an_interpreter(host: Host, interpreter: Interpreter) -> None:
    interpreter.program.unlink()
    log = host.runtime / "events.jsonl"
    log.touch()
    os.truncate(log, 8 << 20)
    as_if_not_installed(host, LOCAL_ARGS)
    assert log.stat().st_size == 8 << 20


def test_the_first_part_is_clean_for_shellcheck(host: Host) -> None:
    program = shutil.which("shellcheck")
    if program is None:
        pytest.skip("no shellcheck on this machine")
    text = host.shim.read_text()
    shell = text[text.index("python=") : text.rindex("'''")]
    done = subprocess.run([program, "-s", "dash", "-"], input=shell, capture_output=True, text=True)
    assert done.stdout == ""


def test_a_trial_says_what_it_loaded_from(host: Host) -> None:
    done = host.run([TRIAL_ARGUMENT])
    assert done.code == 0
    paths = done.stdout.decode().rstrip("\n").split(":")
    assert all(path.startswith("/") and os.path.exists(path) for path in paths)
    assert json.dumps(paths).count("encodings") == 1
