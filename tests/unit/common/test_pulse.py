"""What systemd hears of a service: real datagrams on a socket of the test."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaleplex.common import pulse
from scaleplex.common.pulse import FRESH_SECONDS, STATUS_MAX_BYTES, Herald, Pulse


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        yield listener


def heard(systemd: socket.socket) -> list[str]:
    lines: list[str] = []
    while True:
        try:
            lines += systemd.recv(4096).decode().split("\n")
        except BlockingIOError:
            return lines


def herald_of(beat: Pulse, systemd: socket.socket) -> Herald:
    return Herald(beat, systemd.getsockname())


def test_ready_is_said_once_and_only_when_the_service_is(systemd: socket.socket) -> None:
    beat = Pulse()
    herald = herald_of(beat, systemd)
    herald.pass_on(1000.0)
    assert heard(systemd) == []
    beat.ready()
    herald.pass_on(1001.0)
    herald.pass_on(1002.0)
    assert heard(systemd) == ["READY=1"]


def test_the_watchdog_is_fed_while_the_loop_turns_and_no_longer(systemd: socket.socket) -> None:
    beat = Pulse()
    herald = herald_of(beat, systemd)
    beat.beat(1000.0)
    herald.pass_on(1000.0 + FRESH_SECONDS)
    assert heard(systemd) == ["WATCHDOG=1"]
    herald.pass_on(1000.1 + FRESH_SECONDS)
    assert heard(systemd) == []


def test_the_sentence_why_it_is_not_ready_is_said_when_it_changes(systemd: socket.socket) -> None:
    beat = Pulse()
    herald = herald_of(beat, systemd)
    beat.say("not ready yet: /media is\nnot mounted")
    herald.pass_on(1000.0)
    herald.pass_on(1001.0)
    assert heard(systemd) == ["STATUS=not ready yet: /media is not mounted"]
    beat.say("é" * STATUS_MAX_BYTES)
    herald.pass_on(1002.0)
    assert len(heard(systemd)[0].encode()) <= STATUS_MAX_BYTES + len("STATUS=") + 3
    beat.say("")
    herald.pass_on(1003.0)
    assert heard(systemd) == ["STATUS="]


def test_ready_is_said_again_when_systemd_did_not_take_it(systemd: socket.socket, tmp_path: Path) -> None:
    beat = Pulse()
    beat.ready()
    herald = Herald(beat, str(tmp_path / "later"))
    herald.pass_on(1000.0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as late:
        late.bind(str(tmp_path / "later"))
        late.setblocking(False)
        herald.pass_on(1001.0)
        assert heard(late) == ["READY=1"]


def test_an_abstract_address_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0scaleplex-test-{os.getpid()}")
        listener.setblocking(False)
        beat = Pulse()
        beat.ready()
        Herald(beat, f"@scaleplex-test-{os.getpid()}").pass_on(1000.0)
        assert heard(listener) == ["READY=1"]


def test_a_child_writes_and_the_main_process_reads() -> None:
    beat = Pulse()
    child = os.fork()
    if child == 0:
        beat.beat(123.5)
        beat.say("from the child")
        beat.ready()
        os._exit(0)
    os.waitpid(child, 0)
    assert (beat.last_beat_s, beat.status, beat.is_ready) == (123.5, "from the child", True)


def test_settings_that_cannot_work_end_with_their_own_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Pulse()
    monkeypatch.setattr(pulse, "PULSE", mine)
    pulse.on_exit(None)
    mine.bad_config()
    with pytest.raises(SystemExit) as ended:
        pulse.on_exit(None)
    assert ended.value.code == 78
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_a_start_waits_for_is_said_and_logged_once_each_however_long() -> None:
    beat = Pulse()
    logged: list[str] = []
    for reason in ("x" * 1000, "x" * 1000, "no  media", "no  media", None):
        beat.start(reason, logged.append)
    assert [line[:30] for line in logged] == ["not ready yet: " + "x" * 15, "not ready yet: no media"]
    assert (beat.is_ready, beat.status) == (True, "")
