"""Hosts of kind nspawn: a container on an overlay over the shared base tree, up in a second."""

import os
from pathlib import Path

from tests.hosts.places import Spec, binds, run, space_name, state_dir

# Hosts see cgroup v2 alone, as on a plain Debian, and may set the sysctls of their own network namespace. The rest of
# /proc/sys stays read-only: it is the machine's.
ENVIRONMENT = {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
QUIET = (
    *("--register=no", "--keep-unit", "--settings=no", "--quiet", "--link-journal=no", "--resolv-conf=off"),
    *("--timezone=off", "--console=read-only"),
)
# The kernel of a sandboxed machine may have no NFS. This takes the place of mount.nfs and mount.nfs4 in a host, so that
# fstab lines, mount units and Ansible's mount module run unchanged: it asks the server for a sign of life, for as many
# minutes as retry= says, and binds the directory that stands for the export.
NFS_STANDIN = r"""#!/bin/sh
source=$1 target=$2 readonly= minutes=0
shift 2
while [ $# -gt 0 ]; do
    case $1 in
        -o) shift
            case ",$1," in *,ro,*) readonly=1;; esac
            case ",$1," in *,retry=*) minutes=${1##*retry=}; minutes=${minutes%%,*};; esac;;
        -r) readonly=1;;
    esac
    shift
done
end=$(($(date +%s) + minutes * 60))
until ping -q -c 1 -W 2 "${source%%:*}" >/dev/null 2>&1; do
    [ "$(date +%s)" -lt "$end" ] || { echo "mount.nfs4: Connection timed out for ${source%%:*}" >&2; exit 32; }
    sleep 1
done
while read -r export directory; do
    [ "$export" = "$source" ] || continue
    mount --bind "$directory" "$target" || exit 32
    [ -z "$readonly" ] || mount -o remount,bind,ro "$target" || exit 32
    exit 0
done < /etc/testhosts-nfs
echo "mount.nfs4: mounting $source failed: no such export" >&2
exit 32
"""


def prepare(spec: Spec, host: str) -> Path:
    """Lay the host's root over the base tree and return it; the caller adds the host's own files."""
    conf = spec["hosts"][host]
    home = state_dir(spec["run"]) / host
    home.mkdir(parents=True)
    name = space_name(spec["run"], host)
    if conf.get("disk"):
        run("mount", "-t", "tmpfs", "-o", f"size={conf['disk']},mode=755", name, str(home))
    for sub in ("upper", "work", "root"):
        (home / sub).mkdir()
    root = home / "root"
    layers = f"lowerdir={spec['tree']},upperdir={home}/upper,workdir={home}/work"
    run("mount", "-t", "overlay", name, "-o", layers, str(root))
    return root


def finish(spec: Spec, root: Path) -> None:
    """Make the tree a host that has never booted."""
    (root / "etc/machine-id").write_text("")
    # Look stale, or a role with cache_valid_time never reads the archive.
    os.utime(root / "var/lib/apt/lists", (0, 0))
    if spec.get("nfs"):
        stand_in_for_nfs(spec, root)


def stand_in_for_nfs(spec: Spec, root: Path) -> None:
    """Put the stand-in where mount looks; diverted, so that installing nfs-common does not overwrite it."""
    for helper in ("mount.nfs", "mount.nfs4"):
        # Debian 12 packs it as /sbin, Debian 13 as /usr/sbin; for dpkg these are two files.
        for name in (f"/sbin/{helper}", f"/usr/sbin/{helper}"):
            divert = ("dpkg-divert", "--quiet", "--local", "--no-rename", "--divert", f"{name}.packaged")
            run("chroot", str(root), *divert, "--add", name)
        path = root / "usr/sbin" / helper
        path.write_text(NFS_STANDIN)
        path.chmod(0o755)
    lines = (f"{export} /srv/testhosts-nfs/{number}\n" for number, export in enumerate(spec["nfs"]))
    (root / "etc/testhosts-nfs").write_text("".join(lines))
    # No RPC pipe file system either; nfs-common would leave a failed mount.
    (root / "etc/systemd/system/run-rpc_pipefs.mount").symlink_to("/dev/null")


def command(spec: Spec, host: str) -> list[str]:
    """Return what keeps the host running. Status 133 asks for a restart: the host wants to reboot."""
    conf = spec["hosts"][host]
    mounts = [f"--bind={bind}" for bind in binds(spec, conf, "bind")]
    mounts += [f"--bind-ro={bind}" for bind in binds(spec, conf, "bind_ro")]
    mounts += [f"--bind-ro={spec[key]}:/opt/{key}" for key in ("debs", "wheels") if spec.get(key)]
    mounts += [f"--bind={path}:/srv/testhosts-nfs/{number}" for number, path in enumerate(spec.get("nfs", {}).values())]
    name = space_name(spec["run"], host)
    return [
        *("sh", "-c", 'while "$@"; [ $? -eq 133 ]; do :; done', "supervise"),
        *("systemd-nspawn", *QUIET, "-D", str(state_dir(spec["run"]) / host / "root"), f"--machine={name}"),
        *(f"--hostname={host}", f"--network-namespace-path=/run/netns/{name}", *mounts, "-b"),
    ]
