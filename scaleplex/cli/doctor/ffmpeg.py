"""The worker's ffmpeg: the package, our patches, and an encode that really works, all as the service's account."""

import re
from pathlib import Path

from scaleplex.cli.doctor import accounts
from scaleplex.cli.doctor.accounts import PATH, Account
from scaleplex.cli.doctor.findings import Finding, Skip, ok, problem, warning
from scaleplex.worker.confine import Launcher
from scaleplex.worker.warmup import ENCODERS, PRIVATE_OPTIONS, TEST_ENCODE

PACKAGE = "scaleplex-ffmpeg7"
OUR_DIRECTORY = Path("/usr/lib/scaleplex-ffmpeg")
INSTALL = f"Install the package {PACKAGE} of this release (./dev deb builds it)."
VERSION = re.compile(r"^ff(?:mpeg|probe) version n?(\d+\.\d+(?:\.\d+)?)")
ENCODE_SECONDS = 10.0


def package(ffmpeg: Path, root: Path) -> list[Finding]:
    """Return whether ffmpeg comes from our package, and the package is whole."""
    if not ffmpeg.is_relative_to(OUR_DIRECTORY):
        return [
            warning(
                f"the worker uses {ffmpeg}, which is not where {PACKAGE} puts it",
                "Remove SCALEPLEX_WORKER_FFMPEG and SCALEPLEX_WORKER_FFPROBE from worker.env to use the package.",
            )
        ]
    version = package_version(PACKAGE, root)
    if not version:
        return [problem(f"the package {PACKAGE} is not installed", INSTALL)]
    done = accounts.run(["dpkg", f"--root={root}", "--verify", PACKAGE])
    if done.stdout.strip():
        return [
            problem(
                f"files of {PACKAGE} {version} were changed: {' '.join(done.stdout.split())}",
                f"Reinstall it: apt-get install --reinstall {PACKAGE}.",
            )
        ]
    return [ok(f"{PACKAGE} {version} is installed")]


def package_version(name: str, root: Path) -> str:
    """Return the version of an installed package, empty if it is not."""
    done = accounts.run(["dpkg-query", f"--root={root}", "-W", "-f", "${db:Status-Status} ${Version}", name])
    status, _, version = done.stdout.partition(" ")
    return version if done.code == 0 and status == "installed" else ""


def runs(ffmpeg: Path, ffprobe: Path, account: Account) -> list[Finding]:
    """Return whether both programs start."""
    found = []
    for program in (ffmpeg, ffprobe):
        if not program.exists():
            found.append(problem(f"{program} is not there", INSTALL))
            continue
        done = accounts.run([str(program), "-version"], account)
        version = VERSION.match(done.stdout)
        if done.code != 0 or version is None:
            found.append(problem(f"{program} does not run as {account.name}: {done.last_words}", INSTALL))
        elif not version.group(1).startswith("7.1"):
            found.append(problem(f"{program} is FFmpeg {version.group(1)}, not 7.1", INSTALL))
        else:
            found.append(ok(f"{program} is FFmpeg {version.group(1)}"))
    return found


def patches(ffmpeg: Path, account: Account) -> list[Finding]:
    """Return whether the options our patches add are there."""
    done = accounts.run([str(ffmpeg), "-hide_banner", "-h", "full"], account)
    if done.code != 0:
        raise Skip(f"{ffmpeg} does not run; see ffmpeg.runs")
    missing = [name for name in PRIVATE_OPTIONS if f"-{name} " not in done.stdout]
    if missing:
        return [
            problem(f"{ffmpeg} lacks our options {', '.join('-' + name for name in missing)}: a stock build", INSTALL)
        ]
    return [ok(f"all {len(PRIVATE_OPTIONS)} options of our patches are there")]


def box(ffmpeg: Path) -> list[Finding]:
    """Return whether what reads films can be confined on this host."""
    launcher = Launcher.beside(ffmpeg)
    if launcher.missing is None:
        return [ok(f"ffmpeg is confined by Landlock {launcher.version}")]
    return [
        warning(
            f"ffmpeg is not confined: {launcher.missing}",
            "Films play all the same; a fault of a decoder then reaches all the worker's account can reach.",
        )
    ]


def encode(ffmpeg: Path, backend: str, account: Account) -> list[Finding]:
    """Return whether a second of video can be encoded on the backend."""
    name = "sw" if backend == "auto" else backend  # as the worker itself decides
    if name not in ENCODERS:
        raise Skip(f"the worker itself makes no test encode with {name}")
    words = [str(ffmpeg), *TEST_ENCODE, "-codec:v", ENCODERS[name], "-f", "null", "-"]
    done = accounts.run(words, account, env={"PATH": PATH}, seconds=ENCODE_SECONDS)
    if done.code == 0:
        return [ok(f"one second was encoded with {ENCODERS[name]} as {account.name}")]
    return [
        problem(
            f"an encode with {ENCODERS[name]} fails as {account.name}: {done.last_words}",
            f"Run it by hand as that account: {' '.join(words)}",
        )
    ]
