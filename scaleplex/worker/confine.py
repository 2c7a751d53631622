"""What a program that reads films may open on this host: the rules of the box it is started in.

The box is Landlock. Our package brings a small C program for it, `confine`, which lies beside ffmpeg: it makes the
rules, gives up what the program does not need, ties its life to the worker's, and becomes the program. It takes a
millisecond, and `preexec_fn` is no way: between fork and exec of a process with threads only C code is safe.

A rule names a directory and holds for all that is below it. A path that is not here is left out. Where the kernel has
no Landlock, or the ffmpeg is not ours, programs are started through `setpriv` as they are: `Launcher.missing` says why,
and the worker tells it in its journal and to the doctor. Nothing is refused for that, since each command line has
passed the policy; the box is for what the policy and the decoders do not know of.
"""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Final

SETPRIV = "/usr/bin/setpriv"
HELPER = "confine"
ASK_SECONDS = 5.0

#: Programs, libraries and drivers.
RUN: Final = ("/usr", "/bin", "/lib", "/lib64", "/opt/amdgpu", "/opt/intel", "/opt/rocm")
#: What they are set up with, how names become addresses, and what drivers ask of the kernel. Of `/etc` and `/proc` only
#: this: the one holds secrets, the other the memory and the variables of other processes.
READ: Final = (
    *("/etc/ld.so.cache", "/etc/fonts", "/etc/OpenCL", "/etc/libva.conf", "/etc/drirc", "/etc/nvidia", "/etc/vulkan"),
    *("/etc/alternatives", "/etc/localtime", "/etc/timezone", "/etc/passwd", "/etc/group", "/etc/hosts"),
    *("/etc/host.conf", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols"),
    *("/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf", "/var/cache/fontconfig"),
    *("/sys", "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/devices", "/proc/modules"),
    *("/proc/driver", "/proc/version", "/proc/filesystems", "/proc/sys/vm", "/proc/sys/kernel"),
    *("/dev/urandom", "/dev/random", "/dev/zero"),
)
#: Render nodes; NVIDIA's nodes are found by name.
DEVICES: Final = ("/dev/null", "/dev/dri", "/dev/kfd")
#: CUDA shares memory between processes there.
SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - a rule for a program, no file is made here


@dataclass(frozen=True, slots=True)
class Grants:
    """What one job may open beyond what every job may.

    Attributes:
        reads: files and directories.
        writes: directories.
        port: the TCP port it may connect to, None for no connection.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Launcher:
    """How programs are started.

    Attributes:
        helper: `confine`, None where there is none.
        version: of Landlock in this kernel, 0 for none.
    """

    helper: Path | None = None
    version: int = 0

    @classmethod
    def beside(cls, ffmpeg: Path) -> "Launcher":
        """Return what is possible with the helper beside an ffmpeg, on this kernel."""
        helper = ffmpeg.resolve().with_name(HELPER)
        try:
            done = subprocess.run([helper, "--abi"], capture_output=True, timeout=ASK_SECONDS, check=True)
            return cls(helper, int(done.stdout))
        except (OSError, subprocess.SubprocessError, ValueError):
            return cls()

    @property
    def missing(self) -> str | None:
        """Why programs are not confined, None when they are."""
        if self.helper is None:
            return f"there is no {HELPER} beside ffmpeg; install scaleplex-ffmpeg7 7.1.5-2 or newer"
        if self.version == 0:
            return "this kernel has no Landlock: it is older than 5.13, or lsm= on its command line leaves it out"
        return None

    def words(self, program: Path, grants: Grants) -> list[str]:
        """Return the words that start a program; its arguments follow."""
        if self.helper is None:
            return [SETPRIV, "--pdeathsig", "KILL", "--", os.fspath(program)]
        rules = self._rules(program, grants) if self.version else ()
        return [os.fspath(self.helper), "--parent", str(os.getpid()), *rules, "--", os.fspath(program)]

    def _rules(self, program: Path, grants: Grants) -> Iterator[str]:
        for path in (*RUN, os.fspath(program.resolve().parent)):
            yield from ("--run", path)
        for path in (*READ, *grants.reads):
            yield from ("--read", path)
        nvidia = glob("/dev/nvidia*")
        for path in (*DEVICES, *nvidia):
            yield from ("--device", path)
        for path in (*grants.writes, *((SHARED_MEMORY,) if nvidia else ())):
            yield from ("--write", path)
        if grants.port is not None:
            yield from ("--connect", str(grants.port))
