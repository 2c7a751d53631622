"""Run a command line the way a worker would: put media where it points, translate for software, start our ffmpeg."""

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from scaleplex.cli.replay import media as replay_media
from scaleplex.cli.replay import running as replay
from scaleplex.translator import Facts, Site, Source, Translation, translate
from tests.corpus import media
from tests.corpus.media import Clip
from tests.corpus.sink import Sink


@dataclass(frozen=True)
class Run:
    """What a run left.

    Attributes:
        files: names relative to the session directory, and absolute paths of outputs elsewhere, with sizes in bytes.
        requests: what arrived at the callback address.
    """

    translation: Translation
    code: int
    stderr: str
    files: dict[str, int]
    requests: list[tuple[str, bytes]]
    room: Path


def clip_for(facts: Facts, words: list[str], hdr: bool) -> Clip:
    """Return the clip a command line needs, long enough for a job's second file number to show that it counts."""
    clip = replay_media.clip_for(facts, words)
    if facts.segment_seconds is None:
        return replace(clip, hdr=clip.hdr or hdr)
    # Two whole segments behind the seek.
    seconds = int(facts.seek_seconds or 0) + 2 * int(facts.segment_seconds) + 2
    return replace(clip, hdr=clip.hdr or hdr, seconds=seconds)


def place(words: list[str], clip: Clip, clips: Path, room: Path) -> tuple[list[str], Source]:
    """Point a command line at generated media below `room`; return it with what a probe says of its inputs."""
    return replay.place(media.tool(), words, media.make(clip, clips), room)


def run(words: list[str], source: Source | None, room: Path, timeout: float = 300) -> Run:
    """Translate for software and run to the end."""
    session = room / "session"
    before = {path for path in room.rglob("*") if path.is_file()}
    with Sink() as sink:
        done = translate(words, {"TZ": "UTC", "EAE_ROOT": "/x"}, source, "sw", Site(sink.base))
        process = subprocess.run(
            [media.tool(), "-nostdin", "-progress", "pipe:1", "-nostats", *done.argv],
            cwd=session,
            env=done.env,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    left = [path for path in room.rglob("*") if path.is_file() and path not in before]
    files = {str(path.relative_to(session) if session in path.parents else path): path.stat().st_size for path in left}
    return Run(done, process.returncode, process.stderr.decode(errors="replace"), files, sink.requests, room)


def missing(done: Run, facts: Facts) -> list[str]:
    """Return what the job should have left and did not, in sentences; an empty list is success."""
    wrong = [] if done.code == 0 else [f"exit {done.code}: {done.stderr[-1500:]}"]
    wrong += [f"{name} was not renamed" for name in done.files if name.endswith(".tmp")]
    wrong += [f"{name} is empty" for name, size in done.files.items() if size == 0 and "sub-chunk" not in name]
    if facts.kind == "dash":
        wrong += _dash(done, facts)
    elif facts.kind == "thumbnails":
        wrong += [] if "thumb-00001.jpeg" in done.files else ["no thumb-00001.jpeg"]
    elif facts.kind in ("hls-matroska", "hls-mpegts", "segmented-matroska", "sub-side-channel"):
        wrong += _segments(done, facts, 0)
    if facts.subtitle.mode == "side-channel" and facts.kind != "sub-side-channel":
        wrong += _segments(done, facts, 1)
    for output in facts.outputs:
        if output.url.startswith("/") and output.url not in done.files:
            wrong.append(f"no {output.url}")
    for output in facts.outputs:
        if output.callback and not _posted(done, output.callback):
            wrong.append(f"nothing was sent to {output.callback}")
    return wrong


def _dash(done: Run, facts: Facts) -> list[str]:
    wrong = []
    first = facts.first_segment or 1
    for stream in (0, 1):
        numbers = sorted(
            int(name.split("-")[2].split(".")[0]) for name in done.files if name.startswith(f"chunk-stream{stream}-")
        )
        if f"init-stream{stream}.m4s" not in done.files:
            wrong.append(f"no init-stream{stream}.m4s")
        if numbers[:2] != [first, first + 1]:
            wrong.append(f"chunks of stream {stream} are {numbers[:4]}, the first two should be {first}, {first + 1}")
    return wrong


def _segments(done: Run, facts: Facts, number: int) -> list[str]:
    output = facts.outputs[number]
    first = output.first_number or 0
    wrong = []
    if output.header is not None and output.header not in done.files:
        wrong.append(f"no {output.header}")
    for index in (first, first + 1):
        name = (output.segment or "") % index
        if name not in done.files:
            wrong.append(f"no {name} among {sorted(done.files)[:6]}")
    below = (output.segment or "") % (first - 1) if first else ""
    return [*wrong, f"{below} should not be there"] if below in done.files else wrong


def _posted(done: Run, url: str) -> bool:
    """Return whether a body arrived at the rewritten form of a callback URL."""
    wanted = "/" + url.partition("://")[2].partition("/")[2]
    return any(path.endswith(wanted) and body for path, body in done.requests)
