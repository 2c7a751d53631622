"""What the demo's clips are: their names, streams, and the ffmpeg arguments that make each.

Every clip carries its own truth, so that no reference file is needed: the frame number as a strip along the top edge,
a time code for whoever looks on, and a beep at every whole second whose pitch names the second and the language.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from scaleplex.demo.strip import lavfi_source

FILM_RATE = Fraction(24000, 1001)
TAIL_SECONDS = 0.4  # no clip ends just behind a segment boundary: sound is a little longer than the picture
GOP_SECONDS = 5
BEEP_SECONDS = 0.08
BEEP_BASE_HZ = 600
BEEP_STEP_HZ = 100
BEEP_STEPS = 16
LANGUAGE_HZ = {"eng": 0, "fra": 33, "deu": 66}
SAMPLE_RATE = 48000
# Samples an encoder puts in front of the sound. They would lie before time zero, and ffmpeg would then delay the whole
# clip; so the sound fed to it starts that much late, and every clip's picture starts at exactly 0.
PRIMING_SAMPLES = {"aac": 1024, "ac3": 256, "eac3": 256}
PQ_WHITE = 0.58  # 203 nits, reference white, as a share of PQ's full scale
HDR10_PARAMS = (
    "log-level=error:hdr10=1:repeat-headers=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:range=limited"
    ":master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
)


@dataclass(frozen=True, slots=True)
class Audio:
    """One sound track."""

    codec: str
    channels: int
    kbps: int
    language: str = "eng"
    title: str = ""


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip of the library; ``picture_of`` names an earlier clip whose picture it copies."""

    name: str
    title: str
    seconds: int
    width: int
    height: int
    codec: str
    audio: tuple[Audio, ...]
    hdr: bool = False
    picture_of: str | None = None
    sidecar_language: str | None = None


CLIPS = (
    Clip("Counting Frames (2024).mkv", "Counting Frames", 60, 1280, 720, "h264", (Audio("aac", 2, 160),)),
    Clip(
        "It's Bright [Remux-720p][HDR10] {tmdb-1} (2024).mkv",
        "It's Bright (HDR10)",
        12,
        1280,
        720,
        "hevc",
        (Audio("eac3", 6, 384),),
        hdr=True,
    ),
    Clip(
        "Many Tongues & 100% sound, naïve; $Number$ (2024).mkv",
        "Many Tongues",
        30,
        1280,
        720,
        "h264",
        (Audio("eac3", 6, 384), Audio("ac3", 6, 448, "fra"), Audio("aac", 2, 160, "deu", "Kommentar")),
        picture_of="Counting Frames (2024).mkv",
        sidecar_language="en",
    ),
)


def beep_pitch_hz(second: int, language: str) -> int:
    """Return the pitch of the beep that starts at a whole second."""
    return BEEP_BASE_HZ + LANGUAGE_HZ[language] + BEEP_STEP_HZ * (second % BEEP_STEPS)


def sound_inputs(track: Audio) -> list[str]:
    """Return ffmpeg's input arguments for the beeps of a track; the low-frequency channel stays silent."""
    pitch = f"({BEEP_BASE_HZ + LANGUAGE_HZ[track.language]}+{BEEP_STEP_HZ}*mod(floor(t),{BEEP_STEPS}))"
    tone = f"0.4*gt(t,0.5)*lt(mod(t,1),{BEEP_SECONDS})*sin(2*PI*{pitch}*t)".replace(",", r"\,")
    layout = {2: "stereo|c0=c0|c1=c0", 6: "5.1|c0=c0|c1=c0|c2=c0|c3=0*c0|c4=c0|c5=c0"}[track.channels]
    late = PRIMING_SAMPLES[track.codec]
    source = f"aevalsrc=exprs='{tone}':s={SAMPLE_RATE},atrim=start_sample={late},pan={layout}"
    return ["-itsoffset", str(late / SAMPLE_RATE), "-f", "lavfi", "-i", source]


def sound_outputs(tracks: tuple[Audio, ...]) -> list[str]:
    """Return ffmpeg's output arguments for the tracks, in order."""
    args = []
    for index, track in enumerate(tracks):
        args += [f"-c:a:{index}", track.codec, f"-b:a:{index}", f"{track.kbps}k"]
        args += [f"-metadata:s:a:{index}", f"language={track.language}"]
        if track.title:
            args += [f"-metadata:s:a:{index}", f"title={track.title}"]
    return args


def picture_inputs(clip: Clip, font: Path) -> tuple[list[str], str]:
    """Return ffmpeg's inputs and the filter graph of a drawn picture; the pad to map is ``[v]``."""
    code = (
        f"drawtext=fontfile={font}:fontsize=h/10:fontcolor=white:box=1:boxcolor=black@0.7:boxborderw=12"
        r":x=(w-tw)/2:y=h*0.72:text='%{pts\:hms} %{n}'"
    )
    title = f"drawtext=fontfile={font}:fontsize=h/18:fontcolor=white@0.9:x=(w-tw)/2:y=h*0.62:text='scaleplex demo'"
    tone = f",lutyuv=y='16+(val-16)*{PQ_WHITE}',format=yuv420p10le" if clip.hdr else ""
    # The strip must not go through the look-up that darkens the picture; it is drawn at reference white already.
    graph = f"[0:v]{title},{code}{tone}[p];[1:v]format={'yuv420p10le' if clip.hdr else 'yuv420p'}[s]"
    graph += f";[p][s]overlay=0:0:shortest=1:format={'yuv420p10' if clip.hdr else 'yuv420'}[v]"
    white = PQ_WHITE if clip.hdr else 1.0
    picture = f"testsrc2=s={clip.width}x{clip.height}:r={FILM_RATE}"
    strip = lavfi_source(clip.width, clip.height, FILM_RATE, white)
    return ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", strip], graph


def encoder(clip: Clip) -> list[str]:
    """Return the video encoder's arguments: fast, with key frames at fixed distances."""
    gop = str(round(GOP_SECONDS * FILM_RATE))
    if clip.codec == "hevc":
        colours = ["bt2020", "smpte2084", "bt2020nc"] if clip.hdr else ["bt709"] * 3
        args = ["-c:v", "libx265", "-preset", "ultrafast", "-crf", "30", "-g", gop, "-x265-params", HDR10_PARAMS]
    else:
        colours = ["bt709"] * 3
        args = ["-c:v", "libx264", "-preset", "superfast", "-crf", "28", "-pix_fmt", "yuv420p"]
        args += ["-g", gop, "-keyint_min", gop, "-sc_threshold", "0"]
    names = ("-color_primaries", "-color_trc", "-colorspace")
    return args + [part for pair in zip(names, colours, strict=True) for part in pair] + ["-color_range", "tv"]


def recipe(clip: Clip, folder: Path, font: Path) -> list[str]:
    """Return ffmpeg's arguments that make a clip, without the output's name.

    Args:
        clip: which one.
        folder: where the clips made before it lie.
        font: a TrueType file for the time code.
    """
    if clip.picture_of is not None:
        inputs, graph, first_sound = ["-i", str(folder / clip.picture_of)], [], 1
        picture = ["-map", "0:v", "-c:v", "copy"]
    else:
        inputs, text = picture_inputs(clip, font)
        graph, first_sound = ["-filter_complex", text], 2
        picture = ["-map", "[v]", *encoder(clip)]
    sounds = [part for track in clip.audio for part in sound_inputs(track)]
    maps = [part for index in range(len(clip.audio)) for part in ("-map", f"{first_sound + index}:a")]
    limit = ["-t", str(clip.seconds + TAIL_SECONDS)]
    return [*inputs, *sounds, *graph, *picture, *maps, *sound_outputs(clip.audio), *limit]
