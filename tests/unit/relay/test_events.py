"""Counting what shims report."""

from collections import Counter
from pathlib import Path

import pytest

from scaleplex.protocol import wire
from scaleplex.relay.events import REASONS_MAX, ROTATE_BYTES, EventFile


class Counted(Counter[tuple[str, str]]):
    def __call__(self, event: str, reason: str) -> None:
        self[event, reason] += 1


@pytest.fixture
def counted() -> Counted:
    return Counted()


def line(event: str = "placed", reason: str = "ok", **more: object) -> str:
    return wire.dump_json({"time_ms": 1, "event": event, "reason": reason, **more}) + "\n"


def append(runtime: Path, text: str) -> None:
    with (runtime / "events.jsonl").open("a") as file:
        file.write(text)


def test_each_event_is_counted_once_however_often_the_file_is_read(tmp_path: Path, counted: Counted) -> None:
    events = EventFile(tmp_path, counted)
    append(tmp_path, line() + line("ended", "failed"))
    events.read()
    events.read()
    append(tmp_path, line())
    events.read()
    assert counted == {("placed", "ok"): 2, ("ended", "failed"): 1}


def test_a_half_written_line_is_counted_when_its_rest_is_there(tmp_path: Path, counted: Counted) -> None:
    events = EventFile(tmp_path, counted)
    text = line()
    append(tmp_path, text[:10])
    events.read()
    assert not counted
    append(tmp_path, text[10:])
    events.read()
    assert counted == {("placed", "ok"): 1}


@pytest.mark.parametrize(
    "junk", ["\n", "{\n", "[1]\n", "null\n", '{"event": "invented"}\n', "\x00\xff\n", "[" * 5000 + "\n"]
)
def test_what_is_no_event_is_skipped(tmp_path: Path, counted: Counted, junk: str) -> None:
    append(tmp_path, junk + line())
    EventFile(tmp_path, counted).read()
    assert counted == {("placed", "ok"): 1}


def test_a_relay_that_starts_again_goes_on_where_it_was(tmp_path: Path, counted: Counted) -> None:
    append(tmp_path, line())
    EventFile(tmp_path, counted).read()
    append(tmp_path, line("lost", "silent"))
    EventFile(tmp_path, counted).read()
    assert counted == {("placed", "ok"): 1, ("lost", "silent"): 1}


def test_a_long_file_is_put_aside_and_late_lines_in_it_still_count(tmp_path: Path, counted: Counted) -> None:
    events = EventFile(tmp_path, counted)
    big = line(detail="x" * 1000)
    number = ROTATE_BYTES // len(big) + 1
    append(tmp_path, big * number)
    with (tmp_path / "events.jsonl").open("a") as opened_before:
        events.read()
        assert not (tmp_path / "events.jsonl").exists()
        append(tmp_path, line("ended"))
        opened_before.write(line("lost"))
    events.read()
    events.read()
    assert counted == {("placed", "ok"): number, ("ended", "ok"): 1, ("lost", "ok"): 1}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["events.cursor", "events.jsonl"]


def test_reasons_cannot_become_labels_without_limit(tmp_path: Path, counted: Counted) -> None:
    append(tmp_path, "".join(line("refused", f"reason-{i}") for i in range(REASONS_MAX + 10)))
    append(tmp_path, line("refused", 'a"b\nc') + line("refused", "") + line("refused", "x" * 100))
    EventFile(tmp_path, counted).read()
    assert counted["refused", "other"] == 12
    assert counted["refused", "none"] == 1
    assert len(counted) == REASONS_MAX + 2


def test_a_file_emptied_by_hand_is_read_from_its_start(tmp_path: Path, counted: Counted) -> None:
    events = EventFile(tmp_path, counted)
    append(tmp_path, line() * 3)
    events.read()
    (tmp_path / "events.jsonl").write_text("")
    events.read()
    append(tmp_path, line())
    events.read()
    assert counted["placed", "ok"] == 4


def test_a_missing_file_and_a_damaged_cursor_are_no_trouble(tmp_path: Path, counted: Counted) -> None:
    (tmp_path / "events.cursor").write_text("[not json")
    events = EventFile(tmp_path, counted)
    assert events.read() == 0
    append(tmp_path, line())
    assert events.read() == 1
