"""What a generated job is, and the list of those every test goes through."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True)
class Shape:
    """One job.

    Attributes:
        kind: dash, hls-matroska, hls-mpegts, segmented-matroska, optimize, optimize-remux, detection,
            sub-side-channel, thumbnails.
        backend: sw, vaapi, nvenc, vaapi+sw, nvdec+sw, copy.
        codec: of the source's video: h264, hevc, av1, mpeg2video.
        ten_bit: HEVC output with ten bits.
        tonemap: algorithm, None without tone mapping.
        audio: the source's: aac, eac3 and ac3 and truehd (through EAE), dts, opus, flac, alac, mp3; or copy, second
            (the second audio track, through EAE), framedrop.
        sound: audio encoder; opus and ac3 are rare.
        subtitle: none, burn-text, burn-staged, burn-bitmap, soft, soft-staged, side-channel, side-channel-staged,
            sidecar-file.
        seek: seconds, 0 for a play from the start.
        segment: seconds.
        era: today, 2023 (globals last), 2020 (graphs first, `ocl`, vaapi driven by a bit rate).
        hex_ids: streams named by container id.
        gate: a `select` gate behind the graph's last filter.
    """

    kind: str
    backend: str = "sw"
    codec: str = "h264"
    width: int = 640
    height: int = 360
    ten_bit: bool = False
    tonemap: str | None = None
    audio: str = "aac"
    subtitle: str = "none"
    seek: float = 0
    segment: int = 3
    era: str = "today"
    hex_ids: bool = False
    gate: bool = False
    sound: str = "aac"

    @property
    def name(self) -> str:
        """File name of the golden file."""
        parts = [self.kind, self.backend.replace("+", "-to-"), self.codec, f"{self.height}p"]
        parts += ["10bit"] if self.ten_bit else []
        parts += [f"tonemap-{self.tonemap}"] if self.tonemap else []
        parts += [self.audio] if self.audio != "aac" else []
        parts += [f"to-{self.sound}"] if self.sound != "aac" else []
        parts += [self.subtitle] if self.subtitle != "none" else []
        parts += ["gate"] if self.gate else []
        parts += ["hex"] if self.hex_ids else []
        parts += [self.era] if self.era != "today" else []
        parts += [f"seek{self.seek:g}" if self.seek else "play"]
        return "-".join(parts)


#: What `matrix` crosses. A picture is (ten bits out, tone mapping).
BACKENDS = ("sw", "vaapi", "nvenc", "vaapi+sw", "nvdec+sw")
CODECS = ("h264", "hevc", "av1", "mpeg2video")
PICTURES = ((False, None), (True, None), (False, "hable"), (False, "mobius"))
BURNS = ("burn-text", "burn-staged", "burn-bitmap")
SOFT = {
    "dash": ("side-channel", "side-channel-staged"),
    "hls-matroska": ("soft", "soft-staged"),
    "hls-mpegts": (),
    "segmented-matroska": (),
    "optimize": ("sidecar-file",),
    "optimize-remux": ("sidecar-file",),
}
AUDIO = ("aac", "eac3", "dts", "copy", "second", "framedrop", "ac3", "truehd", "opus", "flac", "alac", "mp3")
_EMBEDDED = ("soft", "sidecar-file")
_TINY = {"width": 160, "height": 90, "segment": 1}


def matrix() -> tuple[Shape, ...]:
    """Return every combination of what is independent: over 2,000 jobs, each a command of its own.

    Kind, source backend, codec, picture, subtitle and seek are crossed in full for encoded video; kind, audio, subtitle
    and seek for copied video. What cannot meet them (audio, era, ids by number, gates) takes turns.
    """
    jobs = tuple(_encoded()) + tuple(_copied())
    return jobs + tuple(
        Shape("detection", "none", audio=audio) for audio in AUDIO if audio not in ("copy", "framedrop")
    )


def _encoded() -> Iterator[Shape]:
    turn = 0
    kinds = [kind for kind in SOFT if kind != "optimize-remux"]
    for kind, backend, codec, (ten_bit, tonemap) in product(kinds, BACKENDS, CODECS, PICTURES):
        if ten_bit and backend not in ("vaapi", "nvenc"):
            continue
        seeks = (0.0,) if kind == "optimize" else (0.0, 4.0)
        for subtitle, seek in product(("none", *BURNS, *SOFT[kind]), seeks):
            turn += 1
            yield Shape(
                kind,
                backend,
                codec,
                ten_bit=ten_bit,
                tonemap=tonemap,
                audio=AUDIO[turn % len(AUDIO)],
                subtitle=subtitle,
                seek=seek,
                era=("today", "today", "2023")[turn % 3],
                # Sources with ids hold their text as mov_text, which cannot be copied into other containers.
                hex_ids=turn % 5 == 0 and AUDIO[turn % len(AUDIO)] != "second" and subtitle not in _EMBEDDED,
                gate=turn % 7 == 0 and subtitle.startswith("burn") and seek > 0,
                **_TINY,
            )


def _copied() -> Iterator[Shape]:
    for kind, codec, audio in product(SOFT, CODECS, AUDIO):
        if kind != "optimize":
            for subtitle, seek in product(("none", *SOFT[kind]), (0.0,) if kind == "optimize-remux" else (0.0, 4.0)):
                yield Shape(kind, "copy", codec, audio=audio, subtitle=subtitle, seek=seek, **_TINY)


SHAPES: tuple[Shape, ...] = (
    # browsers
    Shape("dash"),
    Shape("dash", seek=84, audio="eac3"),
    Shape("dash", codec="av1", era="2023", audio="dts"),
    Shape("dash", codec="hevc", tonemap="mobius", audio="eac3"),
    Shape("dash", codec="hevc", tonemap="hable", seek=12),
    Shape("dash", "vaapi", codec="hevc", audio="eac3"),
    Shape("dash", "vaapi", codec="av1", seek=84),
    Shape("dash", "vaapi", era="2020", audio="dts", segment=5),
    Shape("dash", "vaapi", codec="hevc", tonemap="reinhard"),
    Shape("dash", "vaapi", codec="hevc", gate=True, seek=84),
    Shape("dash", "nvenc", codec="hevc", width=720, height=404, segment=8),
    Shape("dash", "nvenc", codec="hevc", tonemap="hable"),
    Shape("dash", "nvdec+sw", codec="hevc", audio="eac3"),
    Shape("dash", "vaapi+sw", hex_ids=True),
    Shape("dash", "copy", segment=5, audio="eac3"),
    Shape("dash", "copy", codec="hevc", segment=5, seek=495),
    Shape("dash", "copy", segment=5, era="2023", subtitle="side-channel"),
    Shape("dash", "copy", segment=5, subtitle="side-channel-staged"),
    Shape("dash", "sw", subtitle="burn-text"),
    Shape("dash", "vaapi", codec="hevc", subtitle="burn-staged", seek=84, tonemap="mobius"),
    Shape("dash", "nvenc", codec="hevc", subtitle="burn-text"),
    Shape("dash", "sw", subtitle="burn-bitmap"),
    Shape("dash", "vaapi", codec="mpeg2video", width=720, height=400, subtitle="burn-bitmap"),
    # phones and boxes
    Shape("hls-matroska", "sw", codec="hevc", segment=8, seek=24),
    Shape("hls-matroska", "vaapi", codec="av1", ten_bit=True, segment=4, width=718, height=404, audio="eac3"),
    Shape("hls-matroska", "vaapi", codec="hevc", audio="second", seek=300),
    Shape("hls-matroska", "nvenc", codec="av1", audio="ac3", sound="ac3", seek=84),
    Shape("hls-matroska", "vaapi", codec="hevc", subtitle="burn-bitmap", tonemap="mobius"),
    Shape("hls-matroska", "vaapi", codec="av1", ten_bit=True, subtitle="burn-bitmap"),
    Shape("hls-mpegts", "sw", codec="hevc", subtitle="burn-text", tonemap="hable", seek=84, gate=True),
    Shape("segmented-matroska", "vaapi+sw", codec="av1", subtitle="burn-staged", audio="opus"),
    Shape("hls-matroska", "nvenc", codec="av1", ten_bit=True, segment=1, subtitle="soft-staged", width=640, height=268),
    Shape("hls-matroska", "copy", codec="hevc", segment=10, subtitle="soft"),
    Shape("hls-matroska", "nvenc", codec="hevc", ten_bit=True, subtitle="burn-staged", seek=750, segment=1),
    # televisions
    Shape("hls-mpegts", "sw", audio="eac3"),
    Shape("hls-mpegts", "vaapi", codec="hevc", audio="copy", seek=900),
    Shape("hls-mpegts", "copy", segment=10),
    Shape("hls-mpegts", "nvenc", codec="hevc", subtitle="burn-staged"),
    Shape("sub-side-channel", "none", segment=1, seek=12),
    # desktop
    Shape("segmented-matroska", "sw", codec="hevc", segment=1, seek=13),
    Shape("segmented-matroska", "vaapi", codec="hevc", segment=1, audio="copy"),
    Shape("segmented-matroska", "nvenc", codec="av1", segment=1, seek=600),
    # background jobs
    Shape("optimize", "sw", codec="av1", tonemap="mobius", audio="eac3"),
    Shape("optimize", "vaapi", codec="av1", ten_bit=True, audio="framedrop"),
    Shape("optimize", "vaapi", codec="hevc", ten_bit=True, subtitle="sidecar-file"),
    Shape("optimize", "vaapi+sw"),
    Shape("optimize-remux", "copy", audio="copy"),
    Shape("optimize-remux", "copy", codec="hevc", audio="eac3", subtitle="sidecar-file"),
    Shape("optimize", "sw", audio="truehd", sound="libopus"),
    Shape("detection", "none", audio="eac3"),
    Shape("detection", "none", audio="flac"),
    Shape("detection", "none", audio="second", hex_ids=True),
    Shape("thumbnails", "none", codec="av1", seek=30),
)
