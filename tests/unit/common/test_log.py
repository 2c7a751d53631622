"""Log entries: a fixed phrase and fields, secrets never shown."""

import pytest

from scaleplex.common.log import Log, Secret, journal_entry, text_entry


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


def test_debug_entries_are_left_out_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log("scaleplex-test")
    log.debug("hidden")
    log.info("shown", job="j")
    assert capsys.readouterr().err == "INFO shown job=j\n"
