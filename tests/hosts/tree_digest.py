#!/usr/bin/python3
"""Print a line for everything in a host's file tree: path, kind, mode, owner, group, digest of the content.

Two of these are equal when the trees are, byte for byte. Left out are what is no file of the host (mounts, devices),
logs, and what tools keep for themselves while they work: caches, time stamps, backup copies of what they last edited.
"""

import hashlib
import os
import stat

TEMPORARY = ("/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/log", "/root/.ansible", "/srv/testhosts-nfs")
CACHES = ("/var/cache", "/var/lib/apt", "/var/lib/systemd", "/etc/ld.so.cache", "/etc/.pwd.lock")
BACKUPS = (
    *("/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-"),
    *("/var/lib/dpkg/status-old", "/var/lib/dpkg/diversions-old", "/var/lib/dpkg/statoverride-old"),
    *("/var/lib/dpkg/lock", "/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/triggers/Lock"),
)


def mounts():
    """Return the mount points below the root."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return {line.split()[4].replace("\\040", " ") for line in file} - {"/"}


def describe(path):
    """Return what has to be equal about one path."""
    about = os.lstat(path)
    owner = f"{stat.S_IMODE(about.st_mode):04o} {about.st_uid} {about.st_gid}"
    if stat.S_ISLNK(about.st_mode):
        return f"link {owner} {os.readlink(path)}"
    if stat.S_ISREG(about.st_mode):
        with open(path, "rb") as file:
            return f"file {owner} {hashlib.sha256(file.read()).hexdigest()[:16]}"
    return f"{'directory' if stat.S_ISDIR(about.st_mode) else 'other'} {owner} -"


def main():
    """Walk and print, in order."""
    left_out = {*TEMPORARY, *CACHES, *BACKUPS, *mounts()}
    lines = []
    for directory, names, files in os.walk("/"):
        names[:] = [name for name in names if os.path.join(directory, name) not in left_out]
        for name in [*names, *files]:
            path = os.path.join(directory, name)
            if path not in left_out:
                lines.append(f"{path} {describe(path)}")
    print("\n".join(sorted(lines)))


if __name__ == "__main__":
    main()
