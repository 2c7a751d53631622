"""`scaleplex replay`: a corpus through the translator, and the comparison with an earlier run."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest

from scaleplex.cli import replay
from scaleplex.cli.replay import results
from scaleplex.cli.replay.results import Result, Results
from tests.argvgen import Shape, build
from tests.unit.cli import logform

PLANNED = Result("dash/sw/none", "planned", labels=("set:-a", "drop:-b"), argv=("-i", "a"), ran="ended")


def call(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    parser = argparse.ArgumentParser()
    replay.add_parser(parser.add_subparsers())
    args = parser.parse_args(["replay", *map(str, arguments)])
    code = args.run(args)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    directory = tmp_path / "corpus"
    (directory / "below").mkdir(parents=True)
    (directory / "one.json").write_text(json.dumps({"argv": build(Shape("dash", "vaapi")), "env": {}}))
    (directory / "below" / "two.json").write_text(json.dumps(build(Shape("hls-mpegts", "sw"))))
    strange = [word.replace("format=pix_fmts=yuv420p|nv12", "yadif") for word in build(Shape("dash"))]
    lines = [logform.today(build(Shape("dash")), {}), "something else", logform.old(strange, {})]
    (directory / "pms.log").write_text("\n".join(lines))
    return directory


def test_every_file_and_every_job_of_a_log_is_counted_in_its_class(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(capsys, corpus)
    assert code == 0
    assert [line.split() for line in out.splitlines()[:5]] == [
        ["for", "sw", "lines", "planned", "cleaned"],
        ["dash/sw/none", "2", "1", "1"],
        ["dash/vaapi/none", "1", "1", "·"],
        ["hls-mpegts/sw/none", "1", "1", "·"],
        ["all", "4", "3", "1"],
    ]
    assert "filter:yadif" in out
    assert "pms.log:3" in out


def test_json_holds_entries_and_classes(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, corpus, "--json")
    document = json.loads(out)
    assert (code, document["target"]) == (0, "sw")
    assert document["entries"]["pms.log:3"]["reason"] == "filter:yadif"
    assert document["classes"]["dash/sw/none"]["planned"] == 1
    assert "differences" not in document


def test_the_same_again_is_as_recorded(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = tmp_path / "before.json"
    assert call(capsys, corpus, "--record", record)[0] == 0
    code, out, _ = call(capsys, corpus, "--against", record)
    assert (code, out.splitlines()[-1]) == (0, "As recorded, word for word.")


def test_a_command_that_is_no_longer_understood_is_worse(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "before.json"
    call(capsys, corpus, "--record", record)
    (corpus / "one.json").write_text(json.dumps(["-i", "a"]))
    (corpus / "new.json").write_text(json.dumps(["-i", "a", "-map", "0:0", "-codec:0", "copy", "-f", "mp4", "/o"]))
    code, out, _ = call(capsys, corpus, "--against", record)
    assert code == 1
    assert "Not as recorded: 2, of which worse: 1" in out
    assert "worse  one.json: planned -> cleaned (no-output)" in out
    assert "       new.json: is new" in out


@pytest.mark.parametrize(
    ("change", "worse", "text"),
    [
        ({"outcome": "cleaned", "reason": "size"}, True, "planned -> cleaned (size)"),
        ({"outcome": "crashed", "reason": "KeyError: 1"}, True, "planned -> crashed (KeyError: 1)"),
        ({"labels": ("drop:-b", "env:2")}, False, "labels -set:-a +env:2"),
        ({"argv": ("-i", "b")}, False, "word 2 was 'a', is 'b'"),
        ({"argv": ("-i", "a", "c")}, False, "had 2 words, has 3"),
        ({"ran": "failed", "detail": "exit 8"}, True, "ran: ended -> failed (exit 8)"),
        ({"ran": "skipped", "detail": "no"}, True, "ran: ended -> skipped (no)"),
    ],
)
def test_what_changed_is_said_and_judged(change: dict[str, object], worse: bool, text: str) -> None:
    before, after = (Results("sw", {"x": result}) for result in (PLANNED, replace(PLANNED, **change)))
    assert [(d.worse, d.text) for d in results.compare(before, after)] == [(worse, text)]
    back = results.compare(after, before)
    assert [d.worse for d in back] == ([] if change.get("ran") == "skipped" else [False])


def test_not_running_this_time_is_no_step_back() -> None:
    old, new = Results("sw", {"x": PLANNED}), Results("sw", {"x": replace(PLANNED, ran="")})
    assert results.compare(old, new) == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"target": "sw", "entries": {"a": {}}}', '{"target": 1, "entries": 2}']
)
def test_a_file_that_is_no_record_is_wrong_use(
    text: str, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "odd.json").write_text(text)
    code, out, err = call(capsys, corpus, "--against", tmp_path / "odd.json")
    assert (code, out) == (2, "")
    assert "--record" in err


def test_results_of_another_target_are_not_compared(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.json").write_text(Results("nvenc", {}).to_json())
    code, _, err = call(capsys, corpus, "--against", tmp_path / "other.json")
    assert code == 2
    assert "--target nvenc" in err


def test_wrong_use_says_what_to_do(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    cases = [
        ((tmp_path / "absent",), "no directory"),
        ((tmp_path / "empty",), "SCALEPLEX_WORKER_CAPTURE_DIR"),
        ((corpus, "--record", tmp_path / "no" / "file"), "cannot be written"),
        ((corpus, "--target", "quicksync"), "no backend 'quicksync'"),
    ]
    for arguments, says in cases:
        code, out, err = call(capsys, *arguments)
        assert (code, out) == (2, "")
        assert says in err


def test_a_file_without_a_command_is_reported_and_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.json").write_text('{"argv": 7}')
    (tmp_path / "good.json").write_text(json.dumps(build(Shape("dash"))))
    code, out, _ = call(capsys, tmp_path)
    assert code == 1
    assert "unreadable: bad.json holds no list of arguments." in out
