"""What is kept of jobs that fell back, over a restart of the host."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from scaleplex.relay import history
from scaleplex.relay.events import EventFile
from scaleplex.relay.history import FILE, Event, History


def fields(
    time_ms: int = 1000, event: str = "fallback", reason: str = "no-worker", **more: object
) -> dict[str, object]:
    return {"time_ms": time_ms, "event": event, "reason": reason, "detail": "/media/A Film (2020).mkv", **more}


def never(problem: str) -> None:
    raise AssertionError(problem)


@pytest.fixture
def kept(tmp_path: Path) -> History:
    return History(tmp_path, never)


def test_what_was_kept_is_read_by_another_life(tmp_path: Path, kept: History) -> None:
    kept.keep(fields(2000, session="s", job="j", worker="http://w:1"))
    kept.keep(fields(1000, "lost", "silent"))
    assert history.read(tmp_path, 0) == [
        Event(1000, "lost", "silent"),
        Event(2000, "fallback", "no-worker", "s", "j", "http://w:1"),
    ]


def test_only_events_of_the_time_asked_for_are_read(tmp_path: Path, kept: History) -> None:
    for time_ms in (999, 1000, 1001):
        kept.keep(fields(time_ms))
    assert [event.time_ms for event in history.read(tmp_path, 1000)] == [1000, 1001]


def test_details_stay_behind(tmp_path: Path, kept: History) -> None:
    kept.keep(fields())
    assert "Film" not in (tmp_path / FILE).read_text()


@pytest.mark.parametrize("event", ["placed", "refused", "local", "ended", "", None, ["fallback"], {}])
def test_nothing_else_is_kept(tmp_path: Path, kept: History, event: object) -> None:
    kept.keep({**fields(), "event": event} if not isinstance(event, list | dict) else {"event": str(event)})
    kept.keep({"event": "fallback", "time_ms": "now"})
    kept.keep({"event": "fallback", "time_ms": True})
    assert not (tmp_path / FILE).exists()


def test_the_file_keeps_its_bound_and_the_newest_events(tmp_path: Path) -> None:
    kept = History(tmp_path, never, max_bytes=2000)
    for time_ms in range(200):
        kept.keep(fields(time_ms))
        assert (tmp_path / FILE).stat().st_size <= 2000
    times = [event.time_ms for event in history.read(tmp_path, 0)]
    assert times == list(range(times[0], 200))
    assert len(times) >= 5
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_line_cut_off_by_a_power_cut_spoils_no_other(tmp_path: Path, kept: History) -> None:
    kept.keep(fields(1))
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"time_ms": 2, "eve\xff')
    kept.keep(fields(3))
    assert [event.time_ms for event in history.read(tmp_path, 0)] == [1, 3]


def test_long_words_are_cut(tmp_path: Path, kept: History) -> None:
    kept.keep(fields(reason="x" * 10_000))
    assert len(history.read(tmp_path, 0)[0].reason) == 128


def test_a_directory_that_cannot_be_written_is_reported_once_and_counting_goes_on(tmp_path: Path) -> None:
    said: list[str] = []
    kept = History(tmp_path / "absent", said.append)
    kept.keep(fields())
    kept.keep(fields())
    assert said == [f"{tmp_path}/absent/{FILE}: No such file or directory"]


def test_an_event_counted_twice_is_read_once_and_reasons_are_counted(tmp_path: Path, kept: History) -> None:
    for _ in range(2):
        kept.keep(fields(1, job="a"))
    kept.keep(fields(2, job="b"))
    kept.keep(fields(3, "lost", "silent"))
    assert history.by_reason(history.read(tmp_path, 0)) == [("fallback", "no-worker", 2), ("lost", "silent", 1)]


def test_nothing_kept_yet_is_no_problem(tmp_path: Path) -> None:
    assert history.read(tmp_path, 0) == []


def test_the_relay_hands_on_each_event_of_the_shims_once_also_after_its_own_restart(tmp_path: Path) -> None:
    told: list[Mapping[str, object]] = []
    (tmp_path / "events.jsonl").write_text(json.dumps(fields(1)) + "\n" + json.dumps(fields(2, "placed")) + "\n")
    EventFile(tmp_path, lambda event, reason: None, told.append).read()
    EventFile(tmp_path, lambda event, reason: None, told.append).read()
    assert [event["time_ms"] for event in told] == [1, 2]
