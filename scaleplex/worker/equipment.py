"""Which GPU works here, and what it can do: found by decoding and encoding a frame, never by the name of a file.

A driver that lists a codec may still fail to run it, in a container without the right groups for instance, and an AV1
film on a GPU without AV1 ends ffmpeg with nothing played. So each capability is tried once with a picture of it. On a
host without a GPU this costs nothing; with one about two seconds, before the first task and beside everything else.
"""

import os
import subprocess
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from scaleplex.translator import Hardware, Site
from scaleplex.worker.confine import SETPRIV
from scaleplex.worker.process import PATH
from scaleplex.worker.sample import AV1

TRY_SECONDS = 20.0
AT_ONCE = 4

#: Capability → software encoder and pixel format its sample is made with; AV1 is kept, we have no encoder for it.
SAMPLES: dict[str, tuple[str, str]] = {
    "h264": ("libx264", "yuv420p"),
    "hevc": ("libx265", "yuv420p"),
    "hevc:10": ("libx265", "yuv420p10le"),
    "vp9": ("libvpx-vp9", "yuv420p"),
    "vp9:10": ("libvpx-vp9", "yuv420p10le"),
    "mpeg2video": ("mpeg2video", "yuv420p"),
}
ENCODES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "h264": ("h264", "nv12", ()),
    "hevc": ("hevc", "nv12", ()),
    "hevc:10": ("hevc", "p010", ("-profile:v", "main10")),
}
PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=640x360:rate=24:duration=0.2")
QUIET = ("-hide_banner", "-nostdin", "-loglevel", "error")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a try said; ``text`` holds both of its outputs."""

    worked: bool
    text: str

    @property
    def last_line(self) -> str:
        """The last thing it said."""
        return (self.text.strip().splitlines() or ["nothing"])[-1]


Try = Callable[[Sequence[str]], Answer]


@dataclass(frozen=True, slots=True)
class Equipment:
    """What this worker transcodes with.

    Attributes:
        burn: whether its ffmpeg draws subtitles.
        policy: ``force`` or ``follow``, as the operator says.
        against: why each device that was tried does not encode here.
    """

    backend: str = "sw"
    hardware: Hardware = Hardware()
    burn: bool = False
    policy: str = "force"
    against: tuple[str, ...] = ()

    def site(self, callback_base: str | None, plex_pass: bool) -> Site:
        """Return what the translator has to know for one task."""
        return Site(callback_base, self.burn, self.policy, plex_pass, self.hardware)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator asks for.

    Attributes:
        backend: ``auto`` takes the first of nvenc and vaapi that encodes, else one that decodes, else sw.
        device: a render node or the index of an NVIDIA GPU; empty looks for one.
        tonemap: ``auto``, or a way to tone map.
    """

    backend: str = "auto"
    device: str = ""
    tonemap: str = "auto"
    policy: str = "force"


def runner(ffmpeg: Path) -> Try:
    """Return what runs ffmpeg for a try."""

    def run(words: Sequence[str]) -> Answer:
        command = [SETPRIV, "--pdeathsig", "KILL", "--", os.fspath(ffmpeg), *words]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env={"PATH": PATH}, timeout=TRY_SECONDS, check=False, text=True, errors="replace",
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as exc:
            return Answer(False, str(exc))
        return Answer(done.returncode == 0, done.stdout)

    return run


def find(wanted: Wanted, run: Try, dev: Path = Path("/dev")) -> Equipment:
    """Return the equipment of this host; a backend the operator names is returned even if nothing of it works.

    Args:
        dev: where device files are.
    """
    burn = "Unknown filter" not in run([*QUIET, "-h", "filter=inlineass"]).text
    sw = Equipment(burn=burn, policy=wanted.policy)
    against: list[str] = []
    decodes: Equipment | None = None
    for backend, nodes, look in (("nvenc", _nvidia, _nvenc), ("vaapi", _render_nodes, _vaapi)):
        if wanted.backend not in ("auto", backend):
            continue
        for device in nodes(wanted, dev):
            found = look(device, wanted, run)
            if found.encoders or found.decoders:
                found = replace(found, draws=burn and _draws(backend, device, run))
            if found.encoders:
                return replace(sw, backend=backend, hardware=found, against=tuple(against))
            if found.decoders:
                decodes = decodes or replace(sw, backend=backend, hardware=found)
            against.append(f"{backend} on {device}: {_why(backend, device, run)}")
    if decodes is not None:
        return replace(decodes, against=tuple(against))
    if wanted.backend in ("nvenc", "vaapi"):
        missing = against or [f"{wanted.backend}: there is no device below {dev}"]
        return replace(sw, backend=wanted.backend, against=tuple(missing))
    return replace(sw, against=tuple(against))


def _render_nodes(wanted: Wanted, dev: Path) -> list[str]:
    return [wanted.device] if wanted.device else sorted(str(path) for path in dev.glob("dri/renderD*"))


def _nvidia(wanted: Wanted, dev: Path) -> list[str]:
    if wanted.device:
        return [wanted.device] if wanted.device.isdigit() else []
    # CUDA counts the GPUs it sees from 0; a container may see /dev/nvidia1 alone.
    return [str(number) for number, _ in enumerate(dev.glob("nvidia[0-9]*"))]


def _opened(backend: str, device: str, *more: str) -> list[str]:
    kind, surface = ("cuda", "cuda") if backend == "nvenc" else ("vaapi", "vaapi")
    return ["-init_hw_device", f"{kind}={surface}:{device}", *more, "-filter_hw_device", surface]


def _encode(backend: str, device: str, capability: str, *more: str) -> list[str]:
    codec, pixels, options = ENCODES[capability]
    return [
        *_opened(backend, device), *PICTURE, "-vf", f"format={pixels},hwupload",
        *("-codec:v", f"{codec}_{backend}", *options, *more, "-frames:v", "2", "-f", "null", "-"),
    ]  # fmt: skip


def _decode(backend: str, device: str, capability: str, sample: Path) -> list[str]:
    """Decode onto surfaces and scale there: with a codec the GPU lacks frames arrive in memory, and that fails."""
    accelerator, surface = ("nvdec", "cuda") if backend == "nvenc" else ("vaapi", "vaapi")
    name = ["-codec:v", "av1"] if capability.startswith("av1") else []
    return [
        *_opened(backend, device), *name, "-hwaccel", accelerator, "-hwaccel_output_format", surface,
        *("-hwaccel_device", surface, "-i", str(sample), "-vf", f"scale_{surface}=w=320:h=180"),
        *("-frames:v", "1", "-f", "null", "-"),
    ]  # fmt: skip


def _able(capabilities: Iterable[str], attempt: Callable[[str], bool]) -> frozenset[str]:
    names = list(capabilities)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return frozenset(name for name, worked in zip(names, pool.map(attempt, names), strict=True) if worked)


def _codecs(backend: str, device: str, run: Try) -> tuple[frozenset[str], frozenset[str]]:
    """Return what a device decodes and encodes; a device that cannot be opened is asked once."""
    if not run([*QUIET, *_opened(backend, device), *PICTURE, "-frames:v", "1", "-f", "null", "-"]).worked:
        return frozenset(), frozenset()
    encoders = _able(ENCODES, lambda name: run([*QUIET, *_encode(backend, device, name)]).worked)
    with TemporaryDirectory(prefix="scaleplex-") as room:
        place = Path(room)
        (place / "av1").write_bytes(AV1)

        def decodes(capability: str) -> bool:
            sample = place / capability.split(":")[0] if capability.startswith("av1") else place / f"{capability}.mkv"
            if capability in SAMPLES:
                encoder, pixels = SAMPLES[capability]
                made = ["-pix_fmt", pixels, "-codec:v", encoder, "-frames:v", "2", "-y", str(sample)]
                if not run([*QUIET, *PICTURE, *made]).worked:
                    return False
            return run([*QUIET, *_decode(backend, device, capability, sample)]).worked

        # One AV1 profile holds eight and ten bits, and the sample has ten.
        decoders = _able((*SAMPLES, "av1:10"), decodes)
    return decoders | ({"av1"} if "av1:10" in decoders else set()), encoders


def _nvenc(device: str, wanted: Wanted, run: Try) -> Hardware:
    decoders, encoders = _codecs("nvenc", device, run)
    filters = "Unknown filter" not in run([*QUIET, "-h", "filter=tonemap_cuda"]).text
    tonemap = "cuda" if filters and wanted.tonemap in ("auto", "cuda") else "cpu"
    return Hardware(device, "", decoders, encoders, tonemap)


def _vaapi(device: str, wanted: Wanted, run: Try) -> Hardware:
    decoders, encoders = _codecs("vaapi", device, run)
    if not (decoders or encoders):
        return Hardware(device, "", decoders, encoders)
    first = next(iter(sorted(encoders)), "h264")
    driver = _driver(run(["-hide_banner", "-nostdin", "-loglevel", "verbose", *_encode("vaapi", device, first)]).text)
    quality = ("-rc_mode", "QVBR", "-b:v", "1M", "-maxrate", "1M", "-global_quality", "25")
    qvbr = run([*QUIET, *_encode("vaapi", device, first, *quality)]).worked
    tonemap = _tonemap(device, wanted.tonemap, run)
    return Hardware(device, driver, decoders, encoders, tonemap, qvbr)


def _tonemap(device: str, wanted: str, run: Try) -> str:
    """Take OpenCL where it maps a surface, the operator's other choice without a question, else the processor."""
    if wanted not in ("auto", "opencl"):
        return wanted
    mapped = "hwmap=derive_device=opencl,tonemap_opencl=tonemap=hable:format=nv12"
    chain = f"format=p010,hwupload,{mapped},hwdownload,format=nv12"
    opened = _opened("vaapi", device, "-init_hw_device", "opencl=ocl@vaapi")
    worked = run([*QUIET, *opened, *PICTURE, "-vf", chain, "-frames:v", "1", "-f", "null", "-"]).worked
    return "opencl" if worked else "cpu"


def _draws(backend: str, device: str, run: Try) -> bool:
    """Draw a cue on surfaces, which is where some drivers fail that do all else."""
    with TemporaryDirectory(prefix="scaleplex-") as room:
        cue = Path(room) / "cue.srt"
        cue.write_text("1\n00:00:00,000 --> 00:00:01,000\nA line\n")
        chain = "format=nv12,hwupload,inlineass=render_height=1080,hwdownload,format=nv12"
        words = ["-i", str(cue), "-map_inlineass", "1:s:0", "-map", "0:v", "-vf", chain, "-frames:v", "2"]
        return run([*QUIET, *_opened(backend, device), *PICTURE, *words, "-f", "null", "-"]).worked


def _driver(text: str) -> str:
    """Read the driver's name off what libva says of it; an unknown one is left to libva."""
    line = next((line for line in text.splitlines() if "VAAPI driver:" in line or "Driver version" in line), "")
    if "iHD" in line:
        return "iHD"
    return "radeonsi" if "radeonsi" in line or ("Mesa" in line and "AMD" in line) else ""


def _why(backend: str, device: str, run: Try) -> str:
    answer = run([*QUIET, *_encode(backend, device, "h264")])
    return answer.last_line if not answer.worked else "it does not encode"
