"""Reads back what the demo's clips carry: the frame number on every picture, the beep of every second.

Works on any rendition ffmpeg opens; a file of an init segment followed by chunks, or of joined transport segments.
"""

import re
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from scaleplex.demo.clips import BEEP_BASE_HZ, BEEP_STEP_HZ, BEEP_STEPS, LANGUAGE_HZ
from scaleplex.demo.strip import CELLS, ROWS_PER_HEIGHT, decode
from scaleplex.demo.tools import find_ffmpeg

SOUND_RATE = 16000
STRIP = f"crop=iw:2*ih/{ROWS_PER_HEIGHT}:0:0,scale={CELLS}:2:flags=area,format=gray,showinfo=checksum=0"


@dataclass(frozen=True)
class Frame:
    """One picture: when it is shown, and which one of the source it is (None: not readable)."""

    seconds: float
    number: int | None


@dataclass(frozen=True)
class Beep:
    """One tone: when it starts, and which second and language its pitch stands for."""

    seconds: float
    second_mod_16: int
    language: str


def run_ffmpeg(*args: str) -> "subprocess.CompletedProcess[bytes]":
    command = [str(find_ffmpeg()), "-hide_banner", "-nostdin", "-nostats", "-v", "info", *args]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    return done


def read_frames(path: Path) -> list[Frame]:
    """Return every picture in order of presentation; ffmpeg averages the strip to 64 bytes a frame itself."""
    done = run_ffmpeg(
        *("-copyts", "-i", str(path), "-map", "0:v:0", "-vf", STRIP),
        *("-fps_mode", "passthrough", "-f", "rawvideo", "-"),
    )
    times = [float(text) for text in re.findall(rb"Parsed_showinfo.*? n: *\d+ .*?pts_time:(\S+)", done.stderr)]
    size = 2 * CELLS
    pictures = [done.stdout[at : at + size] for at in range(0, len(done.stdout), size)]
    assert len(times) == len(pictures)
    return [Frame(seconds, decode(picture)[0]) for seconds, picture in zip(times, pictures, strict=True)]


def read_beeps(path: Path) -> list[Beep]:
    """Return every beep; onsets are exact to 2 ms."""
    sound = f"aresample={SOUND_RATE},aformat=sample_fmts=flt:channel_layouts=mono,ashowinfo"
    done = run_ffmpeg("-copyts", "-i", str(path), "-map", "0:a:0", "-af", sound, "-f", "f32le", "-")
    blocks = re.findall(rb"Parsed_ashowinfo.*?pts_time:(\S+) .*?nb_samples:(\d+)", done.stderr)
    samples = np.frombuffer(done.stdout, np.float32)
    starts = np.concatenate([[0], np.cumsum([int(count) for _, count in blocks])])

    def when(index: int) -> float:
        block = int(np.searchsorted(starts, index, side="right")) - 1
        return float(blocks[block][0]) + (index - int(starts[block])) / SOUND_RATE

    window = SOUND_RATE // 500
    usable = len(samples) // window * window
    level = np.abs(samples[:usable]).reshape(-1, window).max(axis=1)
    loud = level > level.max() * 0.4
    beeps, quiet = [], 1_000_000
    for index, is_loud in enumerate(loud):
        if is_loud and quiet >= 50:  # after 100 ms without sound
            begin = index * window
            tone = samples[begin + SOUND_RATE // 100 : begin + SOUND_RATE * 7 // 100]
            if len(tone) >= SOUND_RATE // 25:
                spectrum = np.abs(np.fft.rfft(tone * np.hanning(len(tone)), 16 * SOUND_RATE // 10))
                beeps.append(beep_of(when(begin), float(spectrum.argmax()) * 10 / 16))
        quiet = 0 if is_loud else quiet + 1
    return beeps


def beep_of(seconds: float, hertz: float) -> Beep:
    candidates = [
        (abs(hertz - (BEEP_BASE_HZ + shift + BEEP_STEP_HZ * second)), second, language)
        for second in range(BEEP_STEPS)
        for language, shift in LANGUAGE_HZ.items()
    ]
    _, second, language = min(candidates)
    return Beep(seconds, second, language)


def read_sound_packets(path: Path) -> list[float]:
    """Return the presentation time of every sound packet."""
    done = subprocess.run(
        [
            str(find_ffmpeg("ffprobe")),
            *["-v", "error", "-select_streams", "a:0", "-show_entries", "packet=pts_time"],
            str(path),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return [float(text) for text in re.findall(r"pts_time=(\S+)", done.stdout)]


def first_frame_at(seconds: float, rate: Fraction) -> int:
    """Return the number of the first frame shown at or after a time."""
    return -int(-(Fraction(seconds).limit_denominator(1000) * rate) // 1)
