"""Run a recorded command line the way a worker would: put media where it points, translate, start our ffmpeg."""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scaleplex.cli.replay import media
from scaleplex.common.errors import ScaleplexError
from scaleplex.ffmpeg import argv as language
from scaleplex.translator import Facts, Site, Source, SourceStream, translate

ENDED, FAILED, SKIPPED = "ended", "failed", "skipped"
_TIMEOUT_SECONDS = 300
_TAIL = 300
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")
_STAGED = ("temp-", "sub-")
#: What quoting, sequence patterns and filter arguments stumble over when a path is not passed on as it is.
_TITLE = "A Film, or Two (2019) {id-42} [x-y]'s %d Cut"


@dataclass(frozen=True, slots=True)
class Run:
    """How a run ended.

    Attributes:
        outcome: `ended`, `failed` or `skipped`.
        detail: why, in ffmpeg's words; the same for the same failure, so that two runs can be compared.
    """

    outcome: str
    detail: str = ""


class Runner:
    """Runs command lines one after the other; clips are made once and kept in a directory."""

    def __init__(self, ffmpeg: Path, clips: Path) -> None:
        self._ffmpeg = ffmpeg
        self._clips = clips
        clips.mkdir(parents=True, exist_ok=True)

    def run(self, words: Sequence[str], env: dict[str, str], facts: Facts, target: str, site: Site) -> Run:
        """Run a command line on generated media, translated with what a probe says of that media."""
        if not facts.inputs or not facts.outputs:
            return Run(SKIPPED, "no input or no output")
        with TemporaryDirectory(prefix="scaleplex-replay-") as name:
            room = Path(name).resolve()
            try:
                film = media.make(self._ffmpeg, media.clip_for(facts, words), self._clips)
                placed, source = place(self._ffmpeg, words, film, room)
            except (ScaleplexError, subprocess.SubprocessError, OSError) as exc:
                return Run(SKIPPED, f"no media for it: {' '.join(str(exc).split())[:_TAIL]}")
            done = translate(placed, env, source, target, site)
            if done.bail is not None:
                return Run(SKIPPED, f"not planned: {done.bail}")
            return self._start(done.argv, done.env, done.facts, room)

    def _start(self, words: Sequence[str], env: dict[str, str], facts: Facts, room: Path) -> Run:
        session = room / "session"
        before = set(room.rglob("*"))
        try:
            done = subprocess.run(
                [self._ffmpeg, "-nostdin", "-nostats", *words],
                cwd=session,
                env={**os.environ, **env},
                capture_output=True,
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Run(FAILED, f"not ended after {_TIMEOUT_SECONDS} s")
        if done.returncode != 0:
            return Run(FAILED, f"exit {done.returncode}: {_said(done.stderr, room)}")
        left = [path for path in room.rglob("*") if path not in before and path.is_file() and path.stat().st_size]
        if not left and any(output.muxer != "null" for output in facts.outputs):
            return Run(FAILED, "ended well and left no file")
        return Run(ENDED)


def place(ffmpeg: Path, words: Sequence[str], film: Path, room: Path) -> tuple[list[str], Source]:
    """Point a command line at a film, linked below `room`; return it with what a probe says of its inputs.

    The session directory is `room/session`, outputs elsewhere go to `room/library`.

    Raises:
        CalledProcessError, TimeoutExpired: ffprobe cannot read an input.
    """
    session, library = room / "session", room / "library"
    session.mkdir()
    library.mkdir()
    linked = library / f"{_TITLE}{film.suffix}"
    linked.symlink_to(film)
    seconds = float(_ffprobe(ffmpeg, film, "-show_format")["format"]["duration"])
    moved: dict[str, str] = {}
    streams: list[SourceStream] = []
    command = language.parse(words)
    for number, file in enumerate(command.inputs):
        staged = number > 0 or Path(file.url).name.startswith(_STAGED)
        target = media.subtitles(session / f"temp-{number}.srt", int(seconds)) if staged else linked
        moved[file.url] = str(target)
        streams += _streams(ffmpeg, target, number)
    for file in command.outputs:
        if file.url.startswith("/"):
            moved[file.url] = str(library / Path(file.url).name)
    return [moved.get(word, word) for word in words], Source(tuple(streams), seconds, 0.0)


def _streams(ffmpeg: Path, path: Path, number: int) -> list[SourceStream]:
    return [
        SourceStream(
            index=stream["index"],
            media=stream["codec_type"],
            codec=stream.get("codec_name", "unknown"),
            stream_id=int(stream["id"], 16) if "id" in stream else None,
            width_px=stream.get("width"),
            height_px=stream.get("height"),
            transfer=stream.get("color_transfer"),
            input_index=number,
        )
        for stream in _ffprobe(ffmpeg, path, "-show_streams")["streams"]
    ]


def _ffprobe(ffmpeg: Path, path: Path, show: str) -> dict[str, Any]:
    command = [str(ffmpeg.with_name("ffprobe")), "-v", "error", "-of", "json", show, str(path)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _said(stderr: bytes, room: Path) -> str:
    """Return the first lines of ffmpeg's errors without what differs from run to run."""
    text = _ADDRESS.sub("", stderr.decode(errors="replace")).replace(str(room), "")
    return " / ".join(line.strip() for line in text.splitlines() if line.strip())[:_TAIL]
