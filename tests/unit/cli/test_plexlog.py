"""A job's line of Plex's log comes back as the words PMS passed."""

import shlex
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaleplex.cli import plexlog, recorded
from scaleplex.cli.explain import shell
from tests.argvgen import SHAPES, Shape, build
from tests.corpus.recorded import MISSING, entries
from tests.unit.cli import logform

ENV = {
    "EAE_ROOT": "/tmp/pms-1645932e-8b12-44e8-9123-9e39690ec889/EasyAudioEncoder",
    "FFMPEG_EXTERNAL_LIBS": r"/var/lib/plexmediaserver/Library/Application\ Support/Plex\ Media\ Server/Codecs/a336/",
    "X_PLEX_TOKEN": "xxxxxxxxxxxxxxxxxxxx",
}


def job(text: str) -> plexlog.Job:
    found = list(plexlog.jobs(text))
    assert len(found) == 1
    assert isinstance(found[0], plexlog.Job)
    return found[0]


@pytest.mark.parametrize("form", [logform.today, logform.old])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_logged_job_is_read_word_for_word(shape: Shape, form: object) -> None:
    words = build(shape)
    assert callable(form)
    read = job(form(words, ENV))
    assert list(read.argv) == words
    assert read.env == ENV


@pytest.mark.parametrize("form", [logform.today, logform.old])
def test_recorded_jobs_are_read_word_for_word(form: object) -> None:
    if not entries():
        pytest.skip(MISSING)
    assert callable(form)
    wrong = [entry["id"] for entry in entries() if list(job(form(entry["argv"], ENV)).argv) != entry["argv"]]
    assert wrong == []


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_what_explain_prints_can_be_given_to_it_again(shape: Shape) -> None:
    words = build(shape)
    printed = shell.command(shlex.quote(logform.PROGRAM), words, {}).replace("\\\n", "")
    assert list(job(printed).argv) == words


def test_the_first_transcoder_job_of_a_log_is_taken_and_the_reader_is_told() -> None:
    text = "\n".join(
        [
            "Nov 24, 2026 21:04:10.000 [1] DEBUG - Completed: [127.0.0.1] 200 PUT /video/:/transcode",
            'Nov 24, 2026 21:04:11.000 [1] DEBUG - Job running: "/usr/lib/plexmediaserver/Plex Media Scanner" --scan',
            logform.today(["-i", "first.mkv", "a"], {}),
            "Nov 24, 2026 21:04:11.100 [1] DEBUG - Jobs: Starting child process with pid 4236",
            logform.today(["-i", "second.mkv", "b"], {}),
        ]
    )
    read = recorded.parse("log", text)
    assert read.argv == ("-i", "first.mkv", "a")
    assert read.note.startswith("Line 3, the first of 2 jobs")


def test_another_program_that_mentions_the_transcoder_is_no_job() -> None:
    assert (
        list(plexlog.jobs('x Job running: "/bin/other" --kill "/usr/lib/plexmediaserver/Plex Transcoder" -i a b')) == []
    )
    assert list(plexlog.jobs("DEBUG - Jobs: '/usr/lib/plexmediaserver/Plex Transcoder' exit code is 1 (failure)")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'"a \" b" "c \$d" "e \\ f"', ['a " b', "c $d", r"e \ f"]),  # all of them can be escapes
        (r'"select=gte(t\,84)" "a\\b"', [r"select=gte(t\,84)", r"a\\b"]),  # one cannot, so none is
        (r'"x\\\=y\\\,z"', [r"x\\\=y\\\,z"]),
        ("a's b's", ["a's", "b's"]),
        ("'it'\\''s' 'x'\"'\"'y'", ["it's", "x'y"]),
        ('""', [""]),
        (r"a\ b c\d", ["a b", r"c\d"]),
        ("A='1 2' -x=' y", ["A=1 2", "-x='", "y"]),
        ("'[0:1] aresample=ochl='stereo':osr=48000[0]'", ["[0:1] aresample=ochl='stereo':osr=48000[0]"]),
    ],
)
def test_quotes_and_backslashes_are_read_as_the_line_uses_them(text: str, expected: list[str]) -> None:
    assert plexlog.words(text) == expected


def test_a_line_that_was_cut_says_so() -> None:
    line = logform.today(["-i", "/media/A Film.mkv", "-filter_complex", "[0:0]scale=w=1:h=1[0]", "dash"], {})
    with pytest.raises(recorded.UnreadableCommand, match="line 1 of log is cut short"):
        recorded.parse("log", line[: line.index("scale=")])


@given(st.text(alphabet="ab-=/ \"'\\\\$[]\n{},:", max_size=80))
def test_any_text_is_a_command_or_an_error_for_people(text: str) -> None:
    for given_text in (text, f'{logform.STAMP}Job running: A={text} "{logform.PROGRAM}" {text}'):
        with suppress(recorded.UnreadableCommand):
            read = recorded.parse("it", given_text)
            assert all(isinstance(word, str) for word in read.argv)


@given(st.lists(st.text(alphabet="ab-=/ '$[]\\\\,:", min_size=1, max_size=12), max_size=8))
def test_any_words_of_the_old_form_come_back(words: list[str]) -> None:
    assert list(job(logform.old(["-i", *words], {})).argv) == ["-i", *words]
