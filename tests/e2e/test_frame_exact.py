"""Every frame where the film's own time line wants it, over play, far seeks and a change of quality."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from scaleplex.demo.clips import FILM_RATE
from scaleplex.demo.fleet import Fleet
from tests.support.client import Client
from tests.support.media_reader import (
    Beep,
    Frame,
    first_frame_at,
    read_beeps,
    read_frames,
    read_sound_packets,
)

pytestmark = [pytest.mark.ffmpeg, pytest.mark.xdist_group("fleet")]
FLEET_SETTINGS = {"pms_settings": {"THROTTLE_BUFFER_SECONDS": "3", "REACH_SECONDS": "6"}}

SEGMENT_SECONDS = 3
# -max_delay 5000000 puts mpegts 10 s later, output_ts_offset=10 does the same for Matroska.
CONTAINER_SHIFT_SECONDS = {"dash": 0.0, "hls": 10.0, "hls-mkv": 10.0}
AAC_FRAME_SECONDS = 1024 / 48000
BEEP_SECONDS_AFTER_CUT = 0.15  # a beep cut by the start of a stretch is heard late
# name, first segment, how many; the last one runs to the end of the film
STRETCHES = (("play", 0, 4), ("seek", 14, 3), ("seek back", 5, 3), ("quality", 9, 3), ("seek to the end", 18, 3))


@dataclass(frozen=True)
class Stretch:
    """What one job sent, decoded."""

    name: str
    first: int
    count: int
    frames: list[Frame]
    beeps: list[Beep]
    packets: list[float]


@dataclass(frozen=True)
class Journey:
    """A playback with seeks."""

    protocol: str
    client: Client
    stretches: list[Stretch]
    last_frame: int
    jobs: int


@pytest.fixture(scope="module", params=["dash", "hls", "hls-mkv"])
def journey(
    request: pytest.FixtureRequest, fleet: Fleet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Journey]:
    """Play, seek three times and change the quality in one session, and decode what came."""
    client = Client(fleet, request.param)
    folder = tmp_path_factory.mktemp(f"journey-{request.param}")
    client.start(videoQualityName="360p")
    files: list[tuple[str, int, int, list[Path]]] = []
    for name, first, count in STRETCHES:
        if name == "quality":
            client.start(videoQualityName="240p", offset=first * SEGMENT_SECONDS)
        files.append((name, first, count, client.fetch_to_files(first, count, folder)))
    stretches = [
        Stretch(name, first, count, read_frames(video), read_beeps(sound), read_sound_packets(sound))
        for name, first, count, (video, sound) in files
    ]
    item = client.get("/standin/library").json()["items"][0]
    yield Journey(request.param, client, stretches, item["frames"] - 1, len(client.jobs()))
    client.stop()


def test_each_seek_and_change_of_quality_starts_a_job_of_its_own(journey: Journey) -> None:
    assert journey.jobs == len(STRETCHES)


def test_no_frame_is_missing_and_none_comes_twice(journey: Journey) -> None:
    for stretch in journey.stretches:
        begin = first_frame_at(stretch.first * SEGMENT_SECONDS, FILM_RATE)
        # A job cuts at whole segment lengths from its own first frame.
        end = begin + first_frame_at(stretch.count * SEGMENT_SECONDS, FILM_RATE)
        expected = list(range(begin, min(end, journey.last_frame + 1)))
        assert [frame.number for frame in stretch.frames] == expected, stretch.name


def test_every_frame_is_shown_at_its_own_time_in_the_film(journey: Journey) -> None:
    shift = CONTAINER_SHIFT_SECONDS[journey.protocol]
    for stretch in journey.stretches:
        for frame in stretch.frames:
            assert frame.number is not None
            due = float(Fraction(frame.number) / FILM_RATE) + shift
            assert frame.seconds == pytest.approx(due, abs=0.002), stretch.name


def test_sound_is_within_one_aac_frame_of_the_picture(journey: Journey) -> None:
    shift = CONTAINER_SHIFT_SECONDS[journey.protocol]
    for stretch in journey.stretches:
        begin = stretch.first * SEGMENT_SECONDS + shift
        heard = [beep for beep in stretch.beeps if beep.seconds > begin + BEEP_SECONDS_AFTER_CUT]
        assert len(heard) >= 2 * SEGMENT_SECONDS, stretch.name
        for beep in heard:
            second = round(beep.seconds - shift)
            assert second % 16 == beep.second_mod_16, stretch.name
            assert beep.seconds - shift == pytest.approx(second, abs=AAC_FRAME_SECONDS), stretch.name


def test_sound_has_neither_gap_nor_overlap(journey: Journey) -> None:
    for stretch in journey.stretches:
        steps = [after - before for before, after in zip(stretch.packets, stretch.packets[1:], strict=False)]
        assert all(step == pytest.approx(AAC_FRAME_SECONDS, abs=0.0011) for step in steps), stretch.name


def test_the_server_sees_no_breach_of_its_contract(journey: Journey) -> None:
    assert journey.client.violations() == []


@pytest.mark.parametrize("protocol", ["dash", "hls", "hls-mkv"])
def test_a_film_played_to_its_end_has_every_frame_in_its_own_segment(
    fleet: Fleet, tmp_path: Path, protocol: str
) -> None:
    client = Client(fleet, protocol)
    client.start(videoQualityName="240p")
    item = client.get("/standin/library").json()["items"][0]
    segments = -int(-item["duration_seconds"] // SEGMENT_SECONDS)
    video, sound = client.fetch_to_files(0, segments, tmp_path)
    breaches = client.violations()
    client.stop()
    assert breaches == []
    assert [frame.number for frame in read_frames(video)] == list(range(item["frames"]))
    assert len(read_beeps(sound)) == int(item["duration_seconds"])
