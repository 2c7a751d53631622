"""A film with several sound tracks and a subtitle file beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scaleplex.demo.fleet import Fleet
from scaleplex.demo.measure import time_until
from tests.support.client import Client
from tests.support.media_reader import read_beeps

pytestmark = [pytest.mark.ffmpeg, pytest.mark.xdist_group("fleet")]
MANY_TONGUES = "/library/metadata/3"
SECONDS = 20.0


@pytest.fixture
def client(fleet: Fleet) -> Iterator[Client]:
    client = Client(fleet, "dash", MANY_TONGUES)
    yield client
    client.stop()


@pytest.mark.parametrize(("index", "language"), [(1, "eng"), (2, "fra"), (3, "deu")])
def test_the_chosen_sound_track_is_heard(client: Client, tmp_path: Path, index: int, language: str) -> None:
    client.start(videoQualityName="240p", audioStreamIndex=index)
    _, sound = client.fetch_to_files(0, 3, tmp_path)
    heard = read_beeps(sound)
    assert client.violations() == []
    assert {beep.language for beep in heard} == {language}
    assert [beep.second_mod_16 for beep in heard] == list(range(1, len(heard) + 1))


def test_a_subtitle_file_travels_beside_the_film_from_the_sought_position(client: Client, fleet: Fleet) -> None:
    client.start(videoQualityName="240p", subtitles="auto", offset=12)
    client.fetch(4)
    cwd = Path(client.jobs()[-1]["cwd"])

    def text() -> str:
        chunks = sorted(cwd.glob("sub-chunk-*"))
        return "".join(path.read_text(encoding="utf-8") for path in chunks)

    assert time_until(lambda: "cue 5 at 20.0 s" in text(), SECONDS) < SECONDS
    assert "[Events]" in (cwd / "sub-header").read_text(encoding="utf-8")
    assert "cue 4 at 14.5 s" in text()
    assert "cue 1 " not in text()
    announced = [stream for stream, _ in client.jobs()[-1]["announced"]]
    assert "subtitles" in announced
    assert client.violations() == []
