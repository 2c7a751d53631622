"""A film, a decision, a job: what the unit tests of the stand-in are about."""

import time
from fractions import Fraction
from pathlib import Path

from scaleplex.demo.pms.decision import DEFAULT_QUALITY, QUALITIES, Decision
from scaleplex.demo.pms.jobs import Job
from scaleplex.demo.pms.library import AudioStream, Item

SESSION = "f168tc7vl2desp78pov5ktwu"
JOB = "1d0b0e9b-2a54-4a6f-9d0e-6d8c2f6f8b11"
ORIGIN = "http://127.0.0.1:32400"
TOKEN = "local-00000000-0000-4000-8000-000000000000"


def film(*, codec: str = "h264", hdr: bool = False, audio: str = "aac", seconds: float = 60.4) -> Item:
    return Item(
        key=1,
        title="Film",
        path=Path("/media/It's a [Film] {tmdb-1} & $Number$.mkv"),
        duration_seconds=seconds,
        frames=round(seconds * 24000 / 1001),
        rate=Fraction(24000, 1001),
        width=1280,
        height=720,
        video_codec=codec,
        hdr=hdr,
        audio=(AudioStream(1, audio, 6, "eng", ""), AudioStream(2, "aac", 2, "deu", "Kommentar")),
        sidecars=(Path("/media/Film.en.srt"),),
    )


def decision(item: Item | None = None, *, protocol: str = "dash", number: int = 0, subtitle: str = "none") -> Decision:
    item = item or film()
    quality = next(q for q in QUALITIES if q.name == DEFAULT_QUALITY)
    return Decision(item, protocol, quality, item.audio[0], subtitle, 3).at(number)


def job(made: Decision, cwd: Path) -> Job:
    return Job(SESSION, JOB, made, cwd, [], TOKEN, time.monotonic())
