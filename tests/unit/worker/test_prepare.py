"""What a worker looks at before it translates, and what it hands back to the Plex host."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from scaleplex.common.config import load
from scaleplex.common.errors import InputMissing, LocalOnly, PolicyRefusal, StorageHung
from scaleplex.protocol.messages import TaskRequest
from scaleplex.translator import Hardware
from scaleplex.worker import policy
from scaleplex.worker.config import PREFIX, WorkerConfig
from scaleplex.worker.confine import Launcher
from scaleplex.worker.equipment import Equipment
from scaleplex.worker.policy import Site
from scaleplex.worker.prepare import STORAGE_SECONDS, Preparer
from scaleplex.worker.probe import Prober
from scaleplex.worker.storage import Storage
from scaleplex.worker.task import Prepared
from tests.support.hung import HungMount

NOBODY = 65534
JOB = "0f0e0d0c-0b0a-4090-8080-706050403020"
UNTAGGED = {"streams": [{"index": 0, "codec_type": "video", "codec_name": "hevc", "pix_fmt": "yuv420p10le"}]}
SOFTWARE, INTEL = Equipment(), Equipment("vaapi", Hardware("/dev/dri/renderD128", "iHD", tonemap="cpu"))
SDR = "[0:0]scale=w=4:h=4[0];[0]format=pix_fmts=yuv420p|nv12[1]"
TONE_MAPPED = "[0:0]scale=w=4:h=4[0];[0]format=p010,tonemap=hable[1];[1]format=pix_fmts=yuv420p|nv12[2]"


class Stand:
    """A worker's preparation, with an ffprobe that counts how often it is asked."""

    def __init__(self, room: Path, equipment: Equipment = SOFTWARE, storage_seconds: float = STORAGE_SECONDS) -> None:
        self.session_directory = room / f"transcode/Sessions/plex-transcode-s-{JOB}"
        self.session_directory.mkdir(parents=True)
        self.film = room / "media" / "film.mkv"
        self.film.parent.mkdir()
        self.film.touch()
        self.asked = room / "asked"
        self.asked.touch()
        ffprobe = room / "ffprobe"
        ffprobe.write_text(f"#!/bin/sh\necho asked >> {self.asked}\ncat <<'EOF'\n{json.dumps(UNTAGGED)}\nEOF\n")
        ffprobe.chmod(0o755)
        self.reasons: list[str] = []
        site = Site(str(room / "transcode"), (str(room / "media"), str(room / "music")), 32400)
        config = load(WorkerConfig, PREFIX, {})
        self.preparer = Preparer(
            config,
            lambda: equipment,
            Prober(ffprobe, Launcher()),
            site,
            lambda job, attempt: f"http://127.0.0.1:9/cb/{attempt}/{'a' * 40}",
            lambda _, reason: self.reasons.append(reason),
            Storage(room / "transcode"),
            storage_seconds=storage_seconds,
        )

    def prepare(self, *words: str, before: Sequence[str] = ("-codec:0", "hevc")) -> Prepared:
        args = (*before, "-i", str(self.film), *words)
        cwd = str(self.session_directory)
        return self.preparer.prepare(TaskRequest("s", JOB, 1, "", args, cwd, plex_pass=True))

    @property
    def looks(self) -> int:
        return len(self.asked.read_text().splitlines())


MakeStand = Callable[..., Stand]


@pytest.fixture
def stand(tmp_path: Path) -> MakeStand:
    return lambda equipment=SOFTWARE: Stand(tmp_path, equipment)


def encoded(graph: str, label: str, encoder: str = "libx264") -> list[str]:
    return ["-filter_complex", graph, "-map", f"[{label}]", "-codec:0", encoder, "-f", "dash", "dash"]


def test_an_untagged_film_is_taken_for_hdr_the_first_time_it_plays_on_a_processor(stand: MakeStand) -> None:
    made = stand()
    task = made.prepare(*encoded(TONE_MAPPED, "2"), before=("-codec:0", "av1"))
    assert "color_trc=smpte2084" in " ".join(task.argv)
    assert "decode:0:av1->none" in task.labels
    made.prepare(*encoded(TONE_MAPPED, "2"))
    assert made.looks == 1


@pytest.mark.parametrize(
    "words",
    [encoded(SDR, "1"), ["-map", "0:0", "-codec:0", "copy", "-f", "dash", "dash"]],
    ids=["sdr", "copied"],
)
def test_a_processor_does_not_wait_for_a_look_that_changes_nothing(words: list[str], stand: MakeStand) -> None:
    made = stand()
    made.prepare(*words)
    assert made.looks == 0


def test_a_command_line_longer_than_any_real_one_is_refused_before_it_is_read(stand: MakeStand) -> None:
    with pytest.raises(PolicyRefusal, match="Rule size:"):
        stand().prepare(*["-y"] * (policy.ARGS_MAX_ITEMS + 1))


def test_a_gpu_looks_at_every_film_once(stand: MakeStand) -> None:
    made = stand(INTEL)
    made.prepare(*encoded(SDR, "1"))
    made.prepare(*encoded(SDR, "1"))
    assert made.looks == 1


VAAPI = ("-hwaccel:0", "vaapi", "-hwaccel_output_format:0", "vaapi", "-hwaccel_device:0", "vaapi",
         "-init_hw_device", "vaapi=vaapi:/dev/dri/renderD128", "-filter_hw_device", "vaapi")  # fmt: skip
DEINTERLACED = "[0:0]deinterlace_vaapi[0];[0]scale_vaapi=w=4:h=4:format=nv12[1]"
NVIDIA = Equipment("nvenc", Hardware("0"))


@pytest.mark.parametrize("equipment", [SOFTWARE, NVIDIA], ids=["sw", "nvenc"])
def test_a_command_for_other_hardware_that_is_not_understood_goes_back_to_the_plex_host(
    equipment: Equipment, stand: MakeStand
) -> None:
    made = stand(equipment)
    with pytest.raises(LocalOnly) as refused:
        made.prepare(*encoded(DEINTERLACED, "1", "h264_vaapi"), before=VAAPI)
    assert refused.value.detail.startswith("filter:deinterlace_vaapi was not understood, and -hwaccel:0 vaapi")
    assert made.reasons == ["filter:deinterlace_vaapi"]


def test_a_command_for_a_workers_own_hardware_runs_although_it_is_not_understood(stand: MakeStand) -> None:
    made = stand(INTEL)
    task = made.prepare(*encoded(DEINTERLACED, "1", "h264_vaapi"), before=VAAPI)
    assert (task.bail, made.reasons) == ("filter:deinterlace_vaapi", ["filter:deinterlace_vaapi"])


def test_a_software_command_that_is_not_understood_runs_on_any_worker(stand: MakeStand) -> None:
    assert stand(NVIDIA).prepare(*encoded("[0:0]yadif[1]", "1")).bail == "filter:yadif"


@pytest.mark.parametrize("what", ["session_directory", "media"])
def test_a_directory_that_hangs_is_a_refusal_and_not_a_thread_that_waits_for_ever(tmp_path: Path, what: str) -> None:
    stand = Stand(tmp_path, storage_seconds=0.3)
    path = stand.session_directory if what == "session_directory" else stand.film.parent
    with HungMount(path), pytest.raises(StorageHung, match="has not answered"):
        stand.prepare(*encoded(SDR, "1"))


@contextmanager
def somebody_else() -> Iterator[None]:
    """Be an account without rights for a while; root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_an_input_that_may_not_be_read_is_told_and_not_tried() -> None:
    # Not below a test run's own directory, which other accounts may not enter.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        room = Path(name)
        made = Stand(room)
        room.chmod(0o755)
        made.session_directory.chmod(0o777)
        made.film.chmod(0)
        with somebody_else(), pytest.raises(InputMissing, match=r"film\.mkv cannot be read by this worker") as caught:
            made.prepare(*encoded(SDR, "1"))
        assert "readable for uid" in caught.value.hint
        made.film.chmod(0o644)
        with somebody_else():
            made.prepare(*encoded(SDR, "1"))


def test_a_job_is_granted_the_roots_it_reads_from_and_the_directories_it_writes_to(stand: MakeStand) -> None:
    made = stand()
    optimized = made.film.parent / "Plex Versions/TV/.inProgress"
    optimized.mkdir(parents=True)
    grants = made.prepare("-map", "0:0", "-codec:0", "copy", "-f", "mp4", str(optimized / "film.mp4.1")).grants
    assert grants.reads == (str(made.film.parent),)  # and not the root no input lies in
    assert grants.writes == (str(made.session_directory), str(optimized))
    assert grants.port is None
