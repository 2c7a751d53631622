"""What a client's start request amounts to, and the manifests it gets."""

import pytest

from scaleplex.common.errors import BadField
from scaleplex.demo.pms.decision import decide
from scaleplex.demo.pms.documents import client_mpd, media_playlist
from tests.unit.demo.samples import SESSION, decision, film


def test_an_offset_starts_at_the_segment_it_lies_in() -> None:
    made = decide(film(), {"offset": "46.2"}, "dash", 3)
    assert (made.first_number, made.start_seconds) == (15, 45.0)


def test_an_offset_beyond_the_end_starts_the_last_segment() -> None:
    assert decide(film(), {"offset": "4000"}, "hls", 3).first_number == 20


def test_an_unknown_quality_is_refused() -> None:
    with pytest.raises(BadField, match="quality"):
        decide(film(), {"videoQualityName": "9000p"}, "dash", 3)


def test_a_client_with_a_matroska_profile_gets_matroska() -> None:
    extra = {"X-Plex-Client-Profile-Extra": "add-transcode-target(type=videoProfile&protocol=hls&container=mkv)"}
    assert decide(film(), extra, "hls", 3).protocol == "hls-mkv"


def test_a_sidecar_travels_beside_dash_only_when_asked_for() -> None:
    assert decide(film(), {"subtitles": "auto"}, "dash", 3).subtitle == "side-channel"
    assert decide(film(), {}, "dash", 3).subtitle == "none"
    assert decide(film(), {"subtitles": "auto"}, "hls", 3).subtitle == "none"


def test_the_picture_keeps_its_shape_in_steps_of_four() -> None:
    width, height = decision().size
    assert (width, height) == (852, 480)
    assert width % 4 == height % 4 == 0


def test_the_playlist_covers_the_whole_title_whatever_the_start() -> None:
    text = media_playlist(decision(protocol="hls", number=15))
    lengths = [float(line[len("#EXTINF:") : -1]) for line in text.splitlines() if line.startswith("#EXTINF")]
    assert sum(lengths) == pytest.approx(60.4)
    assert text.count(".ts") == 21
    assert "\n00000.ts" in text


def test_the_mpd_names_headers_and_segments_relative_to_itself() -> None:
    text = client_mpd(decision(number=15), SESSION)
    assert f'media="session/{SESSION}/$RepresentationID$/$Number$.m4s"' in text
    assert 'startNumber="0"' in text
    assert 'mediaPresentationDuration="PT0H1M0.400S"' in text
