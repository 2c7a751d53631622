"""The shim's settings: what is read, what is said of a wrong line, and what takes its place."""

from pathlib import Path

import pytest

from scaleplex.shim import config


def problems(text: str) -> list[str]:
    given, problems = config.parse(text)
    return problems + config.Config(given).problems


def test_an_empty_file_gives_the_defaults_and_no_problem() -> None:
    settings = config.Config({})
    assert settings.problems == []
    assert (settings.runtime_dir, settings.fallback, settings.detection) == ("/run/scaleplex", True, "remote")
    assert (settings.plex_port, settings.silence_seconds) == (32400, 10.0)


def test_comments_blank_lines_and_quotes_are_read_as_systemd_reads_them() -> None:
    given, problems = config.parse("# a\n\n; b\n SCALEPLEX_SHIM_A = one two \nB='x'\nC=\"y=z\"\nD='\n")
    assert given == {"SCALEPLEX_SHIM_A": "one two", "B": "x", "C": "y=z", "D": "'"}
    assert problems == []


def test_urls_are_split_at_commas_and_a_wrong_one_is_left_out() -> None:
    urls = "http://10.0.0.6:32481/, http://[::1]:1,https://x:1,http://host,http://h:99999,http://h:1/path"
    settings = config.Config({"SCALEPLEX_SHIM_WORKERS_LIST": urls})
    assert settings.workers == ("http://10.0.0.6:32481", "http://[::1]:1")
    assert len(settings.problems) == 4


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("SCALEPLEX_SHIM_ORCHESTRATOR=x", "did you mean SCALEPLEX_SHIM_ORCHESTRATORS?"),
        ("SCALEPLEX_RELAY_URL=x", "did you mean SCALEPLEX_SHIM_RELAY_URL?"),
        ("SCALEPLEX_SHIM_FALLBACK=yes", "must be 1 or 0; using 1"),
        ("SCALEPLEX_SHIM_DETECTION=remot", "must be remote or local; using remote"),
        ("SCALEPLEX_SHIM_PLEX_PORT=99999", "must be a number from 1 to 65535; using 32400"),
        ("SCALEPLEX_SHIM_SILENCE_SECONDS=nan", "must be a number"),
        ("SCALEPLEX_SHIM_SILENCE_SECONDS=soon", "must be a number"),
        ("SCALEPLEX_SHIM_SILENCE_SECONDS=0.09", "must be a number from 0.1 to 3600; using"),
        ("SCALEPLEX_SHIM_SILENCE_SECONDS=3601", "must be a number from 0.1 to 3600; using"),
        ("SCALEPLEX_SHIM_RUNTIME_DIR=run", "must be an absolute path; using /run/scaleplex"),
        ("SCALEPLEX_SHIM_TRANSCODER=x", "must be an absolute path; using nothing"),
        ("no assignment", "line 1 of the settings is no KEY=value line"),
    ],
)
def test_a_wrong_line_is_one_sentence_that_names_the_remedy(line: str, sentence: str) -> None:
    (problem,) = problems(line)
    assert sentence in problem


@pytest.mark.parametrize("seconds", [0.1, 2.5, 3600.0])
def test_a_silence_may_be_short_and_long(seconds: float) -> None:
    settings = config.Config({"SCALEPLEX_SHIM_SILENCE_SECONDS": str(seconds)})
    assert (settings.silence_seconds, settings.problems) == (seconds, [])


def test_a_file_that_cannot_be_read_gives_the_defaults_and_says_so(tmp_path: Path) -> None:
    settings = config.read(str(tmp_path / "missing"))
    assert settings.fallback
    assert "No such file" in settings.problems[0]


def test_the_secret_is_the_files_content_without_white_space_at_its_ends(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b" \n0123456789abcdef\n")
    assert config.read_secret(str(path)) == b"0123456789abcdef"
    path.write_bytes(b"short\n")
    with pytest.raises(ValueError, match="at least 16"):
        config.read_secret(str(path))
    assert config.read_secret("") == b""


def test_every_setting_has_a_phrase_for_the_reference() -> None:
    for name, default, text in config.describe():
        assert name.startswith("SCALEPLEX_SHIM_")
        assert len(text) > 20
        assert config.Config({name: default}).problems == []


@pytest.mark.parametrize(
    ("preferences", "has"),
    [
        ('<?xml version="1.0"?>\n<Preferences MachineIdentifier="x" myPlexSubscription="1" LogVerbose="0"/>', True),
        ('<Preferences myPlexSubscription="0"/>', False),
        ('<Preferences notmyPlexSubscription="1"/>', False),
        ("", False),
        (None, False),
    ],
)
def test_a_plex_pass_is_read_from_the_preferences_and_what_cannot_be_read_means_none(
    tmp_path: Path, preferences: str | None, has: bool
) -> None:
    if preferences is not None:
        (tmp_path / "Plex Media Server").mkdir()
        (tmp_path / "Plex Media Server/Preferences.xml").write_text(preferences)
    assert config.has_plex_pass(str(tmp_path).encode()) is has
