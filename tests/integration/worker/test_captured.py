"""A worker keeps the command lines it is given when told to, and says what it did not understand and where."""

import json
import re
from collections.abc import Callable
from pathlib import Path

from scaleplex.cli import recorded
from tests.integration.worker.stand import Job, Worker, make_job, wait_for


def captured(directory: Path, number: int) -> list[recorded.Recorded]:
    wait_for(lambda: len(list(directory.glob("argv-*.json"))) == number)
    return [recorded.read(str(file)) for file in sorted(directory.glob("argv-*.json"))]


def test_tasks_that_run_and_tasks_that_are_refused_are_captured_scrubbed(
    start_worker: Callable[..., Worker], fake_job: Callable[..., Job], tmp_path: Path
) -> None:
    worker = start_worker(CAPTURE_DIR=str(tmp_path / "captures"))
    run, refused = fake_job(worker, "run-1"), fake_job(worker, "run-1")
    assert run.post().exit()["code"] == 0
    assert refused.post(cwd="/elsewhere").status == 422
    first, second = captured(tmp_path / "captures", 2)
    assert len(first.argv) == len(second.argv) == len(run.args)
    text = " ".join((*first.argv, *second.argv))
    assert [secret for secret in (run.session, run.job, "fake-run-1") if secret in text] == []


def test_as_many_are_kept_as_the_settings_say_and_raw_when_they_say_so(
    start_worker: Callable[..., Worker], fake_job: Callable[..., Job], tmp_path: Path
) -> None:
    worker = start_worker(CAPTURE_DIR=str(tmp_path / "captures"), CAPTURE_MAX="2", CAPTURE_RAW="1")
    jobs = [fake_job(worker, "run-1") for _ in range(3)]
    for job in jobs:
        assert job.post(cwd="/elsewhere/" + job.job).status == 422
    last = jobs[-1]
    wait_for(lambda: any(last.job in file.read_text() for file in (tmp_path / "captures").glob("argv-*.json")))
    kept = captured(tmp_path / "captures", 2)
    assert [list(command.argv) for command in kept] == [list(job.args) for job in jobs[1:]]


def test_a_directory_that_cannot_be_written_fails_no_task(
    start_worker: Callable[..., Worker], fake_job: Callable[..., Job], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    worker = start_worker(CAPTURE_DIR=str(tmp_path / "file" / "below"))
    assert fake_job(worker, "run-1").post().exit()["code"] == 0
    assert fake_job(worker, "run-1").post().exit()["code"] == 0
    wait_for(lambda: "command line not captured" in worker.log())
    assert worker.log().count("command line not captured") == 1


def test_giving_up_is_counted_by_reason_and_logged_with_its_place(worker: Worker) -> None:
    film = worker.root / "media" / "film.mkv"
    film.touch()
    graph = "[0:0]scale=w=4:h=4[0];[0]yadif[1]"
    job = make_job(
        worker,
        lambda session, job: ["-i", str(film), "-filter_complex", graph, "-map", "[1]", "-codec:0", "libx264",
                              "-f", "dash", "dash"],
    )  # fmt: skip
    assert job.post().status == 200
    metrics = worker.ask("GET", "/metrics")[1].decode()
    assert 'scaleplex_worker_bails_total{reason="filter:yadif"} 1' in metrics
    (line,) = [line for line in worker.log().splitlines() if "command line not understood" in line]
    assert line.startswith("WARNING ")
    assert "reason=filter:yadif" in line
    assert "where='word 3, -filter_complex, filter 2 (yadif)'" in line
    assert re.search(rf"session={job.session} job={job.job} attempt=1 kind=video", line)


def test_hardware_a_worker_lacks_in_a_command_nobody_understood_goes_back_to_the_plex_host(worker: Worker) -> None:
    film = worker.root / "media" / "film.mkv"
    film.touch()
    graph = "[0:0]deinterlace_vaapi[0];[0]scale_vaapi=w=4:h=4:format=nv12[1]"
    job = make_job(
        worker,
        lambda session, job: ["-codec:0", "h264", "-hwaccel:0", "vaapi", "-hwaccel_output_format:0", "vaapi",
                              "-hwaccel_device:0", "vaapi", "-i", str(film),
                              "-init_hw_device", "vaapi=vaapi:/dev/dri/renderD128", "-filter_hw_device", "vaapi",
                              "-filter_complex", graph, "-map", "[1]", "-codec:0", "h264_vaapi", "-f", "dash", "dash"],
    )  # fmt: skip
    stream = job.post()
    answer = json.loads(stream.body)
    assert (stream.status, answer["error"]) == (422, "local-only")
    assert answer["detail"].startswith("filter:deinterlace_vaapi was not understood, and -hwaccel:0 vaapi is not for")
    metrics = worker.ask("GET", "/metrics")[1].decode()
    assert 'scaleplex_worker_bails_total{reason="filter:deinterlace_vaapi"} 1' in metrics
    (line,) = [line for line in worker.log().splitlines() if "command line not understood" in line]
    assert line.startswith("WARNING ")
    assert "filter 1 (deinterlace_vaapi)" in line


def test_a_subtitle_no_worker_draws_is_counted_too(worker: Worker) -> None:
    film = worker.root / "media" / "film.mkv"
    film.touch()
    graph = "[0:0]scale=w=4:h=4[0];[0]inlineass=language=en[1]"
    job = make_job(
        worker,
        lambda session, job: ["-i", str(film), "-map_inlineass", "0:2", "-filter_complex", graph, "-map", "[1]",
                              "-codec:0", "libx264", "-f", "dash", "dash"],
    )  # fmt: skip
    stream = job.post()
    assert (stream.status, json.loads(stream.body)["error"]) == (422, "local-only")
    assert 'scaleplex_worker_bails_total{reason="burn:text"} 1' in worker.ask("GET", "/metrics")[1].decode()
    assert "INFO command line not understood" in worker.log()
