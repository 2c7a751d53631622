"""What an outcome on one worker means for PMS and for the other workers."""

import os

import pytest

from scaleplex.protocol import wire
from scaleplex.shim import fallback, journal, main, playback
from scaleplex.shim.playback import Outcome

NEXT = None


def told(outcome: Outcome) -> Outcome:
    """Return the outcome of an attempt PMS may know something of."""
    outcome.told = True
    return outcome


@pytest.mark.parametrize(
    ("outcome", "begun", "code"),
    [
        (Outcome(playback.ENDED, "ended", code=0), True, 0),
        (Outcome(playback.ENDED, "failed", code=234), True, 234),
        (Outcome(playback.ENDED, "failed", code=1), False, 1),
        (Outcome(playback.ENDED, "spawn-failed", code=126), False, NEXT),
        (Outcome(playback.ENDED, "spawn-failed", code=126), True, 126),
        (Outcome(playback.ENDED, "draining", code=255, retry=True), False, NEXT),
        (Outcome(playback.ENDED, "draining", code=255, retry=True), True, NEXT),
        (told(Outcome(playback.ENDED, "draining", code=255, retry=True)), True, 255),
        (told(Outcome(playback.ENDED, "draining", code=0, retry=True)), True, wire.EXIT_LOST_WORKER),
        (Outcome(playback.ENDED, "callback-refused", code=137, retry=True), True, NEXT),
        (told(Outcome(playback.ENDED, "callback-refused", code=137, retry=True)), True, 137),
        (Outcome(playback.LOST, "broken"), False, NEXT),
        (Outcome(playback.LOST, "broken"), True, wire.EXIT_LOST_WORKER),
        (Outcome(playback.LOST, "silent"), False, NEXT),
        (Outcome(playback.UNREACHABLE, "unreachable"), False, NEXT),
        (Outcome(playback.REFUSED, "full"), False, NEXT),
        (Outcome(playback.REFUSED, "superseded"), False, 1),
        (Outcome(playback.OUTPUT_CLOSED, "output-closed"), True, 1),
    ],
)
def test_an_outcome_is_an_exit_code_or_leave_to_try_elsewhere(outcome: Outcome, begun: bool, code: int | None) -> None:
    assert main.final_code(outcome, begun) == code


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ('{"error": "full", "detail": "8 of 8"}', "full", "8 of 8"),
        ('{"error": 5}', "5", ""),
        ("<html>", "status-503", ""),
        ("[]", "status-503", ""),
        ("", "status-503", ""),
    ],
)
def test_a_refusal_has_a_word_whatever_its_body(text: str, reason: str, detail: str) -> None:
    outcome = playback.refused(503, text.encode())
    assert (outcome.word, outcome.reason, outcome.detail) == (playback.REFUSED, reason, detail)


@pytest.mark.parametrize("code", [-1, 256, "0", None, 1.5, True])
def test_an_exit_frame_without_a_proper_code_is_a_failure(code: object) -> None:
    text = wire.dump_json({"code": code}) if not isinstance(code, float) else '{"code": 1.5}'
    assert playback.ended(text.encode()).code == 1


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"\xff"])
def test_an_exit_frame_that_is_none_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError):
        playback.ended(payload)


def test_arguments_decoded_by_another_locale_become_the_bytes_pms_passed() -> None:
    name = b"/media/\xc3\xa9\xff.mkv"
    for encoding in ("utf-8", "iso8859-1", "ascii", "iso8859-15"):
        decoded = name.decode(encoding, "surrogateescape")
        assert os.fsencode(main.in_utf8(decoded, encoding)) == name


def test_a_worker_sees_language_and_time_zone_only() -> None:
    environment = {b"LANG": b"C", b"LC_ALL": b"\xff", b"TZ": b"UTC", b"HOME": b"/", b"LD_LIBRARY_PATH": b"/x"}
    assert fallback.language_environment(environment) == {"LANG": "C", "LC_ALL": "\udcff", "TZ": "UTC"}


def test_a_journal_field_with_newlines_carries_its_length() -> None:
    assert journal._entry("MESSAGE", "one") == b"MESSAGE=one\n"
    assert journal._entry("MESSAGE", "a\nb") == b"MESSAGE\n\x03\0\0\0\0\0\0\0a\nb\n"
