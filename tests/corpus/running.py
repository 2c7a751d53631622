"""Run a command line the way a worker would: put media where it points, translate for software, start our ffmpeg."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scaleplex.ffmpeg import argv as language
from scaleplex.ffmpeg import specifier
from scaleplex.translator import Facts, Site, Source, SourceStream, Translation, translate
from scaleplex.translator.facts import codecs
from tests.corpus import media
from tests.corpus.media import Clip
from tests.corpus.sink import Sink

_NASTY = "A Film, or Two (2019) {id-42} [x-y]'s %d Cut"


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


def clip_for(facts: Facts, words: list[str], hdr: bool, ass: bool) -> Clip:
    """Return the clip a command line needs: codecs from its hints, streams where it looks for them."""
    hex_ids = any("#0x" in word for word in words)
    kinds: dict[int, str] = {}
    for sound in facts.audio:
        kinds[_index(sound.pad, hex_ids)] = _codec(sound.decoder)
    subtitle = specifier.parse_pad(facts.subtitle.pad or "")
    if subtitle is not None and subtitle.file == 0 and subtitle.specifier.index is not None:
        kinds[subtitle.specifier.index] = "ass" if ass else "srt"
    streams = tuple(kinds.get(index, "aac") for index in range(1, max(kinds, default=0) + 1))
    decoder = facts.video.decoder if facts.video else next((w for w in words if w in ("libdav1d", "hevc")), "h264")
    video = {"libdav1d": "av1", None: "h264"}.get(decoder, decoder)
    # Two whole segments behind the seek, since a job's second file number shows that it counts.
    segment = facts.segment_seconds
    length = int(facts.seek_seconds or 0) + (3 if segment is None else 2 * int(segment) + 2)
    return Clip(video or "h264", hdr or video == "av1", streams, length, "mp4" if hex_ids else "mkv")


def _index(pad: str | None, hex_ids: bool) -> int:
    parsed = specifier.parse_pad(pad or "")
    assert parsed is not None
    if parsed.specifier.stream_id is not None:
        return parsed.specifier.stream_id - 1
    return parsed.specifier.index or 0


def _codec(decoder: str | None) -> str:
    return "ac3" if decoder is None else codecs.EAE_DECODERS.get(decoder, decoder)


def probe(path: Path, number: int) -> list[SourceStream]:
    """Return an input's streams as ffprobe sees them."""
    document = _ffprobe(path)
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
        for stream in document["streams"]
    ]


def _ffprobe(path: Path) -> dict:
    tool = media.ffmpeg()
    assert tool is not None
    words = ["-v", "error", "-of", "json", "-show_streams", "-show_format"]
    done = subprocess.run([tool.with_name("ffprobe"), *words, path], capture_output=True, timeout=60, check=True)
    return json.loads(done.stdout)


def place(words: list[str], clip: Clip, clips: Path, room: Path) -> tuple[list[str], Source]:
    """Point a command line at generated media below `room`; return it with what a probe says of its inputs."""
    session, library = room / "session", room / "library"
    session.mkdir()
    library.mkdir()
    film = library / f"{_NASTY}.{clip.suffix}"
    film.hardlink_to(media.make(clip, clips))
    moved: dict[str, str] = {}
    streams: list[SourceStream] = []
    for number, file in enumerate(language.parse(words).inputs):
        if Path(file.url).name.startswith("temp-"):
            target = media.subtitles(session / Path(file.url).name, clip.seconds)
        else:
            target = film
        moved[file.url] = str(target)
        streams += probe(target, number)
    for file in language.parse(words).outputs:
        if file.url.startswith("/"):
            moved[file.url] = str(library / Path(file.url).name)
    seconds = float(_ffprobe(film)["format"]["duration"])
    return [moved.get(word, word) for word in words], Source(tuple(streams), seconds, 0.0)


def run(words: list[str], source: Source | None, room: Path, timeout: float = 300) -> Run:
    """Translate for software and run to the end."""
    tool = media.ffmpeg()
    assert tool is not None
    session = room / "session"
    before = {path for path in room.rglob("*") if path.is_file()}
    with Sink() as sink:
        done = translate(words, {"TZ": "UTC", "EAE_ROOT": "/x"}, source, "sw", Site(sink.base))
        process = subprocess.run(
            [tool, "-nostdin", "-progress", "pipe:1", "-nostats", *done.argv],
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
