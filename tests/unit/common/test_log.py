"""Log entries: a fixed phrase and fields, secrets never shown."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaleplex.common.log import Log, Secret, journal_entry, open_log, text_entry


def test_a_secret_is_never_printed() -> None:
    secret = Secret(b"do not print me")
    entry = text_entry("info", "configured", {"secret": secret})
    assert "do not" not in f"{secret} {secret!r} {[secret]} {entry}"
    assert "***" in entry


def test_values_with_blanks_are_quoted_so_that_fields_can_be_told_apart() -> None:
    assert (
        text_entry("info", "spawned", {"pid": 3, "path": "a b", "empty": ""})
        == "INFO spawned pid=3 path='a b' empty=''\n"
    )


def test_a_journal_value_with_newlines_is_length_prefixed() -> None:
    entry = journal_entry("scaleplex-worker", "error", "failed", {"detail": "a\nb"})
    assert b"PRIORITY=3\n" in entry
    assert b"SCALEPLEX_DETAIL\n" + (3).to_bytes(8, "little") + b"a\nb\n" in entry


def test_bytes_that_are_no_text_end_no_entry() -> None:
    assert b"SCALEPLEX_PATH=/media/?.mkv\n" in journal_entry("x", "info", "seen", {"path": "/media/\udcff.mkv"})


def test_debug_entries_are_left_out_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log("scaleplex-test")
    log.debug("hidden")
    log.info("shown", job="j")
    assert capsys.readouterr().err == "INFO shown job=j\n"


SIGNED = "/cb/1/" + "0123456789abcdef" * 2 + "01234567/video"
FILM = "/media/A Title (2020)/A Title.mkv"


def test_signatures_tokens_and_titles_reach_no_entry(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log("scaleplex-test", "debug", private_roots=["/media"])
    for write in (log.debug, log.info, log.warning, log.error):
        write(f"failed {SIGNED}", url=SIGNED, token="X-Plex-Token=abcdef", code=3)
    try:
        raise ValueError(f"cannot read {FILM}: broken")
    except ValueError as exc:
        log.bug("request failed", exc, path=FILM)
    log.info("reading", path=FILM)
    log.debug("reading", path=FILM)
    said = capsys.readouterr().err
    assert "01234567/" not in said
    assert "abcdef" not in said
    assert said.count("code=3") == 4
    assert said.count("A Title") == 2  # the debug entry names the film
    assert "cannot read /media/***: broken" in said


def test_titles_and_signatures_do_not_reach_the_journal_either(tmp_path: Path) -> None:
    with journal_at(tmp_path / "journal") as (journal, sender):
        log = Log("scaleplex-test", "info", sender, private_roots=["/media"])
        log.info(f"failed {SIGNED}", detail=f"{FILM} is missing")
        entry = journal.recv(65536)
    assert b"MESSAGE=failed /cb/***/video detail=/media/*** is missing\n" in entry
    assert b"SCALEPLEX_DETAIL=/media/*** is missing\n" in entry


def test_an_entry_journald_does_not_take_goes_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with journal_at(tmp_path / "journal") as (journal, sender):
        log = Log("scaleplex-test", "info", sender)
        log.info("taken")
        assert b"MESSAGE=taken\n" in journal.recv(65536)
        assert capsys.readouterr().err == ""
        log.info("too long for a datagram", text="x" * (1 << 22))
        assert capsys.readouterr().err.startswith("INFO too long for a datagram text=xxx")
        journal.close()
        log.info("journald is away")
    assert capsys.readouterr().err == "INFO journald is away\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ["info", "warning", "error"]),
        ("debug", ["debug", "info", "warning", "error"]),
        ("INFO", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
        ("loud", ["info", "warning", "error"]),
        ("", ["info", "warning", "error"]),
    ],
)
def test_the_level_comes_from_the_setting(
    value: str | None, shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    log = open_log("test", {} if value is None else {"SCALEPLEX_LOG_LEVEL": value})
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)(level)
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == shown


@contextlib.contextmanager
def journal_at(path: Path) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield a journald of the test's and a socket connected to it."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
    ):
        journal.bind(str(path))
        sender.connect(str(path))
        yield journal, sender
