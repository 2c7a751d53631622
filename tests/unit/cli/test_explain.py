"""`scaleplex explain` as a user meets it."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from scaleplex.cli.explain import shell
from scaleplex.cli.main import main
from scaleplex.translator.labels import KINDS
from tests.argvgen import Shape, build
from tests.unit.cli import logform

VAAPI = Shape("dash", "vaapi", codec="hevc", tonemap="mobius", audio="eac3")


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["explain", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_log_line_and_the_same_argv_as_json_explain_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = build(VAAPI)
    logged = write(tmp_path / "job.log", logform.today(words, {"X_PLEX_TOKEN": "xxx"}))
    listed = write(tmp_path / "argv.json", json.dumps(words))
    results = [json.loads(call(capsys, "--json", name)[1]) for name in (logged, listed)]
    for result in results:
        result["labels"] = [label for label in result["labels"] if not label.startswith("env:")]
    assert results[0] == results[1]
    assert results[0]["target"] == "sw"


def test_every_kind_of_change_comes_with_its_meaning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, write(tmp_path / "argv.json", json.dumps(build(VAAPI))))
    assert "DASH for a browser (dash)" in out
    assert "HDR to SDR, mobius (by tonemap_opencl)" in out
    assert KINDS["encode"][0] in " ".join(out.split())
    assert "- h264_vaapi->libx264" in out
    assert "◆  hwmap=derive_device=opencl" in out
    assert "audio, on sw: the same" in out


def test_the_printed_command_is_the_translated_one_for_a_shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = write(tmp_path / "argv.json", json.dumps(build(VAAPI)))
    wanted = json.loads(call(capsys, "--json", name)[1])["argv"]
    printed = call(capsys, name)[1]
    script = printed[printed.index("/usr/lib/scaleplex-ffmpeg/ffmpeg") :]
    script = script.replace("/usr/lib/scaleplex-ffmpeg/ffmpeg", "printf '%s\\0'")
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == wanted


def test_odd_bytes_survive_the_shell_and_are_printable() -> None:
    words = ["a\nb", "\x1b[2J", "tab\there", "it's", "back\\slash\x07'", "é", "\udcff", ""]
    text = shell.command("printf '%s\\0'", words, {})
    assert all(char.isprintable() or char == "\n" for char in text)
    done = subprocess.run(["bash", "-c", text], capture_output=True, check=True)
    assert done.stdout.decode(errors="surrogateescape").split("\0")[:-1] == words


def test_giving_up_says_what_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word.replace("format=pix_fmts=yuv420p|nv12", "yadif") for word in build(Shape("dash"))]
    name = write(tmp_path / "argv.json", json.dumps(words))
    _, out, _ = call(capsys, name)
    assert "Not planned for sw: filter:yadif (word " in out.replace("\n", " ")
    assert "-filter_complex, filter 2 (yadif))" in out.replace("\n", " ")
    assert "filter 2 (yadif)" in json.loads(call(capsys, "--json", name)[1])["where"]


def test_a_picture_is_written_beside_the_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = write(tmp_path / "argv.json", json.dumps(build(VAAPI)))
    code, out, _ = call(capsys, "--svg", str(tmp_path / "graph.svg"), name)
    assert (code, "Command" in out) == (0, True)
    assert ET.fromstring((tmp_path / "graph.svg").read_text()).tag.endswith("svg")
    code, out, err = call(capsys, "--svg", str(tmp_path / "no" / "graph.svg"), name)
    assert (code, out) == (2, "")
    assert "a directory that exists" in err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("Hello, my Plex does not play", "holds no command line"),
        ('{"argv": ["-i", "a"', "is not JSON"),
        ('DEBUG - Job running: "/usr/lib/plexmediaserver/Plex Media Scanner" --scan', "are not the transcoder's"),
        (logform.today(["-i", "/media/A Film.mkv", "dash"], {})[:-12], "is cut short"),
    ],
)
def test_a_text_without_a_command_line_says_what_to_give_instead(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(capsys, write(tmp_path / "what.txt", text))
    assert (code, out) == (2, "")
    assert says in err
    assert "what.txt" in err
    assert "whole line" in err


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    name = write(tmp_path / "argv.json", json.dumps(build(VAAPI)))
    script = f"'{sys.executable}' -m scaleplex.cli.main explain '{name}' | head -1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("What Plex asks for\n", "")


def test_what_a_capture_knows_of_the_source_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stream = {"index": 0, "media": "video", "codec": "hevc", "transfer": "smpte2084", "of a newer version": 1}
    document = {"argv": build(Shape("dash", codec="hevc")), "source": {"streams": [stream, {"odd": 1}], "x": 1}}
    _, out, _ = call(capsys, write(tmp_path / "argv.json", json.dumps(document)))
    assert "none, although the source is HDR" in out


def test_the_programs_name_in_front_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = write(tmp_path / "argv.json", json.dumps([logform.PROGRAM, "-i", "a", "-f", "null", "-"]))
    _, out, _ = call(capsys, name)
    assert "left out" in out
    assert json.loads(call(capsys, "--json", name)[1])["argv"][0] == "-i"


def test_the_worker_can_be_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = write(tmp_path / "argv.json", json.dumps(build(Shape("dash", "sw", codec="hevc"))))
    plain = json.loads(call(capsys, "--json", "--target", "vaapi", name)[1])
    assert "libx264" in plain["argv"]
    hardware = ["--json", "--target", "vaapi", "--plex-pass", "--driver", "iHD", name]
    assert "h264_vaapi" in (words := json.loads(call(capsys, *hardware)[1])["argv"])
    assert "vaapi=vaapi:,driver=iHD" in words
    follows = json.loads(call(capsys, "--follow", *hardware)[1])
    assert "libx264" in follows["argv"]
    burn = write(tmp_path / "burn.json", json.dumps(build(Shape("dash", "sw", subtitle="burn-text"))))
    assert json.loads(call(capsys, "--json", burn)[1])["bail"] == "burn:text"
    assert json.loads(call(capsys, "--json", "--burn", burn)[1])["bail"] is None


def test_arguments_alone_can_be_pasted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = write(tmp_path / "args.txt", '-codec:0 h264 -i "/media/A Film.mkv" -map 0:0 -codec:0 copy -f mp4 /o\n')
    code, out, _ = call(capsys, name)
    assert code == 0
    assert "arguments alone" in out
    assert "0:0, h264, copied" in out
    assert "'/media/A Film.mkv'" in out


def test_a_directory_belongs_to_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, str(tmp_path))
    assert code == 2
    assert "scaleplex replay" in err


def test_a_long_path_is_not_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = "/media/" + "very" * 40 + ".mkv"
    _, out, _ = call(capsys, write(tmp_path / "argv.json", json.dumps(["-i", film, "-map", "0:0", "-f", "mp4", "/o"])))
    assert f"  input 0        {film}\n" in out
