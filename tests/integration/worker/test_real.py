"""A worker with our real ffmpeg: what PMS hears and what lies in the session directory."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scaleplex.protocol import manifests, wire
from tests.integration.worker.conftest import put_film
from tests.integration.worker.stand import THROTTLE, FakeRelay, Job, Worker, alive, make_job, plex_url, wait_for

pytestmark = pytest.mark.ffmpeg
Start = Callable[..., Worker]
LAST_PERCENT = 90.0  # of 10 s: whole seconds are counted, and the last timestamp lies before the end


@pytest.fixture
def worker(start_worker: Start, our_ffmpeg: Path) -> Worker:
    return start_worker(our_ffmpeg)


def dash(
    film: Path, *, seek: int = 0, loops: int = 0, size: str = "w=320:h=180", preset: str = "veryfast"
) -> Callable[[str, str], list[str]]:
    """Return a browser's playback as PMS writes it, in segments of a second."""

    def args(session: str, job: str) -> list[str]:
        start = ["-ss", str(seek)] if seek else []
        return [
            "-codec:0", "h264", "-codec:1", "aac", *start, *(["-stream_loop", str(loops)] if loops else []),
            "-analyzeduration", "20000000", "-probesize", "20000000", "-i", str(film),
            "-start_at_zero", "-copyts", *([] if seek else ["-fps_mode", "cfr"]),
            "-y", "-nostats", "-loglevel", "quiet", "-loglevel_plex", "error",
            "-progressurl", plex_url(session, job, "progress"),
            "-filter_complex", f"[0:0]scale={size}:force_divisible_by=4[0];[0]format=pix_fmts=yuv420p|nv12[1]",
            "-map", "[1]", "-codec:0", "libx264", "-crf:0", "23", "-preset:0", preset,
            "-force_key_frames:0", "expr:gte(t,n_forced*1)",
            "-filter_complex", "[0:1] aresample=async=1:ochl='stereo':rematrix_maxval=0.000000dB:osr=48000[2]",
            "-map", "[2]", "-codec:1", "aac", "-b:1", "119k",
            "-f", "dash", "-seg_duration", "1", "-dash_segment_type", "mp4",
            "-init_seg_name", "init-stream$RepresentationID$.m4s",
            "-media_seg_name", "chunk-stream$RepresentationID$-$Number%05d$.m4s", "-window_size", "5",
            "-delete_removed", "false", "-skip_to_segment", str(seek + 1),
            "-manifest_name", plex_url(session, job, "manifest?X-Plex-Http-Pipeline=infinite"),
            "-avoid_negative_ts", "disabled", "-map_metadata", "-1", "-map_chapters", "-1", "dash",
        ]  # fmt: skip

    return args


def names(job: Job) -> list[str]:
    return sorted(path.name for path in job.cwd.iterdir())


def test_a_playback_tells_plex_everything_in_order_and_leaves_complete_segments(
    worker: Worker, relay: FakeRelay, film: Path
) -> None:
    job = make_job(worker, dash(put_film(worker, film)), relay)
    stream = job.post()
    assert stream.spawned()["backend"] == "sw"
    assert stream.exit()["code"] == 0
    own = [call for call in relay.calls if call.kind != "manifest"]
    kinds = [call.kind for call in own]
    details = ["stream", "stream", "streamDetail", "streamDetail"]
    assert kinds[:7] == ["status", *details, "duration", "width"]
    assert set(kinds[7:]) == {"progress"}
    assert float(own[-1].query["progress"]) >= LAST_PERCENT
    # The last progress follows everything that is announced, and only then the stream ends.
    assert [call.kind for call in relay.calls][-2:] == ["manifest", "progress"]
    infos = [json.loads(payload)["event"] for kind, payload in stream.seen if kind == wire.INFO]
    assert infos == ["spawned", "announced"]
    assert own[5].query["duration"].startswith("10.0")
    assert own[6].query == {"width": "320", "height": "180"}
    assert own[4].query["language"] == "eng"
    assert own[3].query["frameRate"] == "25.000"
    assert {call.method for call in own} == {"PUT"}
    assert len({call.connection for call in own}) == 1
    assert all(call.auth for call in relay.calls)
    assert not any(call.body for call in own)
    assert len({call.connection for call in relay.of("manifest")}) == 1
    base = wire.callback_base("", b"a fleet secret for tests", job.session, job.job, 1)
    path = f"{base}/video/:/transcode/session/{job.session}/{job.job}"
    assert {call.path for call in relay.calls} == {
        f"{path}/{tail}" for tail in ("progress", "progress/stream", "progress/streamDetail", "manifest")
    }
    assert b'type="static"' in relay.of("manifest")[-1].body
    chunks = [f"chunk-stream{stream}-{number:05d}.m4s" for stream in (0, 1) for number in range(1, 11)]
    assert set(names(job)) >= {*chunks, "init-stream0.m4s", "init-stream1.m4s"}
    assert not [name for name in names(job) if name.endswith(".tmp")]


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("kind", ["manifest", "progress"])
def test_a_relay_that_refuses_the_worker_ends_the_attempt_at_once_with_one_warning_and_leave_to_go_elsewhere(
    worker: Worker, relay: FakeRelay, film: Path, kind: str, status: int
) -> None:
    usual = relay.answer
    said = '{"error": "unauthorized", "detail": "Another secret.", "hint": "Compare digests."}'
    relay.answer = lambda call: (status, said) if call.kind == kind else usual(call)
    stream = make_job(worker, dash(put_film(worker, film), loops=50), relay).post()
    pid = stream.spawned()["pid"]
    content = stream.exit()
    assert (content["reason"], content["retry"]) == ("callback-refused", True)
    assert "Another secret." in str(content["detail"])
    assert not alive(pid)
    assert worker.log().count("attempt given up") == 1
    assert "Compare digests." in worker.log()
    infos = [json.loads(payload)["event"] for what, payload in stream.seen if what == wire.INFO]
    assert kind == "progress" or "announced" not in infos


def test_a_relay_that_is_away_for_a_while_hears_of_every_segment_afterwards(
    worker: Worker, relay: FakeRelay, film: Path
) -> None:
    usual = relay.answer
    relay.answer = lambda call: (502, "{}") if call.kind == "manifest" else usual(call)
    job = make_job(worker, dash(put_film(worker, film)), relay)
    stream = job.post()
    stream.spawned()
    wait_for(lambda: "chunk-stream0-00010.m4s" in names(job), 60)  # the film is over, and nothing was taken
    refused = len(relay.of("manifest"))
    relay.answer = usual
    assert stream.exit()["code"] == 0
    told = {name for call in relay.of("manifest")[refused:] for name in manifests.read(call.body).names}
    assert told >= {f"chunk-stream{stream}-{number:05d}.m4s" for stream in (0, 1) for number in range(1, 11)}


def test_the_first_progress_after_a_seek_is_on_the_films_own_time_line(
    worker: Worker, relay: FakeRelay, film: Path
) -> None:
    job = make_job(worker, dash(put_film(worker, film), seek=5), relay)
    assert job.post().exit()["code"] == 0
    values = [float(call.query["progress"]) for call in relay.of("progress")]
    assert 50.0 <= values[0] <= 100.0
    assert values == sorted(values)
    assert values[-1] >= LAST_PERCENT
    assert "chunk-stream0-00006.m4s" in names(job)
    assert "chunk-stream0-00001.m4s" not in names(job)


def test_a_throttled_playback_crawls_and_a_freed_one_runs(worker: Worker, relay: FakeRelay, film: Path) -> None:
    usual = relay.answer
    relay.answer = lambda call: (206, THROTTLE) if call.kind == "progress" else usual(call)
    stream = make_job(worker, dash(put_film(worker, film), loops=50), relay).post()
    stream.spawned()

    def position() -> float:
        tasks = json.loads(worker.ask("GET", "/tasks")[1])["tasks"]
        return float(tasks[0]["position_seconds"])

    def speed() -> float:
        before, began = position(), time.monotonic()
        time.sleep(1.0)  # the speed of a real process
        return (position() - before) / (time.monotonic() - began)

    wait_for(lambda: json.loads(worker.ask("GET", "/tasks")[1])["tasks"][0]["throttled"])
    wait_for(lambda: speed() < 0.9, 30.0)  # what was queued before comes first
    relay.answer = usual
    before = position()
    wait_for(lambda: position() > before + 5.0)
    stream.vanish()


def test_a_truncated_film_fails_or_ends_but_never_hangs_and_is_reported(
    worker: Worker, relay: FakeRelay, film: Path
) -> None:
    target = put_film(worker, film)
    os.truncate(target, target.stat().st_size // 3)
    job = make_job(worker, dash(target), relay)
    content = job.post().exit()
    assert (content["reason"], content["code"] == 0) in (("ended", True), ("failed", False))
    assert relay.of("duration")
    assert "chunk-stream0-00001.m4s" in names(job)
    assert "chunk-stream0-00010.m4s" not in names(job)
    assert not [name for name in names(job) if name.endswith(".tmp")]
    assert json.loads(worker.ask("GET", "/tasks")[1])["tasks"] == []


def test_a_file_that_is_no_film_fails_with_what_ffmpeg_said(worker: Worker, relay: FakeRelay) -> None:
    target = worker.root / "media/noise.mkv"
    target.write_bytes(b"no film " * 25_000)  # among random bytes ffmpeg now and then finds a stream
    content = make_job(worker, dash(target), relay).post().exit()
    assert content["reason"] == "failed"
    assert content["code"] != 0
    assert "Invalid data" in str(content["detail"])
    assert relay.of("duration")[0].query == {"duration": "-1.000000"}
    assert any("Invalid data" in call.query["message"] for call in relay.of("level", "log"))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_is_named(worker: Worker, relay: FakeRelay, film: Path) -> None:
    job = make_job(worker, dash(put_film(worker, film), size="w=1280:h=720", preset="ultrafast"), relay)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", job.cwd], check=True)
    try:
        content = job.post().exit()
    finally:
        subprocess.run(["umount", job.cwd], check=True)
    assert content["reason"] == "disk-full"
    assert content["code"] != 0


def test_a_drained_playback_leaves_only_complete_segments_and_no_final_manifest(
    worker: Worker, relay: FakeRelay, film: Path
) -> None:
    job = make_job(worker, dash(put_film(worker, film), loops=50), relay)
    stream = job.post()
    pid = stream.spawned()["pid"]
    wait_for(lambda: len(relay.of("manifest")) > 2)
    worker.process.terminate()
    content = stream.exit()
    assert (content["reason"], content["retry"]) == ("draining", True)
    assert not alive(pid)
    assert not [name for name in names(job) if name.endswith(".tmp")]
    assert b'type="dynamic"' in relay.of("manifest")[-1].body


def test_a_worker_with_our_ffmpeg_gets_ready_and_names_its_codecs(start_worker: Start, our_ffmpeg: Path) -> None:
    worker = start_worker(our_ffmpeg, WARM_UP="1")
    wait_for(lambda: worker.ask("GET", "/readyz", auth=None)[0] == 200, 30)
    capability = json.loads(worker.ask("GET", "/capability")[1])
    assert {"libx264", "aac"} <= set(capability["encoders"])
    assert {"h264", "hevc", "libdav1d"} <= set(capability["decoders"])


def test_a_killed_shim_leaves_a_directory_plex_can_delete(worker: Worker, relay: FakeRelay, film: Path) -> None:
    job = make_job(worker, dash(put_film(worker, film), loops=50), relay)
    stream = job.post()
    pid = stream.spawned()["pid"]
    wait_for(lambda: "chunk-stream0-00003.m4s" in names(job))
    stream.vanish()
    time.sleep(0.03)  # as PMS does: the directory goes about 30 ms after the kill
    subprocess.run(["rm", "-rf", job.cwd], check=True)
    wait_for(lambda: not alive(pid), 1.0)
    wait_for(lambda: json.loads(worker.ask("GET", "/tasks")[1])["tasks"] == [])
    assert not job.cwd.exists()
