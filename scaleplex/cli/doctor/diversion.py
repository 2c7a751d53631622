"""The exchange of Plex Transcoder: dpkg's diversion, the shim in the binary's place, the binary beside it."""

import hashlib
import os
import re
from pathlib import Path

from scaleplex.cli.doctor import accounts
from scaleplex.cli.doctor.ffmpeg import package_version
from scaleplex.cli.doctor.findings import Finding, Skip, ok, problem, warning
from scaleplex.shim import stub

PROGRAM = "Plex Transcoder"
PACKAGE = "plexmediaserver"
ROLE = "Run the scaleplex role for the Plex host again."
REINSTALL = f"Reinstall {PACKAGE}, then run the scaleplex role for the Plex host again."
MARK = stub.MARK.encode()
ELF = b"\x7fELF"
HEAD_BYTES = 4096


def is_shim(path: Path) -> bool:
    """Tell whether a file is our stub, of whatever version."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return head.startswith(b"#!") and MARK in head


def registered(directory: Path, root: Path) -> list[Finding]:
    """Return whether dpkg knows that new versions of the binary go beside the shim."""
    path = directory / PROGRAM
    known = f"/{path.relative_to(root)}"
    done = accounts.run(["dpkg-divert", f"--root={root}", "--truename", known])
    if done.code != 0:
        raise Skip(f"dpkg-divert cannot be asked: {done.last_words}")
    truename = done.stdout.rstrip("\n")
    wanted = f"{path}.real"
    if truename == f"{known}.real":
        return [ok(f"{path} is diverted to {wanted}")]
    if truename != known:
        return [problem(f"{path} is diverted to {truename}, not to {wanted}", f"dpkg-divert --remove it, then: {ROLE}")]
    if path.exists() and is_shim(path):
        return [problem(f"{path} is not diverted: the next upgrade of Plex replaces the shim", ROLE)]
    return [problem(f"{path} is not diverted: Plex uses its own transcoder", ROLE)]


def shim_in_place(directory: Path) -> list[Finding]:
    """Return whether the shim stands where Plex starts its transcoder, owned by root and unchanged."""
    path = directory / PROGRAM
    if not path.exists():
        return [problem(f"{path} is missing: Plex cannot transcode at all", ROLE)]
    if not is_shim(path):
        return [problem(f"{path} is not the shim: Plex transcodes on this host", ROLE)]
    status = path.stat()
    found = []
    if status.st_mode & 0o022 or status.st_uid != 0:
        found.append(
            problem(
                f"{path} can be changed by others than root (owner {status.st_uid}, mode {status.st_mode & 0o7777:o})",
                f'chown root:root "{path}" && chmod 0755 "{path}"',
            )
        )
    if status.st_mode & 0o111 != 0o111:
        found.append(problem(f"{path} is not executable for everybody", f'chmod 0755 "{path}"'))
    parts = stub_parts(path.read_text(errors="replace"))
    if parts is None or stub.stub(**parts) != path.read_text(errors="replace"):
        found.append(warning(f"{path} is the shim of another version of scaleplex", ROLE))
    return found or [ok(f"{path} is the shim, owner root, mode {status.st_mode & 0o7777:o}")]


def stub_parts(text: str) -> dict[str, str] | None:
    """Return what a stub was made of, as arguments of ``stub.stub``; None when it is none we know."""
    shell = re.search(r"^python='([^'\n]+)' runtime='([^'\n]+)' real='([^'\n]*)'$", text, re.MULTILINE)
    library = re.search(r"^    sys\.path\.insert\(0, '([^'\n]+)'\)$", text, re.MULTILINE)
    config = re.search(r"main\(sys\.argv, '([^'\n]+)', real\)", text)
    if shell is None or library is None or config is None:
        return None
    return {
        "library_dir": library.group(1),
        "config_path": config.group(1),
        "python": shell.group(1),
        "runtime_dir": shell.group(2),
        "transcoder": shell.group(3),
    }


def real_in_place(directory: Path, root: Path) -> list[Finding]:
    """Return whether the diverted binary is the installed version's, executable, and not the shim itself."""
    shim, real = directory / PROGRAM, directory / f"{PROGRAM}.real"
    if not real.exists():
        return [problem(f"{real} is missing: nothing can step in when no worker can", REINSTALL)]
    if is_shim(real) or (shim.exists() and os.path.samefile(shim, real)):
        return [problem(f"{real} is the shim itself: the real transcoder is lost", REINSTALL)]
    with real.open("rb") as file:
        head = file.read(4)
    if real.stat().st_mode & 0o111 != 0o111 or not (head == ELF or head.startswith(b"#!")):
        return [problem(f"{real} is no executable program", REINSTALL)]
    version = package_version(PACKAGE, root)
    if not version:
        return [warning(f"{real} is there, but the package {PACKAGE} is not installed", REINSTALL)]
    wanted = recorded_digest(directory, root)
    if wanted is None:
        return [ok(f"{real} is a program; {PACKAGE} {version} records no digest to compare")]
    with real.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if digest != wanted:
        return [problem(f"{real} is not the transcoder of the installed {PACKAGE} {version}", REINSTALL)]
    return [ok(f"{real} is the transcoder of {PACKAGE} {version}")]


def recorded_digest(directory: Path, root: Path) -> str | None:
    """Return the MD5 digest dpkg recorded for the transcoder when it unpacked it, None if it did not."""
    try:
        text = (root / "var/lib/dpkg/info" / f"{PACKAGE}.md5sums").read_text(errors="replace")
    except OSError:
        return None
    name = str((directory / PROGRAM).relative_to(root))
    lines = (line.partition("  ") for line in text.splitlines())
    return next((digest for digest, _, path in lines if path == name), None)
