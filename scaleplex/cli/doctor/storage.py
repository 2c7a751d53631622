"""The directories Plex and its workers share, as this host has them: mounted, with which options, room, owner."""

import json
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from scaleplex.cli.doctor import accounts, mounts
from scaleplex.cli.doctor.accounts import Account
from scaleplex.cli.doctor.findings import Finding, ok, problem, warning
from scaleplex.cli.doctor.mounts import Mount
from scaleplex.common import marker

GIB = 1 << 30
FREE_LEAST_BYTES = GIB
FREE_SOME_BYTES = 10 * GIB
FREE_INODES_LEAST = 1000
NOBODY = (65534, 4294967294)


def mounted(paths: Sequence[Path], present: Sequence[Mount]) -> list[Finding]:
    """Return whether each directory exists and is a mount of its own."""
    found = []
    for path in paths:
        name = str(path)
        if not path.is_dir():
            found.append(
                problem(
                    f"{name} is not a directory on this host",
                    f"Mount the same export at {name} as on the Plex host; a path must be the same everywhere.",
                )
            )
        elif mounts.is_mount_point(present, name):
            mount = mounts.covering(present, name)
            assert mount is not None
            found.append(ok(f"{name} is a mount ({mount.kind} from {mount.source})"))
        else:
            mount = mounts.covering(present, name)
            kind = f"{mount.kind} mounted at {mount.point}" if mount else "an unknown file system"
            found.append(
                warning(
                    f"{name} is no mount point, it lies on {kind}",
                    "Right only where this host itself exports it; otherwise mount it (systemctl list-units"
                    " --type=mount shows what failed).",
                )
            )
    return found


def transcode_options(path: Path, present: Sequence[Mount]) -> list[Finding]:
    """Return what is wrong with the options of the transcode directory's mount."""
    mount = mounts.covering(present, str(path))
    if mount is None or not mount.network:
        kind = mount.kind if mount else "unknown"
        if mount is not None and mount.read_only:
            return [problem(f"{path} is mounted read-only", f"Mount {path} read-write: segments are written there.")]
        return [ok(f"{path} is on this host's own {kind}; no network mount options to look at")]
    found = [_read_write(path, mount), _hard(path, mount)]
    if mount.nfs:
        found += [_version(path, mount), _lookup_cache(path, mount), _attribute_cache(path, mount)]
    return _summary(found, path, mount)


def media_options(paths: Sequence[Path], present: Sequence[Mount]) -> list[Finding]:
    """Return what is wrong with the options of the media mounts: a soft mount truncates films."""
    found = []
    for path in paths:
        mount = mounts.covering(present, str(path))
        if mount is None or not mount.nfs:
            found.append(ok(f"{path} is no NFS mount here; no options to look at"))
        else:
            found += _summary([_hard(path, mount), _version(path, mount)], path, mount)
    return found


def _summary(found: Sequence[Finding | None], path: Path, mount: Mount) -> list[Finding]:
    wrong = [finding for finding in found if finding is not None]
    return wrong or [ok(f"{path}: {mount.kind} {mount.options.get('vers', '')}, options as they should be")]


def _read_write(path: Path, mount: Mount) -> Finding | None:
    if not mount.read_only:
        return None
    return problem(f"{path} is mounted read-only", f"Mount {path} read-write: segments are written there.")


def _hard(path: Path, mount: Mount) -> Finding | None:
    soft = next((option for option in ("soft", "softerr") if option in mount.options), None)
    if soft is None:
        return None
    return problem(
        f"{path} is mounted with {soft}: a short outage of the server truncates files without an error",
        f"Replace {soft} with hard in the mount options of {path} and mount it anew.",
    )


def _version(path: Path, mount: Mount) -> Finding | None:
    version = mount.options.get("vers", "")
    if version.startswith("4.") and version != "4.0":
        return None
    return warning(
        f"{path} is mounted with NFS version {version or 'unknown'}",
        f"Mount {path} with vers=4.2 (4.1 at least).",
    )


def _lookup_cache(path: Path, mount: Mount) -> Finding | None:
    if mount.options.get("lookupcache") in ("pos", "positive", "none") or "noac" in mount.options:
        return None
    return problem(
        f"{path} is mounted without lookupcache=positive: Plex is told for up to a minute that a new segment is absent",
        f"Add lookupcache=positive to the mount options of {path} and mount it anew.",
    )


def _attribute_cache(path: Path, mount: Mount) -> Finding | None:
    if "noac" in mount.options:
        return None
    # The kernel shows only values that differ from its defaults: 30 s for directories.
    seconds = int(mount.options.get("acdirmin", "30") or 30)
    if seconds <= 3:
        return None
    return warning(
        f"{path} is mounted with an attribute cache of {seconds} s for directories",
        f"Add actimeo=1 to the mount options of {path} and mount it anew.",
    )


def space(path: Path) -> list[Finding]:
    """Return whether there is room for segments; a full directory ends every session."""
    status = os.statvfs(path)
    free = status.f_bavail * status.f_frsize
    text = f"{path} has {free / GIB:.1f} GiB free of {status.f_blocks * status.f_frsize / GIB:.1f}"
    fix = f"Free space on the file system of {path}, or move the transcode directory to a larger one."
    if free < FREE_LEAST_BYTES:
        return [problem(text, fix)]
    if status.f_files and status.f_favail < FREE_INODES_LEAST:
        return [problem(f"{path} has {status.f_favail} inodes free", fix)]
    return [warning(text, fix)] if free < FREE_SOME_BYTES else [ok(text)]


def owner(root: Path, account: Account) -> list[Finding]:
    """Return whether an account can write into the transcode directory, and owns what it wrote."""
    name = "marker-" + secrets.token_hex(16)
    answer = marker_as(account, "write", root, name)
    if "error" in answer:
        status = root.stat()
        return [
            problem(
                f"{account} cannot write into {root} (owner {status.st_uid}:{status.st_gid},"
                f" mode {status.st_mode & 0o7777:o}): {answer['error']}",
                f"Give {root} to Plex's uid and gid, run the service with the same ones, and export it read-write.",
            )
        ]
    found = judge_owner(answer, account, root)
    removed = marker_as(account, "remove", root, name)
    if "error" in removed:
        found.append(
            problem(
                f"{account} cannot remove its own file from {root}: {removed['error']}",
                f"Take the sticky bit and foreign owners off {root}/{marker.DIRECTORY}.",
            )
        )
    return found


def judge_owner(answer: dict[str, object], account: Account, root: Path) -> list[Finding]:
    """Return what the owner of a file just written says about the mapping of uids."""
    uid, gid = answer["uid"], answer["gid"]
    if uid in NOBODY and account.uid not in NOBODY:
        return [
            problem(
                f"a file written to {root} by {account} belongs to nobody ({uid})",
                "Use sec=sys with numeric ids (nfs.nfs4_disable_idmapping=Y on clients and server) and do not squash"
                " this uid on the server.",
            )
        ]
    if uid != account.uid and uid == _owner_of(root):
        return [ok(f"what {account} writes into {root} belongs to uid {uid}, the owner of {root}: the server maps it")]
    if uid != account.uid:
        return [
            problem(
                f"a file written to {root} by {account} belongs to uid {uid}",
                f"On the file server, either map every account to the owner of {root} (all_squash, with anonuid= and"
                " anongid= of Plex's user) or map none: Plex and the workers then share one number.",
            )
        ]
    if gid != account.gid:
        return [
            warning(
                f"a file written to {root} by {account} belongs to gid {gid}",
                f"Give {root} the group {account.gid}, or take its set-group-ID bit away.",
            )
        ]
    return [ok(f"{account} writes into {root} and owns what it wrote")]


def _owner_of(root: Path) -> int | None:
    try:
        return root.stat().st_uid
    except OSError:
        return None


def marker_as(account: Account, verb: str, root: Path, name: str, wait_ms: int = 0) -> dict[str, object]:
    """Write, look for or remove a marker as an account; return its outcome, with ``error`` when it failed.

    Raises:
        Skip: only root could become that account.
    """
    interpreter = os.path.realpath(sys.executable)  # a venv may lie where others cannot look
    words = [interpreter, "-IS", str(marker.__file__), verb, str(root), name, str(wait_ms)]
    done = accounts.run(words, account, seconds=wait_ms / 1000 + 5)
    try:
        value = json.loads(done.stdout)
    except ValueError:
        return {"error": done.last_words}
    return value if isinstance(value, dict) else {"error": "no answer"}
