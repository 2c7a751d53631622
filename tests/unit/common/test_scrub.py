"""What a journal, an answer or a status page never shows."""

import pytest

from scaleplex.common import scrub

CANARY = "Canary"
ROOTS = ("/media", "/media/series", "/srv/films/")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("PUT /cb/1/0123456789abcdef0123/video is away", "PUT /cb/***/video is away"),
        ("url=%2Fcb%2F12%2F0123abc%2Fvideo", "url=%2Fcb/***%2Fvideo"),
        ("?X-Plex-Token=abc-DEF&x=1", "?X-Plex-Token=***&x=1"),
        ("X-Plex-Token: abc", "X-Plex-Token: ***"),
        ("x-plex-token%3Dabc", "x-plex-token%3D***"),
        ("{'X-Plex-Token': 'abc'}", "{'X-Plex-Token': '***'}"),
        ("v2 1 a h - " + "0f" * 32, "v2 1 a h - ***"),
        ("mac=" + "0f" * 20 + ".", "mac=***."),
    ],
)
def test_what_lets_its_reader_act_for_somebody_else_goes(text: str, shown: str) -> None:
    assert scrub.secrets(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "job=1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11 session=f168tc7vl2desp78pov5ktwu",
        "nonce 0123456789abcdef0123456789abcdef",
        "/usr/lib/scaleplex/venv/bin/gunicorn cb/1",
        "",
    ],
)
def test_what_an_operator_needs_stays(text: str) -> None:
    assert scrub.secrets(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/media/Canary (2020)/Canary.mkv: No such file", "/media/***: No such file"),
        ("'/media/Canary: it''s a film.mkv' is missing", "'/media/***' is missing"),
        ("/media/Canary and Canary", "/media/***"),
        ('"/media/Canary" is no file', '"/media/***" is no file'),
        ("/media/series/Canary/S01E01.mkv, /srv/films/Canary.mp4 differ", "/media/series/*** differ"),
        ("cannot open /srv/films/Canary.mkv.", "cannot open /srv/films/***."),
        ("first /media/Canary.mkv\nsecond /media/Canary.mkv\n", "first /media/***\nsecond /media/***\n"),
        ("/media is not mounted", "/media is not mounted"),
        ("/mediathek/open.mkv", "/mediathek/open.mkv"),
    ],
)
def test_below_a_media_root_nothing_is_shown(text: str, shown: str) -> None:
    assert scrub.Titles(ROOTS)(text) == shown
    assert CANARY not in shown


def test_without_roots_and_with_the_root_of_all_nothing_changes() -> None:
    assert scrub.Titles()("/media/x.mkv") == "/media/x.mkv"
    assert scrub.Titles(["/"])("/media/x.mkv") == "/media/x.mkv"
