"""Settings are read once, and every problem is named at once."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from scaleplex.common import config
from scaleplex.common.errors import ConfigError
from scaleplex.common.log import Secret


@dataclass(frozen=True, slots=True)
class Example:
    max_sessions: int = config.setting(config.positive_int, default="4", help="transcodes at once")
    root: Path = config.setting(config.absolute_path, help="where it writes")
    backend: str = config.setting(config.choice("auto", "sw"), default="auto", help="which backend")


def load(**environ: str) -> Example:
    return config.load(Example, "X_", environ)


def test_an_absent_variable_has_its_default() -> None:
    assert load(X_ROOT="/t") == Example(max_sessions=4, root=Path("/t"), backend="auto")


def test_every_problem_is_named_in_one_message() -> None:
    with pytest.raises(ConfigError) as caught:
        load(X_MAX_SESSIONS="none", X_BACKEND="swx")
    text = str(caught.value)
    assert "X_ROOT is not set" in text
    assert "X_MAX_SESSIONS='none' must be a whole number" in text
    assert "did you mean sw?" in text


def test_an_unknown_variable_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="X_MAX_SESION is not a setting; did you mean X_MAX_SESSIONS"):
        load(X_ROOT="/t", X_MAX_SESION="2")


def test_the_secret_file_is_no_unknown_setting() -> None:
    assert load(X_ROOT="/t", X_SECRET_FILE="/s").root == Path("/t")


def test_variables_of_others_are_ignored() -> None:
    assert load(X_ROOT="/t", Y_WHATEVER="1").max_sessions == 4


def test_the_secret_is_the_trimmed_content_of_the_named_file(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("0123456789abcdef0123\n")
    secret = config.load_secret({"X_SECRET_FILE": str(tmp_path / "s")}, "X_")
    assert secret is not None
    assert secret.reveal() == b"0123456789abcdef0123"


def test_the_secret_comes_from_the_systemd_credential_when_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "fleet-secret").write_text("0123456789abcdef")
    secret = config.load_secret({"CREDENTIALS_DIRECTORY": str(tmp_path)}, "X_")
    assert secret is not None
    assert secret.reveal() == b"0123456789abcdef"


def test_no_secret_is_configured_when_nothing_names_one(tmp_path: Path) -> None:
    assert config.load_secret({}, "X_") is None
    assert config.load_secret({"CREDENTIALS_DIRECTORY": str(tmp_path)}, "X_") is None


@pytest.mark.parametrize("content", ["", "short"])
def test_a_secret_too_short_to_be_one_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "s").write_text(content)
    with pytest.raises(ConfigError, match="at least 16"):
        config.load_secret({"X_SECRET_FILE": str(tmp_path / "s")}, "X_")


def test_a_secret_file_that_cannot_be_read_is_an_error_and_not_no_secret(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load_secret({"X_SECRET_FILE": str(tmp_path / "missing")}, "X_")


@pytest.mark.parametrize("bind", ["0.0.0.0:80", "10.0.0.1:80", "[::]:80", "example:80"])
def test_listening_beyond_loopback_needs_a_secret(bind: str) -> None:
    with pytest.raises(ConfigError, match="without a fleet secret"):
        config.check_bind(bind, None)
    config.check_bind(bind, Secret(b"0123456789abcdef"))


@pytest.mark.parametrize("bind", ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "localhost:80"])
def test_loopback_needs_no_secret(bind: str) -> None:
    config.check_bind(bind, None)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (config.port, "0"),
        (config.port, "70000"),
        (config.seconds, "-1"),
        (config.seconds, "nan"),
        (config.seconds, "soon"),
        (config.seconds, "1e9"),
        (config.boolean, "maybe"),
        (config.bind_address, "32481"),
        (config.url, "10.0.0.1:80"),
        (config.url, "http://10.0.0.1/path"),
        (config.url, "https://10.0.0.1:80"),
        (config.url, "http://somebody@10.0.0.1:80"),
        (config.url_list, "http://a:1,b"),
        (config.absolute_path, "relative"),
        (config.path_list, "/a,b"),
    ],
)
def test_a_bad_value_is_refused_with_a_phrase_that_says_what_it_must_be(parse: object, text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text)  # type: ignore[operator]
    assert len(str(caught.value)) > 5


def test_a_url_loses_the_slash_at_its_end_and_nothing_else() -> None:
    assert [config.url(text) for text in ("http://fox/", "http://fox:1//", "http://fox")] == [
        "http://fox",
        "http://fox:1",
        "http://fox",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("true", True), ("Yes", True), ("yes", True), ("0", False), ("FALSE", False), ("no", False)],
)
def test_every_word_for_yes_and_no_means_what_it_says(text: str, value: bool) -> None:
    assert config.boolean(text) is value
