"""What PMS sees when a job cannot work: the exit code, the real transcoder, and the reason where an operator looks.

The table of docs/reference/exit-codes.md, through the real shim, orchestrator, workers, relay and ffmpeg.
"""

import json
import os
import subprocess
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scaleplex.demo.fleet import Fleet
from scaleplex.demo.measure import time_until
from scaleplex.demo.media import ensure_library

pytestmark = [pytest.mark.ffmpeg, pytest.mark.xdist_group("fleet")]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
REAL_TRANSCODER_EXIT = 43
SESSION = "f168tc7vl2desp78pov5ktwu"


class AgreeableServer(BaseHTTPRequestHandler):
    """A PMS that knows every job: what it answers is not what is tested here."""

    def do_PUT(self) -> None:
        self.send_response(204)
        self.end_headers()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_PUT()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), AgreeableServer)
    threading.Thread(target=server.serve_forever).start()
    try:
        plex_url = f"http://127.0.0.1:{server.server_port}"
        with Fleet.running(relay_settings={"PLEX_URL": plex_url}, shim_settings={"FALLBACK": "1"}) as fleet:
            yield fleet
    finally:
        server.shutdown()
        server.server_close()


class Job:
    """One spawn of Plex Transcoder, as PMS makes it."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.id = str(uuid.uuid4())
        self.cwd = fleet.base / "transcode/Transcode/Sessions" / f"plex-transcode-{SESSION}-{self.id}"
        self.cwd.mkdir(parents=True)

    def progress_url(self) -> str:
        """Return the callback URL as PMS writes it."""
        return f"{self.fleet.pms.url}/video/:/transcode/session/{SESSION}/{self.id}/progress"

    def run(self, *arguments: str) -> int:
        """Run it to its end and return its exit code; the progress URL stands where PMS puts it."""
        at = arguments.index("-nostats")
        arguments = (*arguments[:at], "-progressurl", self.progress_url(), *arguments[at:])
        program = self.fleet.base / "Plex Transcoder"
        environment = {"PATH": "/usr/bin:/bin", "X_PLEX_TOKEN": "local-x"}
        return subprocess.run(
            [program, *arguments], cwd=self.cwd, env=environment, timeout=60, check=False, capture_output=True
        ).returncode

    def events(self) -> list[tuple[str, str]]:
        """Return event and reason of everything the shim reported of this job."""
        lines = map(json.loads, (self.fleet.base / "run/events.jsonl").read_text().splitlines())
        return [(line["event"], line["reason"]) for line in lines if line["job"] == self.id]


def segments(source: Path, *more: str) -> tuple[str, ...]:
    """Return an argv that cuts a film into MPEG-TS segments and calls nobody back."""
    return (
        *("-codec:0", "h264", "-analyzeduration", "20000000", "-probesize", "20000000", "-i", str(source)),
        *("-start_at_zero", "-copyts", "-y", "-nostats", "-loglevel", "quiet", "-loglevel_plex", "error"),
        *("-map", "0:0", "-codec:0", "copy", *more, "-f", "segment", "-segment_format", "mpegts"),
        *("-segment_time", "1", "-segment_list", "list.csv", "-segment_list_type", "csv", "media-%05d.ts"),
    )


@pytest.fixture
def job(fleet: Fleet) -> Iterator[Job]:
    real = fleet.base / "Plex Transcoder.real"
    real.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > real-argv\nexit {REAL_TRANSCODER_EXIT}\n')
    real.chmod(0o755)
    job = Job(fleet)
    yield job
    assert time_until(lambda: fleet.ffmpeg_pids() == [], 5.0) < 5.0
    assert not (fleet.base / "run/jobs" / job.id).exists()


@pytest.fixture
def film() -> Path:
    library = ensure_library()
    names = json.loads((library / "library.json").read_text())
    return next(path for path in sorted(library.rglob("*.mkv")) if names)


def test_an_input_no_worker_has_is_left_to_the_real_transcoder_with_the_untouched_argv(job: Job, film: Path) -> None:
    argv = segments(film.with_name("gone.mkv"))
    assert job.run(*argv) == REAL_TRANSCODER_EXIT
    assert (job.cwd / "real-argv").read_text().splitlines() == [
        *argv[: argv.index("-nostats")],
        "-progressurl",
        job.progress_url(),
        *argv[argv.index("-nostats") :],
    ]
    assert job.events() == [("refused", "input-missing"), ("refused", "input-missing"), ("fallback", "no-worker")]


def test_a_file_that_is_no_film_ends_with_ffmpegs_own_code_and_not_with_a_second_try(job: Job) -> None:
    noise = job.cwd / "temp-0.mkv"
    noise.write_bytes(b"no film " * 12_500)
    code = job.run(*segments(noise))
    assert code not in (0, REAL_TRANSCODER_EXIT)
    assert job.events()[-1] == ("ended", "failed")


def test_a_film_that_is_cut_short_plays_as_far_as_it_goes(job: Job, film: Path) -> None:
    short = job.cwd / "temp-0.mkv"
    short.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    assert job.run(*segments(short)) == 0
    assert len(list(job.cwd.glob("media-*.ts"))) > 2
    assert job.events()[-1] == ("ended", "ended")


@needs_root
def test_a_session_directory_that_cannot_be_written_is_left_to_the_real_transcoder(job: Job, film: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", job.cwd], check=True)
    try:
        code = job.run(*segments(film))
    finally:
        subprocess.run(["umount", job.cwd], check=True)
    assert code == REAL_TRANSCODER_EXIT
    assert job.events()[-1] == ("fallback", "no-worker")
    assert ("refused", "cwd-not-writable") in job.events()


@needs_root
def test_a_full_disk_fails_the_job_and_leaves_no_half_segment(job: Job, film: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", job.cwd], check=True)
    try:
        code = job.run(*segments(film))
        assert list(job.cwd.glob("*.tmp")) == []
    finally:
        subprocess.run(["umount", job.cwd], check=True)
    assert code not in (0, REAL_TRANSCODER_EXIT)
    assert job.events()[-1] == ("ended", "disk-full")


def test_a_subtitle_to_be_burned_goes_to_the_real_transcoder_without_asking_a_second_worker(
    job: Job, film: Path
) -> None:
    graph = "[0:0]scale=w=640:h=360[0];[0]format=pix_fmts=yuv420p|nv12[1];[1]inlineass=font_scale=1.0[2]"
    argv = (
        *("-codec:0", "h264", "-i", str(film), "-start_at_zero", "-copyts", "-y", "-nostats", "-loglevel", "quiet"),
        *("-map_inlineass", "0:2", "-filter_complex", graph, "-map", "[2]", "-codec:0", "libx264", "-crf:0", "20"),
        *("-f", "segment", "-segment_format", "mpegts", "-segment_time", "1", "media-%05d.ts"),
    )
    assert job.run(*argv) == REAL_TRANSCODER_EXIT
    assert job.events() == [("fallback", "local-only")]
