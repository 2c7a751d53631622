"""Behind the policy: what an ffmpeg without our patches still cannot do, layer by layer.

The stock twin reads values of options from files, which ours does not. Each layer has to stop it alone, since each is
there for the day on which the others have a hole.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from scaleplex.worker import command
from scaleplex.worker.confine import Grants, Launcher
from scaleplex.worker.policy.graphs import FILTERS
from scaleplex.worker.policy.options import FLAG, INPUT_FORMATS, LIBRARY_FORMATS, OPTIONS
from tests.ffmpeg.conftest import clip, ffmpeg
from tests.ffmpeg.programs import QUIET, stock_ffmpeg
from tests.ffmpeg.test_surface import DEMUXERS, listed

__all__ = ["clip", "ffmpeg"]
pytestmark = pytest.mark.ffmpeg
WORD = "5ecret-0f-the-fleet"


class Room:
    """A media root with a film, a session directory, and a secret beside them."""

    def __init__(self, place: Path, clip: Path, ffmpeg: Path) -> None:
        self.media, self.session, self.programs = place / "media", place / "session", place / "programs"
        for directory in (self.media, self.session, self.programs, place / "home"):
            directory.mkdir()
        self.film = self.media / "film.mkv"
        shutil.copy(clip, self.film)
        self.secret = place / "secret"
        self.secret.write_text(WORD)
        self.outside = place / "outside.mkv"
        shutil.copy(clip, self.outside)
        self.stock = self.programs / "ffmpeg"
        shutil.copy(stock_ffmpeg(), self.stock)
        shutil.copy(ffmpeg.resolve().with_name("confine"), self.programs / "confine")
        self.launcher = Launcher.beside(self.stock)
        self.grants = Grants(reads=(str(self.media),), writes=(str(self.session), str(place / "home")))

    def run(self, words: Sequence[str], *, boxed: bool) -> subprocess.CompletedProcess[str]:
        """Run the stock ffmpeg, in the box or without."""
        start = self.launcher.words(self.stock, self.grants) if boxed else [str(self.stock)]
        return subprocess.run(
            [*start, *QUIET, *words], cwd=self.session, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture
def room(tmp_path: Path, clip: Path, ffmpeg: Path) -> Room:
    return Room(tmp_path, clip, ffmpeg)


@pytest.fixture
def boxed_room(room: Room) -> Room:
    if room.launcher.missing is not None:
        pytest.skip(f"not confined here: {room.launcher.missing}")
    return room


def test_a_file_that_is_nothing_a_library_holds_is_not_read(room: Room) -> None:
    picture = room.media / "film.mp4"
    picture.write_bytes(b"YUV4MPEG2 W2 H2 F1:1 C420\nFRAME\n" + bytes(6))
    words = ["-i", str(picture), "-f", "null", "-"]
    assert room.run(words, boxed=False).returncode == 0
    limits = [word for name, value in command.INPUT_LIMITS for word in ("-" + name, value)]
    done = room.run([*limits, *words], boxed=False)
    assert done.returncode != 0
    assert "whitelist" in done.stderr
    assert room.run([*limits, "-i", str(room.film), "-t", "1", "-f", "null", "-"], boxed=False).returncode == 0


def test_every_format_of_a_library_is_one_that_ffmpeg_knows_and_none_lists_other_files(ffmpeg: Path) -> None:
    assert [name for name in LIBRARY_FORMATS if name not in listed(ffmpeg, "demuxers")] == []
    assert [name for name in (*LIBRARY_FORMATS, *INPUT_FORMATS) if name in DEMUXERS | {"lavfi", "data"}] == []


READS = {
    "argument of a filter": ("-i", "FILM", "-vf", "scale=/w=SECRET:h=36", "-frames:v", "1", "-f", "null", "-"),
    "option": ("-i", "FILM", "-/vf", "SECRET", "-frames:v", "1", "-f", "null", "-"),
    "graph script": ("-i", "FILM", "-filter_complex_script", "SECRET", "-f", "null", "-"),
    "input": ("-f", "data", "-i", "SECRET", "-map", "0", "-c", "copy", "-f", "data", "-"),
    "input of text": ("-f", "rawvideo", "-s", "1x1", "-pix_fmt", "gray", "-i", "SECRET", "-f", "rawvideo", "-"),
}


@pytest.mark.parametrize("way", READS)
def test_the_box_keeps_a_secret_from_an_ffmpeg_that_is_told_to_read_it(boxed_room: Room, way: str) -> None:
    room = boxed_room
    words = [w.replace("FILM", str(room.film)).replace("SECRET", str(room.secret)) for w in READS[way]]
    if way not in ("input",):
        open_ = room.run(words, boxed=False)
        assert WORD in open_.stdout + open_.stderr
    done = room.run(words, boxed=True)
    assert done.returncode != 0
    assert WORD not in done.stdout + done.stderr
    assert "Permission denied" in done.stderr or "Error opening file" in done.stderr


def test_the_box_keeps_an_ffmpeg_from_writing_elsewhere(boxed_room: Room) -> None:
    room = boxed_room
    target = room.media.parent / "pwned"
    encoded = ("-i", str(room.film), "-frames:v", "2", "-map", "0:v", "-c:v", "libx264", "-x264-params")
    for words in (
        ("-i", str(room.film), "-t", "1", "-c", "copy", "-f", "matroska", str(target)),
        ("-i", str(room.film), "-t", "1", "-c", "copy", "-f", "matroska", str(room.media / "pwned")),
        ("-i", str(room.film), "-t", "1", "-map", "0:v", "-c", "copy", "-f", "matroska", "md5:" + str(target)),
        (*encoded, f"'stats'={target}:pass=1", "-f", "null", "-"),
    ):
        room.run(words, boxed=True)
        assert not list(room.media.parent.glob("pwned*"))
        assert os.listdir(room.media) == ["film.mkv"]


def test_a_transcode_goes_on_in_the_box(boxed_room: Room) -> None:
    words = ("-i", str(boxed_room.film), "-t", "2", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-sn")
    done = boxed_room.run((*words, "-f", "dash", "-seg_duration", "1", "out.mpd"), boxed=True)
    assert done.returncode == 0, done.stderr
    assert (boxed_room.session / "out.mpd").exists()


#: The translator takes it out, as long as no worker's ffmpeg can draw text.
NOT_OF_OUR_FFMPEG = {"map_inlineass"}


#: What ffmpeg says of each option it takes off the command line, with a remark in between for some.
MATCHED = re.compile(
    r"Reading option '-(.*?)' \.\.\.(?:Routing [^\n]*\n)? matched as .* with argument '?(.*?)'?\.$", re.MULTILINE
)


def test_ffmpeg_takes_options_and_values_apart_as_the_policy_does(ffmpeg: Path) -> None:
    """If one reads a word as a value and the other as an option or an output, the policy looks at the wrong one."""
    names = [name for name in OPTIONS if name not in NOT_OF_OUR_FFMPEG]
    words = [w for name in names for w in (("-" + name,) if OPTIONS[name].value == FLAG else ("-" + name, "-value"))]
    said = subprocess.run(
        [ffmpeg, "-loglevel", "debug", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    ).stderr
    read = dict(MATCHED.findall(said))
    wanted = {name: ("0", "1") if OPTIONS[name].value == FLAG else ("-value",) for name in names}
    assert [name for name in names if read.get(name) not in wanted[name]] == []


#: Of Plex's own filters and of an older FFmpeg; the translator takes them out or changes them.
NOT_OF_OUR_FILTERS = {"ocl", "icl", "args", *FILTERS["inlineass"].keys, *FILTERS["hwdownload"].keys}


def test_ffmpeg_knows_the_arguments_the_policy_lets_through(ffmpeg: Path) -> None:
    """A misspelt one would refuse what Plex writes."""
    known = set(NOT_OF_OUR_FILTERS)
    for about in ("full", *(f"filter={name}" for name in FILTERS)):
        said = subprocess.run([ffmpeg, "-hide_banner", "-h", about], capture_output=True, text=True, check=False).stdout
        known.update(re.findall(r"^ {2,4}-?([A-Za-z0-9_]+) +\[?<", said, re.MULTILINE))
    assert sorted({key for arguments in FILTERS.values() for key in arguments.keys} - known) == []
