"""Hosts of kind uml: user-mode Linux, an ordinary process with a kernel of its own.

So with kernel NFS, netem and enforced limits; up in 15 to 30 seconds and slow to fork. The command line is the only way
in before boot, so a second small disk carries the host's files and a unit of the image copies them.
"""

import ipaddress
import os
from pathlib import Path

from tests.hosts.network import gateway, subnet
from tests.hosts.places import Spec, binds, port, run, state_dir, switch

SETUP = r"""
systemctl enable --quiet systemd-networkd.service testhosts-config.service
systemctl mask --quiet systemd-networkd-wait-online.service systemd-binfmt.service \
    e2scrub_reap.service apt-daily.timer apt-daily-upgrade.timer
"""
CONFIG_UNIT = r"""[Unit]
Description=Files of this test host
DefaultDependencies=no
After=systemd-remount-fs.service
Before=sysinit.target network-pre.target systemd-networkd.service ssh.service
Wants=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -ec 'mount -o ro /dev/ubdb /mnt; cp -a /mnt/etc /mnt/root /; umount /mnt; \
    while read -r from to; do mkdir -p "$to"; mount -t hostfs none "$to" -o "$from"; \
    done </etc/testhosts-mounts'
[Install]
WantedBy=sysinit.target
"""
# Coldplugging every device takes ten seconds of the boot; two classes do.
TRIGGER = """[Service]
ExecStart=
ExecStart=-udevadm trigger --type=devices --action=add --subsystem-match=net --subsystem-match=block
"""


def prepare(spec: Spec, host: str) -> Path:
    """Return the directory that takes the host's own files."""
    return state_dir(spec["run"]) / host / "files"


def finish(spec: Spec, host: str, files: Path) -> None:
    """Add network and directories of the machine, and make the second disk."""
    conf = spec["hosts"][host]
    network = files / "etc/systemd/network/10-testhosts.network"
    network.parent.mkdir(parents=True)
    network.write_text(
        f"[Match]\nName=vec0\n[Network]\nAddress={conf['address']}/{subnet(spec).prefixlen}\n"
        f"Gateway={gateway(spec)}\nLinkLocalAddressing=no\n"
    )
    mounts = [bind.split(":") for key in ("bind", "bind_ro") for bind in binds(spec, conf, key)]
    mounts += [[spec[key], f"/opt/{key}"] for key in ("debs", "wheels") if spec.get(key)]
    lines = (f"{mount[0]} {mount[-1]}\n" for mount in mounts if os.path.isdir(mount[0]))
    (files / "etc/testhosts-mounts").write_text("".join(lines))
    disk = files.parent / "files.ext4"
    run("mkfs.ext4", "-q", "-F", "-d", str(files), str(disk), "8M", capture_output=True)


def command(spec: Spec, host: str) -> list[str]:
    """Return what keeps the guest running."""
    conf = spec["hosts"][host]
    home = state_dir(spec["run"]) / host
    # Every guest would otherwise draw the same "random" hardware address.
    mac = "52:54:00:" + ":".join(f"{octet:02x}" for octet in ipaddress.ip_address(conf["address"]).packed[-3:])
    return [
        *("ip", "netns", "exec", switch(spec["run"])),
        *("unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"),
        *("linux.uml", f"mem={conf.get('memory', '384M')}", f"uml_dir={home}", f"umid={host}"),
        *(f"ubd0={home}/disk.cow,{spec['image']}", f"ubd1={home}/files.ext4", "root=/dev/ubda", "rw", "quiet"),
        *(f"systemd.hostname={host}", f"vec0:transport=tap,ifname={port(host)},mac={mac},depth=64,gro=1"),
        *("con=null", "con0=null,fd:1", "ssl=null"),
    ]
