"""Hosts up and down, a command on one of them, and everything that can befall it."""

import concurrent.futures
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.hosts import caches, groups, network, nspawn, uml
from tests.hosts.places import Spec, is_uml, run, space_name, state_dir

BOOT_SECONDS = 180.0
POWEROFF_SECONDS = 60.0
FAULTS = ("cut", "heal", "crash", "poweroff", "start", "freeze", "thaw", "drop", "pass")


def load(run_id: str) -> Spec:
    """Return what a run was started with."""
    spec: Spec = json.loads((state_dir(run_id) / "spec.json").read_text())
    return spec


def up(spec: Spec, *, keep: bool = False) -> dict[str, Any]:
    """Bring every host of a run up and return where they are.

    Args:
        spec: see ``python -m tests.hosts --help``.
        keep: leave what there is when a host does not come up.
    """
    spec.setdefault("tree", str(caches.base()))
    if any(is_uml(conf) for conf in spec["hosts"].values()):
        spec.setdefault("image", str(caches.image([Path(path) for path in spec.get("image_packages", [])])))
    home = state_dir(spec["run"])
    if home.exists():
        raise SystemExit(f"{home} is there already: run `down {spec['run']}` first")
    home.mkdir(parents=True)
    began = time.monotonic()
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", spec["run"], "-f", str(home / "id"))
    (home / "spec.json").write_text(json.dumps(spec, indent=1))
    try:
        network.up(spec)
        for host in spec["hosts"]:
            prepare(spec, host)
            start(spec, host)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            states = dict(
                zip(spec["hosts"], pool.map(lambda host: wait_booted(spec, host), spec["hosts"]), strict=True)
            )
    except BaseException:
        if not keep:
            down(spec["run"])
        raise
    hosts = {
        host: {"address": spec["hosts"][host]["address"], "state": state, "pid": groups.leader(spec["run"], host)}
        for host, state in states.items()
    }
    return {"run": spec["run"], "key": str(home / "id"), "seconds": round(time.monotonic() - began, 2), "hosts": hosts}


def prepare(spec: Spec, host: str) -> None:
    """Make one host out of the common tree."""
    guest = is_uml(spec["hosts"][host])
    top = (uml if guest else nspawn).prepare(spec, host)
    etc, ssh_dir = top / "etc", top / "root/.ssh"
    (etc / "apt").mkdir(parents=True, exist_ok=True)
    ssh_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    (etc / "hostname").write_text(host + "\n")
    lines = ["127.0.0.1 localhost", *(f"{conf['address']} {name}" for name, conf in spec["hosts"].items())]
    (etc / "hosts").write_text("\n".join(lines) + "\n")
    (etc / "resolv.conf").unlink(missing_ok=True)
    (etc / "resolv.conf").write_text("")
    shutil.copy(state_dir(spec["run"]) / "id.pub", ssh_dir / "authorized_keys")
    if spec.get("debs"):
        (etc / "apt/sources.list").write_text("deb [trusted=yes] file:/opt/debs ./\n")
    if spec.get("wheels"):
        (etc / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /opt/wheels\n")
    if guest:
        uml.finish(spec, host, top)
    else:
        nspawn.finish(spec, top)


def start(spec: Spec, host: str) -> None:
    """Switch a host on."""
    run_id, conf = spec["run"], spec["hosts"][host]
    home = state_dir(run_id) / host
    own_groups = groups.of_host(run_id, host)
    if conf.get("cpus"):
        own_groups.append(groups.cpu_group(run_id, host))
    for group in own_groups:
        group.mkdir(parents=True, exist_ok=True)
    if conf.get("cpus"):
        (own_groups[-1] / "cpu.cfs_quota_us").write_text(str(int(float(conf["cpus"]) * 100000)))
    guest = is_uml(conf)
    argv = (uml if guest else nspawn).command(spec, host)
    environment = {**os.environ, "TMPDIR": str(home)} if guest else {**os.environ, **nspawn.ENVIRONMENT}
    # The shell joins the groups and becomes the supervisor, so nothing of the host is ever outside them.
    join = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"'
    with open(home / "console.log", "ab") as log:
        run(
            *("setsid", "--fork", "sh", "-c", join, "join", *map(str, own_groups), "--", *argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )


def inside(pid: int, *argv: str, machine_network: bool = False) -> list[str]:
    """Return a command that enters a host with the machine's privileges: for looking, not for testing."""
    spaces = ["-m", "-u", "-i", "-p", "-C", *([] if machine_network else ["-n"])]
    return ["nsenter", "-t", str(pid), *spaces, "--", *argv]


def ssh(spec: Spec, host: str, *argv: str) -> list[str]:
    """Return a command that runs another on a host, with the privileges it has there."""
    home = state_dir(spec["run"])
    options = ("StrictHostKeyChecking=no", f"UserKnownHostsFile={home}/known_hosts", "LogLevel=ERROR")
    options += ("ConnectTimeout=2", "ControlPath=none")
    flags = [word for option in options for word in ("-o", option)]
    return ["ssh", "-i", str(home / "id"), *flags, f"root@{spec['hosts'][host]['address']}", shlex.join(argv)]


def wait_booted(spec: Spec, host: str, limit_seconds: float = BOOT_SECONDS) -> str:
    """Wait until systemd says the host is up, and return whether it is running or degraded."""
    end = time.monotonic() + limit_seconds
    said = ""
    ask = ("systemctl", "is-system-running", "--wait")
    guest = is_uml(spec["hosts"][host])
    while time.monotonic() < end:
        pid = groups.leader(spec["run"], host)
        if guest or pid:
            argv = ssh(spec, host, *ask) if guest else inside(pid or 0, *ask)
            left = max(1.0, end - time.monotonic())
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=left, check=False
            )
            said = (done.stdout or done.stderr).strip()
            if said in ("running", "degraded"):
                return said
        time.sleep(0.1)
    raise SystemExit(f"{host}: not up after {limit_seconds:.0f} s ({said or 'no init seen'})")


def execute(run_id: str, host: str, argv: list[str], *, machine_network: bool = False) -> list[str]:
    """Return the command that runs another on a host."""
    spec = load(run_id)
    if is_uml(spec["hosts"][host]):
        return ssh(spec, host, *argv)
    pid = groups.leader(run_id, host)
    if pid is None:
        raise SystemExit(f"{host} is not running")
    return inside(pid, *argv, machine_network=machine_network)


def poweroff(spec: Spec, host: str) -> None:
    """Shut a host down in good order."""
    run_id = spec["run"]
    end = time.monotonic() + POWEROFF_SECONDS
    if is_uml(spec["hosts"][host]):
        run(*ssh(spec, host, "systemctl", "poweroff"), check=False)
        while time.monotonic() < end and any(groups.pids(group) for group in groups.of_host(run_id, host)):
            time.sleep(0.2)
    else:
        pid = groups.leader(run_id, host)
        if pid:
            os.kill(pid, signal.SIGRTMIN + 4)
        while time.monotonic() < end and groups.leader(run_id, host):
            time.sleep(0.1)
    groups.kill(run_id, host)


def fault(run_id: str, host: str, what: str, match: str = "") -> str:
    """Let something befall a host; return its state after ``start``, else nothing.

    Args:
        run_id: the run.
        host: the host.
        what: one of FAULTS.
        match: for ``drop``, an nftables expression that says which packets; empty means all.
    """
    spec = load(run_id)
    guest = is_uml(spec["hosts"][host])
    if what in ("cut", "heal"):
        network.set_link(spec, host, "down" if what == "cut" else "up")
    elif what in ("drop", "pass"):
        _drop(run_id, host, match if what == "drop" else None)
    elif what in ("freeze", "thaw"):
        group = groups.unified(run_id, host)
        if group is None:
            raise SystemExit("no unified hierarchy to freeze in")
        (group / "cgroup.freeze").write_text("1" if what == "freeze" else "0")
    elif what == "crash":
        # The namespace outlives the host and would answer with resets; a host without power answers nothing.
        if not guest:
            network.set_link(spec, host, "down")
        groups.kill(run_id, host)
    elif what == "poweroff":
        poweroff(spec, host)
    elif what == "start":
        if not guest:
            network.set_link(spec, host, "up")
        start(spec, host)
        return wait_booted(spec, host)
    return ""


def _drop(run_id: str, host: str, match: str | None) -> None:
    """Lose packets silently: the link stays up, so senders wait for their time-outs."""
    nft = ("ip", "netns", "exec", space_name(run_id, host), "nft")
    run(*nft, "delete", "table", "netdev", "fault", check=False, stderr=subprocess.DEVNULL)
    if match is not None:
        chain = f'chain in {{ type filter hook ingress device "host0" priority 0; {match} drop; }}'
        run(*nft, "-f", "-", text=True, input=f"table netdev fault {{ {chain}; }}\n")


def down(run_id: str) -> None:
    """Remove everything of a run. Works after a crash of ``up``, and on a run that never was."""
    home = state_dir(run_id)
    hosts = [path.name for path in home.iterdir() if path.is_dir()] if home.exists() else []
    for host in hosts:
        group = groups.unified(run_id, host)
        if group:
            with contextlib.suppress(OSError):
                (group / "cgroup.freeze").write_text("0")
        groups.kill(run_id, host)
    groups.remove(run_id, hosts)
    network.down(run_id)
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in reversed([mount for mount in mounts if mount.startswith(f"{home}/")]):
        _unmount(point)
    # Only after nothing is mounted below it any more.
    shutil.rmtree(home, ignore_errors=True)


def _unmount(point: str) -> None:
    for _ in range(50):
        if run("umount", point, check=False, stderr=subprocess.DEVNULL).returncode == 0:
            return
        time.sleep(0.1)
    raise SystemExit(f"{point} is still busy")
