"""What a generated job is, and the list of those every test goes through."""

from dataclasses import dataclass


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
        audio: aac, eac3 (through EAE), dts, copy, second (the second audio track), framedrop.
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
    note: str = ""

    @property
    def name(self) -> str:
        """File name of the golden file."""
        parts = [self.kind, self.backend.replace("+", "-to-"), self.codec, f"{self.height}p"]
        parts += ["10bit"] if self.ten_bit else []
        parts += [f"tonemap-{self.tonemap}"] if self.tonemap else []
        parts += [self.audio] if self.audio != "aac" else []
        parts += [self.subtitle] if self.subtitle != "none" else []
        parts += ["gate"] if self.gate else []
        parts += ["hex"] if self.hex_ids else []
        parts += [self.era] if self.era != "today" else []
        parts += [f"seek{self.seek:g}" if self.seek else "play"]
        return "-".join(parts)


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
    Shape("detection", "none", audio="eac3"),
    Shape("detection", "none", audio="second", hex_ids=True),
    Shape("thumbnails", "none", codec="av1", seek=30),
)
