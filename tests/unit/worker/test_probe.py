"""What ffprobe says, read and remembered."""

import json
import os
from pathlib import Path

import pytest

from scaleplex.worker.confine import Launcher
from scaleplex.worker.probe import Prober, probed, read_probe, source

ANSWER = {
    "streams": [
        {
            "index": 0, "codec_name": "hevc", "codec_type": "video", "profile": "Main 10", "width": 3840,
            "height": 2160, "sample_aspect_ratio": "1:1", "pix_fmt": "yuv420p10le", "level": 153,
            "field_order": "progressive", "avg_frame_rate": "24000/1001", "color_transfer": "smpte2084",
            "color_primaries": "bt2020", "color_space": "bt2020nc", "tags": {"language": "eng"},
            "disposition": {"default": 1, "forced": 0},
        },
        {
            "index": 1, "codec_name": "truehd", "codec_type": "audio", "id": "0x1100", "channels": 8,
            "channel_layout": "7.1", "sample_rate": "48000", "bits_per_raw_sample": "24", "bit_rate": "4000000",
        },
        {"index": 2, "codec_name": "mjpeg", "codec_type": "video", "disposition": {"attached_pic": 1}},
        {"index": 3, "codec_type": "data"},
    ],
    "format": {"duration": "5412.320000", "start_time": "0.021000"},
}  # fmt: skip


def text(**changes: object) -> bytes:
    return json.dumps(ANSWER | changes).encode()


def test_every_value_of_a_stream_comes_from_ffprobe() -> None:
    video, audio, picture, other = probed([read_probe(text())]).inputs[0]
    assert (video.codec, video.profile, video.width, video.level, video.sar) == ("hevc", "Main 10", 3840, 153, "1:1")
    assert (video.frame_rate, video.language, video.dispositions) == (24000 / 1001, "eng", ("default",))
    assert (video.interlaced, video.bitrate, video.bit_depth, video.container_id) == (False, None, None, 0)
    assert (audio.container_id, audio.channels, audio.layout, audio.bit_depth) == (0x1100, 8, "7.1", 24)
    assert (audio.bitrate, audio.sample_rate) == (4_000_000, 48000)
    assert picture.attached_picture
    assert other.media == "data"


@pytest.mark.parametrize("unknown", ["unknown", "N/A", ""])
def test_what_ffprobe_does_not_know_is_not_made_up(unknown: str) -> None:
    stream = {
        "index": 0, "codec_type": "video", "codec_name": "h264", "level": -99, "profile": unknown,
        "sample_aspect_ratio": "0:1", "avg_frame_rate": "0/0", "field_order": "unknown",
    }  # fmt: skip
    ((video,),) = probed([read_probe(text(streams=[stream]))]).inputs
    assert (video.level, video.profile, video.sar, video.frame_rate, video.interlaced) == (
        None,
        None,
        None,
        None,
        False,
    )


def test_a_field_order_other_than_progressive_is_interlaced() -> None:
    for order in ("tt", "bb", "tb", "bt"):
        streams = [{"index": 0, "codec_type": "video", "field_order": order}]
        ((video,),) = probed([read_probe(text(streams=streams))]).inputs
        assert video.interlaced


def test_the_duration_is_that_of_the_first_input() -> None:
    film, subtitle = read_probe(text()), read_probe(text(format={"duration": "9"}))
    assert probed([film, subtitle]).duration_seconds == 5412.32
    assert probed([None, subtitle]).duration_seconds is None
    assert probed([]).inputs == ()


def test_the_translator_gets_what_it_asks_of_a_source() -> None:
    known = source([read_probe(text())])
    assert known is not None
    video = known.streams[0]
    assert (video.transfer, video.primaries, video.matrix) == ("smpte2084", "bt2020", "bt2020nc")
    assert (video.bit_depth, video.width_px, video.input_index) == (10, 3840, 0)
    assert (known.duration_seconds, known.start_seconds) == (5412.32, 0.021)
    assert source([None]) is None
    assert source([]) is None


@pytest.mark.parametrize(("pixels", "bits"), [("yuv420p", 8), ("yuv420p12le", 12), ("p010le", 10), ("yuvj420p", 8)])
def test_the_bit_depth_of_video_is_that_of_its_pixels(pixels: str, bits: int) -> None:
    known = source([read_probe(text(streams=[{"index": 0, "codec_type": "video", "pix_fmt": pixels}]))])
    assert known is not None
    assert known.streams[0].bit_depth == bits


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"streams": 5}', b"\xff"])
def test_an_answer_that_is_not_ffprobes_is_an_error(answer: bytes) -> None:
    with pytest.raises(ValueError):
        read_probe(answer)


class Counting:
    """An ffprobe that counts how often it ran."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "ran"
        self.program = directory / "ffprobe"
        (directory / "answer").write_bytes(text())
        self.program.write_text(f'#!/bin/sh\necho "$@" >> {self.log}\nexec cat {directory}/answer\n')
        self.program.chmod(0o755)

    @property
    def runs(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.mkv"
    path.write_bytes(b"x" * 100)
    return path


def test_a_file_is_probed_once_as_far_as_plex_allows(tmp_path: Path, film: Path) -> None:
    counting = Counting(tmp_path)
    prober = Prober(counting.program, Launcher())
    assert prober.known(str(film)) is None
    first = prober.probe(str(film), ("-probesize", "20000000"))
    assert first is prober.probe(str(film)) is prober.known(str(film))
    (run,) = counting.runs
    assert "-probesize 20000000 -protocol_whitelist file -format_whitelist matroska,mov," in run


def test_the_first_frame_is_looked_at_once_and_only_where_asked(tmp_path: Path, film: Path) -> None:
    counting = Counting(tmp_path)
    prober = Prober(counting.program, Launcher())
    seen = prober.probe(str(film))
    assert seen is not None
    assert seen.mastering is None
    assert len(counting.runs) == 1
    seen = prober.probe(str(film), frames=True)
    assert seen is not None
    assert seen.mastering is False
    assert seen is prober.probe(str(film), frames=True) is prober.probe(str(film))
    assert len(counting.runs) == 2
    assert "-select_streams v:0 -read_intervals %+#1" in counting.runs[1]


def test_mastering_metadata_of_the_first_frame_reaches_the_translator(tmp_path: Path, film: Path) -> None:
    counting = Counting(tmp_path)
    prober = Prober(counting.program, Launcher())
    prober.probe(str(film))
    said = '{"frames": [{"side_data_list": [{"side_data_type": "Mastering display metadata"}]}]}'
    (tmp_path / "answer").write_text(said)
    facts = source([prober.probe(str(film), frames=True)])
    assert facts is not None
    assert {stream.mastering for stream in facts.streams if stream.media == "video"} == {True}
    assert {stream.mastering for stream in facts.streams if stream.media != "video"} <= {None}


def test_a_probe_that_takes_too_long_is_given_up(tmp_path: Path, film: Path) -> None:
    counting = Counting(tmp_path)
    counting.program.write_text("#!/bin/sh\nexec sleep 60\n")
    assert Prober(counting.program, Launcher()).probe(str(film), seconds=0.2) is None


def test_a_link_to_a_known_file_is_known(tmp_path: Path, film: Path) -> None:
    prober = Prober(Counting(tmp_path).program, Launcher())
    prober.probe(str(film))
    link = tmp_path / "link.mkv"
    link.hardlink_to(film)
    assert prober.known(str(link)) is not None


def test_a_changed_file_is_probed_again(tmp_path: Path, film: Path) -> None:
    counting = Counting(tmp_path)
    prober = Prober(counting.program, Launcher())
    prober.probe(str(film))
    os.utime(film, ns=(1, 1))
    assert prober.known(str(film)) is None
    prober.probe(str(film))
    with film.open("ab") as file:
        file.write(b"x")
    os.utime(film, ns=(1, 1))
    assert prober.known(str(film)) is None
    assert len(counting.runs) == 2


def test_a_file_that_cannot_be_probed_is_not_remembered(tmp_path: Path, film: Path) -> None:
    counting = Counting(tmp_path)
    counting.program.write_text("#!/bin/sh\nexit 1\n")
    prober = Prober(counting.program, Launcher())
    assert prober.probe(str(film)) is None
    assert prober.known(str(film)) is None
    assert Prober(tmp_path / "missing", Launcher()).probe(str(film)) is None
    assert prober.probe(str(tmp_path / "missing.mkv")) is None
