"""Hostile tasks at a running worker: each gets its refusal, and the film beside them plays on."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from scaleplex.protocol import wire
from tests.argvgen.build import JOB, MEDIA, SESSION
from tests.integration.worker.conftest import fake_job, fake_program, our_ffmpeg, put_film, relay, start_worker, worker
from tests.integration.worker.conftest import film as film
from tests.integration.worker.stand import FakeRelay, Job, Worker, make_job
from tests.integration.worker.test_real import dash
from tests.security.hostile import ATTACKS, PLAIN, Attack

__all__ = ["fake_job", "fake_program", "our_ffmpeg", "relay", "start_worker", "worker"]

#: One in so many, so that every kind is among them.
SAMPLE: tuple[Attack, ...] = ATTACKS[::15]


def task(worker: Worker, words: tuple[str, ...]) -> Job:
    """Return a job of this worker with the words of an attack."""
    target = worker.root / "media/target.mkv"
    target.touch()

    def args(session: str, job: str) -> list[str]:
        named = (word.replace(SESSION, session).replace(JOB, job) for word in words)
        return [str(target) if word == MEDIA else word for word in named]

    return make_job(worker, args)


def test_hostile_tasks_are_refused_one_by_one_and_the_film_beside_them_plays_on(
    worker: Worker, fake_job: Callable[..., Job]
) -> None:
    steady = fake_job(worker, "steady")
    playing = steady.post()
    playing.spawned()
    wrong: list[str] = []
    for attack in SAMPLE:
        answer = task(worker, attack.args).post()
        if answer.status != 422 or answer.error() != "policy":
            wrong.append(f"{attack.name}: {answer.status} {answer.body!r}")
    assert wrong == []
    assert len(SAMPLE) >= 20
    assert len({attack.rule for attack in SAMPLE}) >= 10
    (steady.cwd / "enough").touch()
    ended = playing.exit()
    assert ended["code"] == 0
    said = b"".join(payload for kind, payload in playing.seen if kind == wire.STDOUT)
    numbers = [int(line) for line in said.split()]
    assert numbers == list(range(len(numbers)))
    assert worker.ask("GET", "/healthz")[0] == 200
    assert "Traceback" not in worker.log()


def test_the_line_the_attacks_are_made_of_is_taken(worker: Worker) -> None:
    stream = task(worker, tuple(PLAIN)).post()
    assert stream.status == 200
    stream.vanish()


@pytest.fixture
def real(start_worker: Callable[..., Worker], our_ffmpeg: Path) -> Worker:
    return start_worker(our_ffmpeg)


def lists_of(victim: Path) -> dict[str, str]:
    """Return texts that name another file, as files of a library."""
    return {
        "list.mkv": f"ffconcat version 1.0\nfile '{victim}'\n",
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{victim}\n#EXT-X-ENDLIST\n",
        "list.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:{victim}\n#EXT-X-ENDLIST\n",
        "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
    }


@pytest.mark.ffmpeg
def test_a_film_that_lists_other_files_shows_none_of_them(real: Worker, film: Path, relay: FakeRelay) -> None:
    victim = real.root / "victim.mkv"
    victim.write_bytes(film.read_bytes())
    for name, text in lists_of(victim).items():
        listing = real.root / "media" / name
        listing.write_text(text)
        job = make_job(real, dash(listing), relay)
        assert job.post().exit()["code"] != 0, name
        assert [path.name for path in job.cwd.iterdir() if path.stat().st_size] == [], name


@pytest.mark.ffmpeg
def test_a_film_plays_in_the_box(real: Worker, film: Path, relay: FakeRelay) -> None:
    said = re.search(r"ffmpeg is (not )?confined.*", real.log())
    assert said, real.log()
    if said[1]:
        pytest.skip("this kernel has no Landlock")
    job = make_job(real, dash(put_film(real, film), loops=-1), relay)
    stream = job.post()
    pid = stream.spawned()["pid"]
    status = Path(f"/proc/{pid}/status").read_text()
    assert re.search(r"NoNewPrivs:\s+1", status)
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"CREDENTIALS_DIRECTORY" not in environment
    assert b"SECRET" not in environment
    stream.vanish()
    job = make_job(real, dash(put_film(real, film)), relay)
    assert job.post().exit()["code"] == 0
    assert any(path.name.startswith("chunk-stream0") for path in job.cwd.iterdir())
    assert (real.root / "state/home").is_dir()
