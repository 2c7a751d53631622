"""What takes long and is kept: base tree, our FFmpeg, packages with all they need, wheels, disk image of uml hosts."""

import contextlib
import fcntl
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.hosts import uml
from tests.hosts.places import CACHE, MIRROR, REPOSITORY, SUITE, digest, run

BASE_PACKAGES = (
    "systemd,systemd-sysv,dbus,python3,python3-apt,python3-venv,iproute2,kmod,ca-certificates,openssh-server,sudo,"
    "procps,nftables,iputils-ping,curl,libnss-systemd"
)
# Nothing in a test host should start by timer in the middle of a test.
MASKED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "fstrim.timer", "e2scrub_all.timer", "dpkg-db-backup.timer"),
    *("e2scrub_reap.service", "systemd-tmpfiles-clean.timer"),
)
IMAGE_PACKAGES = "nfs-kernel-server,nfs-common,kmod,udev,acl"
LOW_PRIORITY = ("nice", "-n", "5")
RECIPE = REPOSITORY / "scaleplex-ffmpeg"
# Gets TREE WORK ARCHIVES SOURCE RECIPE. In a mount namespace of its own: however it ends, nothing stays mounted.
BUILD = r"""
root=$2/root
mount -t overlay testhosts-ffmpeg -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mkdir -p "$root/build/ffmpeg/source" "$root/recipe"
mount --bind "$3" "$root/var/cache/apt/archives"
mount --bind "$4" "$root/build/ffmpeg/source"
mount --bind "$5" "$root/recipe"
for file in etc/resolv.conf etc/ssl/certs/ca-certificates.crt; do cp --remove-destination "/$file" "$root/$file"; done
SCALEPLEX_CACHE=/build exec chroot "$root" /recipe/build
"""


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """Return a path of the cache; what is missing is made beside it and gets its name when it is complete.

    A lock keeps two runs from making the same thing.
    """
    path = CACHE / name
    with _locked(name):
        if path.exists():
            os.utime(path)
            return path
        part = path.with_name(f"{name}.part")
        if part.is_dir():
            shutil.rmtree(part)
        part.unlink(missing_ok=True)
        print(f"hosts: making {path}", file=sys.stderr)
        make(part)
        part.rename(path)
    return path


@contextlib.contextmanager
def _locked(name: str) -> Iterator[None]:
    (CACHE / "locks").mkdir(parents=True, exist_ok=True)
    with open(CACHE / "locks" / name, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def archives() -> Path:
    """Return where downloaded packages are kept for the next tree or image."""
    path = CACHE / "archives"
    path.mkdir(parents=True, exist_ok=True)
    return path


def base() -> Path:
    """Return the tree every host lies over; read-only by agreement."""

    def make(part: Path) -> None:
        include = ("--variant=minbase", f"--cache-dir={archives()}", f"--include={BASE_PACKAGES}")
        run(*LOW_PRIORITY, "debootstrap", *include, SUITE, str(part), *filter(None, [MIRROR]), stdout=sys.stderr)
        for unit in MASKED:
            (part / "etc/systemd/system" / unit).symlink_to("/dev/null")
        # Nobody pulls the plug on dpkg here, and waiting for the disk is most of its time.
        (part / "etc/dpkg/dpkg.cfg.d/test-host").write_text("force-unsafe-io\n")

    return kept(f"tree-{SUITE}-{digest(BASE_PACKAGES, MASKED)}", make)


def ffmpeg() -> Path:
    """Return the package of our FFmpeg for the release of the hosts.

    For another release than this machine's, it is built in a layer over the base tree, of which nothing else is kept.
    """
    if platform.freedesktop_os_release().get("VERSION_CODENAME") == SUITE:
        built = run(str(RECIPE / "build"), stdout=subprocess.PIPE, text=True)
        return Path(built.stdout.splitlines()[-1])
    tree = base()
    # The release tarball is the same for all: what is there is not fetched again.
    source = CACHE.parent / "ffmpeg/source"
    source.mkdir(parents=True, exist_ok=True)

    def make(part: Path) -> None:
        with _layer(part) as work:
            space = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
            argv = ("sh", "-ec", BUILD, "build", *map(str, (tree, work, archives(), source, RECIPE)))
            run(*LOW_PRIORITY, *space, *argv, stdout=sys.stderr)
            next(work.glob("upper/build/ffmpeg/*/scaleplex-ffmpeg7_*.deb")).rename(part)

    files = sorted(path for path in RECIPE.glob("*/**/*") if path.is_file())
    key = digest(tree.name, RECIPE / "build", *files, *(path.relative_to(RECIPE).as_posix() for path in files))
    return kept(f"scaleplex-ffmpeg7-{SUITE}-{key}.deb", make)


@contextlib.contextmanager
def _layer(part: Path) -> Iterator[Path]:
    """Give a directory for a layer over the base tree, to be mounted on its ``root``."""
    work = part.with_suffix(".work")
    # What a killed run left mounted in it is not entered.
    remove = ("rm", "-rf", "--one-file-system", str(work))
    run(*remove)
    for sub in ("upper", "work", "root"):
        (work / sub).mkdir(parents=True)
    try:
        yield work
    finally:
        run(*remove)


def debs(packages: Sequence[str], local: Sequence[Path] = ()) -> Path:
    """Return a flat archive of packages with everything the base tree lacks for them.

    It is filled over the machine's own connection, with the tree's package database, so what comes is exactly what
    the hosts need. Roles' tasks run unmodified on it, and a package missing from the list fails the test.

    Args:
        packages: names.
        local: package files whose dependencies are wanted; they themselves are not in the archive.
    """
    tree = base()

    def make(part: Path) -> None:
        lists = part / "lists"
        for sub in ("partial", "lists/partial"):
            (part / sub).mkdir(parents=True)
        options = [
            f"Dir::State::status={tree}/var/lib/dpkg/status",
            f"Dir::State::lists={lists}",
            f"Dir::Cache::archives={part}",
            f"Dir::Etc::sourcelist={tree}/etc/apt/sources.list",
            "Dir::Etc::sourceparts=-",
            "APT::Sandbox::User=root",
            "APT::Install-Recommends=false",
            "Debug::NoLocking=true",
        ]
        apt = (*LOW_PRIORITY, "apt-get", "-q", "-y", *(word for option in options for word in ("-o", option)))
        run(*apt, "update", stdout=sys.stderr)
        run(*apt, "--download-only", "install", *packages, *map(str, local), stdout=sys.stderr)
        shutil.rmtree(lists)
        with open(part / "Packages", "wb") as out:
            run("apt-ftparchive", "packages", ".", cwd=part, stdout=out)

    return kept(f"debs-{digest(tree.name, *sorted(packages), *local)}", make)


def wheels(requirements: Sequence[str]) -> Path:
    """Return a folder of wheels that the interpreter of the hosts can install without a network."""
    version = {"bookworm": "3.11", "trixie": "3.13"}[SUITE]

    def make(part: Path) -> None:
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "download")
        target = ("-d", str(part), "--only-binary=:all:", f"--python-version={version}")
        run(*LOW_PRIORITY, *pip, *target, *requirements, stdout=sys.stderr)

    return kept(f"wheels-{digest(version, *requirements)}", make)


def image(local: Sequence[Path] = ()) -> Path:
    """Return the disk image of uml hosts: base tree, NFS tools, kernel modules.

    Args:
        local: package files to install too, with all they need; a guest would take minutes for it.
    """
    tree = base()

    def make(part: Path) -> None:
        with _layer(part) as work:
            root = work / "root"
            layers = f"lowerdir={tree},upperdir={work}/upper,workdir={work}/work"
            run("mount", "-t", "overlay", "testhosts-image", "-o", layers, str(root))
            try:
                _fill_image(root, local)
                run("mkfs.ext4", "-q", "-F", "-d", str(root), str(part), "4G", capture_output=True)
            finally:
                run("umount", str(root))

    modules = sorted(path.name for path in Path("/usr/lib/uml/modules").iterdir())
    parts = (tree.name, IMAGE_PACKAGES, *modules, uml.SETUP, uml.CONFIG_UNIT, uml.TRIGGER, *local)
    return kept(f"image-{digest(*parts)}", make)


def _fill_image(root: Path, local: Sequence[Path]) -> None:
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    kept_debs = root / "var/cache/apt/archives"
    for package in local:
        shutil.copy(package, root / "root" / package.name)
    install = (
        "export DEBIAN_FRONTEND=noninteractive; apt-get -q update; apt-get -q -y --no-install-recommends install "
        + " ".join([*IMAGE_PACKAGES.split(","), *(f"/root/{package.name}" for package in local)])
    )
    run("mount", "--bind", str(archives()), str(kept_debs))
    try:
        run("chroot", str(root), "sh", "-ec", install, stdout=sys.stderr)
    finally:
        run("umount", str(kept_debs))
    for package in local:
        (root / "root" / package.name).unlink()
    for modules in Path("/usr/lib/uml/modules").iterdir():
        shutil.copytree(modules, root / "lib/modules" / modules.name, symlinks=True)
        run("chroot", str(root), "depmod", modules.name)
    units = root / "etc/systemd/system"
    (units / "testhosts-config.service").write_text(uml.CONFIG_UNIT)
    (units / "systemd-udev-trigger.service.d").mkdir()
    (units / "systemd-udev-trigger.service.d/few.conf").write_text(uml.TRIGGER)
    run("chroot", str(root), "sh", "-ec", uml.SETUP)
    (root / "etc/fstab").write_text("/dev/ubda / ext4 defaults,noatime 0 1\n")
    (root / "etc/machine-id").write_text("")
    shutil.rmtree(root / "var/lib/apt/lists")
    (root / "var/lib/apt/lists/partial").mkdir(parents=True)
