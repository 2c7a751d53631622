"""What `scaleplex explain` reads, and what it prints of it: forms of input, broken input, bytes a terminal obeys."""

import argparse
import io
import json
from pathlib import Path

import pytest

from scaleplex.cli import explain
from tests.argvgen import Shape, build


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    parser = argparse.ArgumentParser()
    explain.add_parser(parser.add_subparsers())
    args = parser.parse_args(["explain", *arguments])
    code = args.run(args)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "argv.json"
    path.write_text(json.dumps(build(Shape("dash", "vaapi"))), encoding="utf-8")
    return path


def test_json_holds_argv_labels_facts_and_bail(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "--json", "--target", "sw", "--callback-base", "http://r/cb", str(file))
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert document["facts"]["kind"] == "dash"
    assert document["bail"] is None
    assert "encode:h264_vaapi->libx264" in document["labels"]
    assert any(word.startswith("http://r/cb/video/") for word in document["argv"])


def test_text_shows_wishes_changes_and_the_command(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, str(file))
    assert code == 0
    assert "h264 to h264_vaapi" in out
    assert "h264_vaapi->libx264" in out
    assert "-codec:0 libx264" in out


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_control_characters_and_broken_bytes_do_not_reach_the_terminal(
    form: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "argv.json"
    words = ["-codec:0", "x\x1b[2J", "-i", "a\udcff\n", "-map", "0:0", "-codec:0", "h264_x\x07", "-f", "dash", "o\x1b"]
    file.write_text(json.dumps(words), encoding="utf-8")
    code, out, _ = call(capsys, *form, str(file))
    assert code == 0
    assert all(char.isprintable() or char == "\n" for char in out)


def test_an_object_with_more_keys_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "entry.json"
    file.write_text(json.dumps({"argv": ["-version"], "env": {"TZ": "UTC"}, "id": 7}), encoding="utf-8")
    code, out, _ = call(capsys, "--json", str(file))
    assert (code, json.loads(out)["bail"]) == (0, "no-input")


def test_a_dash_reads_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('["-i", "a", "out"]'))
    code, out, _ = call(capsys, "--json", "-")
    assert (code, json.loads(out)["argv"]) == (0, ["-i", "a", "out"])


@pytest.mark.parametrize(
    "text", ["not json", '{"argv": "x"}', '{"env": {}}', "[1]", "7", '{"argv": [], "env": {"A": 1}}']
)
def test_a_file_that_holds_something_else_says_what_it_should_hold(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text, encoding="utf-8")
    code, out, err = call(capsys, "--json", str(file))
    assert (code, out) == (2, "")
    assert "JSON list of strings" in err
    assert "bad.json" in err


def test_a_missing_file_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, str(tmp_path / "absent.json"))
    assert code == 2
    assert "No such file" in err


def test_a_target_nobody_knows_is_wrong_use(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "--json", "--target", "qsv", str(file))
    assert (code, out) == (2, "")
    assert "Known are vaapi, nvenc, sw" in err
