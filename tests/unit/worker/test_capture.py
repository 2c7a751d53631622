"""Captured command lines say nothing of who watches what, and translate as the originals do."""

import json
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleplex.cli import recorded
from scaleplex.protocol.messages import TaskRequest
from scaleplex.translator import Site, translate
from scaleplex.worker.capture import QUEUE_MAX, Capture
from scaleplex.worker.scrub import Scrubber, masked
from tests.argvgen import SHAPES, Shape, build
from tests.argvgen.build import JOB, SESSION, SESSION_DIR
from tests.corpus.recorded import MISSING, entries

ENV = {"X_PLEX_TOKEN": "local-7d3c1f0a", "LANG": "de_DE.UTF-8", "EAE_ROOT": "/tmp/pms-16/EasyAudioEncoder", "TZ": "UTC"}
SECRETS = ("A Film", "Film's Cut", "A Film (2019)", SESSION, JOB, "local-7d3c1f0a", "pms-16")


def capture(directory: Path | None, keep: int = 100, raw: bool = False) -> tuple[Capture, list[str]]:
    warnings: list[str] = []
    return Capture(directory, keep=keep, raw=raw, warn=warnings.append), warnings


def request(argv: list[str], env: dict[str, str] | None = None) -> TaskRequest:
    return TaskRequest(SESSION, JOB, 1, "", tuple(argv), SESSION_DIR, "video", env or {}, plex_pass=True)


def files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.json"))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_scrubbed_command_translates_like_the_original_and_holds_no_name(shape: Shape) -> None:
    words = build(shape)
    scrubbed = Scrubber().words(words)
    text = "\n".join(scrubbed)
    assert [secret for secret in SECRETS if secret in text] == []
    site = Site(callback_base="http://10.0.0.5:32499/cb/1/ab")
    before, after = (translate(w, ENV, None, "sw", site) for w in (words, scrubbed))
    assert (after.labels, after.bail, after.facts.kind) == (before.labels, before.bail, before.facts.kind)
    assert [len(word) for word in scrubbed] == [len(word) for word in words]


def test_recorded_commands_translate_alike_when_scrubbed() -> None:
    if not entries():
        pytest.skip(MISSING)
    scrubber = Scrubber()
    for entry in entries():
        both = [translate(w, entry["env"], None, "sw", Site("http://r/cb")) for w in
                (entry["argv"], scrubber.words(entry["argv"]))]  # fmt: skip
        assert both[0].labels == both[1].labels, entry["id"]


def test_one_session_has_one_name_in_url_prefix_and_path() -> None:
    scrubber = Scrubber()
    words = scrubber.words(build(Shape("dash", "vaapi", audio="eac3", subtitle="burn-staged", seek=84)))
    session = words[words.index("-eae_prefix:1") + 1].removesuffix("_")
    job = scrubber.identity(JOB)
    assert f"/transcode/session/{session}/{job}/progress" in words[words.index("-progressurl") + 1]
    assert any(word.endswith(f"/plex-transcode-{session}-{job}/temp-0.srt") for word in words)
    assert scrubber.path(SESSION_DIR).endswith(f"/Transcode/Sessions/plex-transcode-{session}-{job}")
    assert len(session) == len(SESSION)


@pytest.mark.parametrize(
    ("path", "scrubbed"),
    [
        ("/media/Films/12 Men [1080p] {tmdb-1}/12 Men, Ä 'Cut'.mkv",
         "/media/Xxxxx/00 Xxx [0000x] {xxxx-0}/00 Xxx, É 'Xxx'.mkv"),
        ("/media/X/Plex Versions/Optimized for TV/.inProgress/Foo.mp4.118.4711.sidecar",
         "/media/X/Plex Versions/Optimized for TV/.inProgress/Xxx.mp4.118.4711.sidecar"),
        ("/usr/lib/plexmediaserver/Resources/fonts.conf", "/usr/lib/plexmediaserver/Resources/fonts.conf"),
        ("/media/日本/x.mkv", "/media/文文/x.mkv"),
    ],
)  # fmt: skip
def test_a_path_keeps_what_troubles_parsers(path: str, scrubbed: str) -> None:
    assert Scrubber().path(path) == scrubbed


@pytest.mark.parametrize("name", ["temptation.mkv", "submarine-2010.mkv", "thumb.mkv", "header", "temp-0.srt"])
def test_a_title_is_scrubbed_although_it_begins_as_a_name_plex_writes(name: str) -> None:
    stem, dot, extension = name.partition(".")
    assert Scrubber().path(f"/media/films/{name}") == f"/media/xxxxx/{masked(stem)}{dot}{extension}"
    assert Scrubber().path(f"/media/{name}/x.mkv") == f"/media/{masked(name)}/x.mkv"
    in_session = f"{masked(stem)}.mkv" if extension == "mkv" else name
    assert Scrubber().path(f"{SESSION_DIR}/{name}").endswith(f"/{in_session}")


NAMES = ("dash", "nullfile", "media-%05d.ts", "chunk-%05d", "sub-chunk-%05d", "thumb-%05d.jpeg", "temp-1.srt", "-")


@pytest.mark.parametrize("name", NAMES)
def test_names_plex_writes_in_a_session_directory_stay(name: str) -> None:
    words = ["-i", "temp-0.srt", "-media_seg_name", "chunk-stream$RepresentationID$-$Number%05d$.m4s", name]
    assert Scrubber().words(words) == words


def test_a_file_beside_ffmpeg_is_scrubbed_too() -> None:
    assert Scrubber().words(["-i", "temptation.mkv", "My.Film"]) == ["-i", "xxxxxxxxxx.mkv", "Xx.Xxxx"]


@pytest.mark.parametrize(
    ("option", "value", "scrubbed"),
    [
        ("-init_hw_device", "vaapi=vaapi:/dev/dri/renderD128,driver=iHD", "vaapi=vaapi:/dev/dri/renderD128,driver=iHD"),
        ("-r:0", "24000/1001", "24000/1001"),
        ("-metadata", "title=Great Film", "title=Xxxxx Xxxx"),
        ("-metadata:s:0", "language=eng", "language=eng"),
        ("-vf", "subtitles=/media/Great.srt:x=1", "subtitles=/media/Xxxxx.srt:x=1"),
        ("-r:0", "Great", "Great"),
        ("-greeting", "Great", "Xxxxx"),
        ("-greeting", "/media/Great.mkv", "/media/Xxxxx.mkv"),
        ("-progressurl", "http://plex.example/x?X-Plex-Token=abc", "http://xxxx.xxxxxxx/x?X-Xxxx-Xxxxx=xxxx"),
    ],
)
def test_a_value_is_scrubbed_as_what_it_is(option: str, value: str, scrubbed: str) -> None:
    assert Scrubber().words([option, value, "-i", "a", "o"])[1] == scrubbed


@given(st.lists(st.text(max_size=30), max_size=12))
def test_any_list_of_words_can_be_scrubbed(words: list[str]) -> None:
    assert len(Scrubber().words(words)) == len(words)


def test_masking_keeps_the_length_and_the_kinds_of_characters() -> None:
    assert masked("Aé9 -日") == "Xé0 -文"


def test_a_captured_command_can_be_explained_and_replayed(tmp_path: Path) -> None:
    keeper, warnings = capture(tmp_path / "new")
    keeper.take(request(build(Shape("dash")), ENV))
    keeper.flush()
    (file,) = files(tmp_path / "new")
    read = recorded.read(str(file))
    assert translate(read.argv, read.env, None, "sw", Site()).bail is None
    assert read.env["LANG"] == "de_DE.UTF-8"
    assert read.plex_pass
    assert "local" not in file.read_text()
    assert (json.loads(file.read_text())["kind"], json.loads(file.read_text())["scrubbed"]) == ("video", True)
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    assert warnings == []


def test_raw_keeps_everything(tmp_path: Path) -> None:
    keeper, _ = capture(tmp_path, raw=True)
    keeper.take(request(build(Shape("dash")), ENV))
    keeper.flush()
    document = json.loads(files(tmp_path)[0].read_text())
    assert document["argv"] == build(Shape("dash"))
    assert (document["env"], document["cwd"], document["scrubbed"]) == (ENV, SESSION_DIR, False)


def test_the_oldest_of_our_files_goes_first_and_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "argv-of-mine.txt").write_text("mine")
    keeper, _ = capture(tmp_path, keep=3, raw=True)
    for number in range(8):
        keeper.take(request(["-i", "a", f"out{number}"]))
    keeper.flush()
    kept = [json.loads(file.read_text())["argv"][-1] for file in files(tmp_path)]
    assert kept == ["out5", "out6", "out7"]
    assert (tmp_path / "argv-of-mine.txt").exists()


def test_bytes_that_are_no_text_are_kept(tmp_path: Path) -> None:
    keeper, warnings = capture(tmp_path, raw=True)
    keeper.take(request(["-i", "a\udcff", "out"]))
    keeper.flush()
    assert json.loads(files(tmp_path)[0].read_text())["argv"][1] == "a\udcff"
    assert warnings == []


def test_a_directory_that_cannot_be_written_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    keeper, warnings = capture(tmp_path / "file" / "below")
    for _ in range(3):
        keeper.take(request(["-i", "a", "out"]))
    keeper.flush()
    assert len(warnings) == 1


def test_without_a_directory_nothing_happens() -> None:
    before = threading.active_count()
    keeper, warnings = capture(None)
    keeper.take(request(["-i", "a", "out"]))
    assert (threading.active_count(), warnings) == (before, [])


def test_a_disk_that_hangs_does_not_hold_a_task_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = threading.Event()
    keeper, warnings = capture(tmp_path)
    monkeypatch.setattr(keeper, "_write", lambda _: stuck.wait(10))
    for _ in range(QUEUE_MAX + 5):
        keeper.take(request(["-i", "a", "out"]))
    assert len(warnings) == 1
    stuck.set()
    keeper.flush()


@pytest.mark.parametrize("name", ["LANG", "LC_ALL", "LC_CTYPE", "TZ"])
def test_a_variable_that_says_nothing_of_the_host_keeps_its_value(name: str) -> None:
    assert Scrubber().environment({name: "en_GB.UTF-8"}) == {name: "en_GB.UTF-8"}


@pytest.mark.parametrize(
    "name", ["LANGUAGE", "LANG_OF_MY_TITLE", "LC_ALL_MINE", "LC_", "LC_1", "TZDIR", "XLANG", "lang"]
)
def test_a_variable_that_only_begins_like_it_does_not(name: str) -> None:
    assert "Canary" not in str(Scrubber().environment({name: "/media/Canary"}))
