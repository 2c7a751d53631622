"""A whole worker on the software driver: it finds the device, plays a job through it, and survives a driver that fails.

Nothing here says how a real GPU fails, hangs or shares itself among tasks; see README.md.
"""

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.integration.worker.stand import FakeRelay, Job, Worker, make_job, plex_url
from tests.softva.device import Device

pytestmark = [pytest.mark.ffmpeg, pytest.mark.slow, pytest.mark.xdist_group("softva")]


@pytest.fixture
def relay() -> Iterator[FakeRelay]:
    made = FakeRelay()
    yield made
    made.close()


def start(vaapi: Device, ffmpeg: Path, room: Path, **knobs: str) -> Worker:
    """Start a worker whose ffmpeg brings the device along."""
    room.mkdir()
    program = vaapi.program(ffmpeg, room, knobs)
    settings = {"BACKEND": "vaapi", "DEVICE": vaapi.node, "WARM_UP": "1"}
    return Worker(room, program, program.with_name("ffprobe"), settings)


def wait_until_ready(worker: Worker) -> None:
    deadline = time.monotonic() + 90
    while worker.ask("GET", "/readyz")[0] != 200:
        assert time.monotonic() < deadline, worker.log()
        time.sleep(0.2)


HEVC = ("libx265", "-preset", "ultrafast", "-x265-params", "log-level=none")
HIGH_10 = ("libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le")


def job(worker: Worker, ffmpeg: Path, relay: FakeRelay, codec: str = "hevc", encoder: Sequence[str] = HEVC) -> Job:
    """Return a DASH job as a Plex host with an Intel GPU writes it."""
    film = worker.root / "media" / "Film (2020).mkv"
    if not film.exists():
        picture = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=4", "-f", "lavfi", "-i", "sine=d=4"]
        video = ["-c:v", *encoder]
        subprocess.run([ffmpeg, "-v", "error", *picture, *video, "-c:a", "aac", "-ac", "2", film], check=True)

    def args(session: str, name: str) -> list[str]:
        return [
            *("-codec:0", codec, "-hwaccel:0", "vaapi", "-hwaccel_output_format:0", "vaapi"),
            *("-hwaccel_device:0", "vaapi", "-codec:1", "aac", "-i", str(film), "-start_at_zero", "-copyts"),
            *("-init_hw_device", "vaapi=vaapi:/dev/dri/renderD128,driver=iHD", "-filter_hw_device", "vaapi", "-y"),
            *("-nostats", "-loglevel", "quiet", "-loglevel_plex", "error"),
            *("-progressurl", plex_url(session, name, "progress"), "-filter_complex"),
            "[0:0]hwupload[0];[0]scale_vaapi=w=320:h=180:format=nv12[1];[1]hwupload[2]",
            *("-map", "[2]", "-codec:0", "h264_vaapi", "-qp:0", "22", "-maxrate:0", "1M", "-bufsize:0", "2M"),
            *("-force_key_frames:0", "expr:gte(t,n_forced*1)", "-map", "0:1", "-codec:1", "copy"),
            *("-f", "dash", "-seg_duration", "1", "-dash_segment_type", "mp4"),
            *("-init_seg_name", "init-stream$RepresentationID$.m4s"),
            *("-media_seg_name", "chunk-stream$RepresentationID$-$Number%05d$.m4s", "-window_size", "5"),
            *("-manifest_name", plex_url(session, name, "manifest"), "-avoid_negative_ts", "disabled", "dash"),
        ]

    return make_job(worker, args, relay)


def test_a_worker_finds_the_device_and_plays_through_it(
    vaapi: Device, ffmpeg: Path, tmp_path: Path, relay: FakeRelay
) -> None:
    worker = start(vaapi, ffmpeg, tmp_path / "worker")
    try:
        wait_until_ready(worker)
        capability = json.loads(worker.ask("GET", "/capability")[1])
        assert capability["backend"] == "vaapi"
        vaapi.log.unlink(missing_ok=True)
        made = job(worker, ffmpeg, relay)
        assert made.post().exit()["code"] == 0, worker.log()
        assert (made.cwd / "chunk-stream0-00003.m4s").exists()
        if vaapi.built is not None:
            counted = vaapi.counts()
            assert (counted["dec-hevc"], counted.get("dec-error", 0)) == (100, 0)
            assert counted["enc-h264-idr"] == 4
    finally:
        worker.stop()


def test_a_film_no_gpu_decodes_plays_the_first_time_too(
    vaapi: Device, ffmpeg: Path, tmp_path: Path, relay: FakeRelay
) -> None:
    worker = start(vaapi, ffmpeg, tmp_path / "worker")
    try:
        wait_until_ready(worker)
        vaapi.log.unlink(missing_ok=True)
        made = job(worker, ffmpeg, relay, "h264", HIGH_10)
        assert made.post().exit()["code"] == 0, worker.log()
        assert (made.cwd / "chunk-stream0-00003.m4s").exists()
        if vaapi.built is not None:
            counted = vaapi.counts()
            assert "dec-h264" not in counted
            assert counted["enc-h264-idr"] == 4
    finally:
        worker.stop()


def test_a_driver_that_fails_in_the_middle_ends_the_task_with_its_words(
    vaapi: Device, ffmpeg: Path, tmp_path: Path, relay: FakeRelay
) -> None:
    if vaapi.built is None:
        pytest.skip("a real GPU does not fail on demand")
    worker = start(vaapi, ffmpeg, tmp_path / "worker", FAIL="EndPicture:60")
    try:
        wait_until_ready(worker)
        made = job(worker, ffmpeg, relay)
        ended = made.post().exit()
        assert ended["reason"] == "failed"
        assert ended["code"] != 0
        assert "ffmpeg" in str(ended["detail"])
        assert json.loads(worker.ask("GET", "/tasks")[1])["tasks"] == []
        assert worker.ask("GET", "/readyz")[0] == 200
    finally:
        worker.stop()
