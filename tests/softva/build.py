"""Build the driver and its preloads, once for the same sources, compiler and libraries; kept in the cache."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).with_name("driver")
PACKAGES = "gcc libc6-dev libva-dev libx264-dev libx265-dev libavcodec-dev libdav1d-dev"
OPENCL_PACKAGES = "opencl-headers (or opencl-c-headers) and PoCL 6"
DRIVER, DRM, OPENCL = "softva_drv_video.so", "fakedrm.so", "fakecl.so"

_FLAGS = ["-O3", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-missing-field-initializers",
          "-fno-math-errno", "-fPIC", "-shared"]  # fmt: skip
_CORE = ("softva", "knobs", "objects", "formats", "config", "surface", "buffer", "vpp")


class CannotBuild(Exception):
    """Something the build needs is not installed; the text names the packages."""


@dataclass(frozen=True)
class Part:
    """A part of the driver that needs a library.

    Attributes:
        headers: which must be there.
    """

    name: str
    define: str
    headers: tuple[str, ...]
    libraries: tuple[str, ...]
    sources: tuple[str, ...]


PARTS = (
    Part("encode", "SOFTVA_ENC", ("stdint.h", "x264.h", "x265.h"), ("x264", "x265"), ("enc", "enc_h264", "enc_hevc")),
    Part("decode", "SOFTVA_DEC", ("libavcodec/avcodec.h",), ("avcodec", "avutil"), ("dec", "dec_h264", "dec_hevc")),
    Part("av1", "SOFTVA_AV1", ("dav1d/dav1d.h",), ("dav1d",), ("dec_av1", "av1_header")),
)


@dataclass(frozen=True)
class Built:
    """Where the driver lies.

    Attributes:
        parts: `encode`, `decode`, `av1`, `opencl`, as far as their libraries are installed.
    """

    directory: Path
    parts: frozenset[str]


@cache
def ensure() -> Built:
    """Return the driver, built if it is not in the cache.

    Raises:
        CannotBuild: there is no compiler, or no libva.
    """
    if shutil.which("gcc") is None:
        raise CannotBuild(f"no gcc; apt-get install {PACKAGES}")
    if not _there("va/va.h", "va/va_backend.h"):
        raise CannotBuild(f"no libva headers; apt-get install {PACKAGES}")
    parts = [part for part in PARTS if _there(*part.headers)]
    names = {part.name for part in parts}
    if "av1" in names and "decode" not in names:
        parts = [part for part in parts if part.name != "av1"]
    opencl = _there("CL/cl.h")
    commands = [_driver(parts), _preload("fakedrm", DRM), *([_preload("fakecl", OPENCL)] if opencl else [])]
    target = _cache() / "softva" / _key(commands)
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            _compile(commands, target)
    return Built(target, frozenset(part.name for part in parts) | ({"opencl"} if opencl else set()))


def _cache() -> Path:
    own = os.environ.get("SCALEPLEX_CACHE")
    return Path(own or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scaleplex")


def _there(*headers: str) -> bool:
    text = "".join(f"#include <{header}>\n" for header in headers)
    done = subprocess.run(["gcc", "-fsyntax-only", "-xc", "-"], input=text.encode(), capture_output=True, check=False)
    return done.returncode == 0


def _driver(parts: list[Part]) -> list[str]:
    sources = [*_CORE, *(source for part in parts for source in part.sources)]
    libraries = [f"-l{name}" for part in parts for name in part.libraries]
    defines = [f"-D{part.define}" for part in parts]
    hidden = ["-fvisibility=hidden", "-Wl,-z,defs"]
    return [*_FLAGS, *hidden, *defines, "-o", DRIVER, *(f"{s}.c" for s in sources), *libraries, "-lpthread", "-lm"]


def _preload(source: str, target: str) -> list[str]:
    return [*_FLAGS, "-o", target, f"{source}.c", "-ldl"]


def _key(commands: list[list[str]]) -> str:
    """Return a key of everything that goes into the build; a library's own version shows in the compiler's search."""
    hashed = hashlib.sha256(repr(commands).encode())
    hashed.update(subprocess.run(["gcc", "--version"], capture_output=True, check=True).stdout)
    for source in sorted(SOURCES.glob("*.[ch]")):
        hashed.update(source.name.encode() + source.read_bytes())
    for header in (
        "va/va_version.h",
        "x264_config.h",
        "x265_config.h",
        "libavcodec/version_major.h",
        "dav1d/version.h",
    ):
        for root in (Path("/usr/include"), *Path("/usr/include").glob("*-linux-gnu")):
            if (root / header).is_file():
                hashed.update((root / header).read_bytes())
    return hashed.hexdigest()[:16]


def _compile(commands: list[list[str]], target: Path) -> None:
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    for command in commands:
        place = command.index("-o") + 1
        words = ["gcc", *command[:place], str(part / command[place]), *command[place + 1 :]]
        done = subprocess.run(words, cwd=SOURCES, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"{' '.join(words)}\n{done.stderr}")
    # A command line that names Intel's driver finds ours, and so does one that leaves the choice to libva.
    for name in ("iHD", "radeonsi"):
        (part / f"{name}_drv_video.so").symlink_to(DRIVER)
    part.rename(target)
