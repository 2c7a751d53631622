"""A control group for each host.

With --keep-unit nspawn makes "payload" below the group it was started in. Two hosts started from one group would share
that tree: units of one name sit in one group, and signalling it fails. The group is also how a host's processes are
found: killing the supervisor leaves init running, and process numbers are soon used again.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def hierarchies() -> dict[str, Path]:
    """Return the hierarchies systemd uses, by the name they have in /proc/PID/cgroup."""
    if (ROOT / "cgroup.controllers").exists():
        return {"": ROOT}
    found = {"name=systemd": ROOT / "systemd", "": ROOT / "unified"}
    return {name: path for name, path in found.items() if path.is_dir()}


def own_group(hierarchy: str) -> str:
    """Return the group this process is in."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if hierarchy in names.split(","):
            return path.strip("/")
    return ""


def of_host(run_id: str, host: str) -> list[Path]:
    """Return the groups of a host, whether they exist or not."""
    return [top / own_group(name) / "scaleplex-hosts" / run_id / host for name, top in hierarchies().items()]


def cpu_group(run_id: str, host: str) -> Path:
    """Return the group that limits a host's share of the processors."""
    return ROOT / "cpu/scaleplex-hosts" / run_id / host


def unified(run_id: str, host: str) -> Path | None:
    """Return the version 2 group of a host, which can freeze and kill."""
    return next((group for group in of_host(run_id, host) if (group / "cgroup.freeze").exists()), None)


def pids(group: Path) -> set[int]:
    """Return the processes of a group and of those below it."""
    found: set[int] = set()
    for file in [group / "cgroup.procs", *group.rglob("cgroup.procs")]:
        with contextlib.suppress(OSError):
            found.update(int(pid) for pid in file.read_text().split())
    return found - {0}


def leader(run_id: str, host: str) -> int | None:
    """Return the process number of the host's init, as the machine sees it."""
    for group in of_host(run_id, host):
        for pid in pids(group / "payload" / "init.scope"):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith("NSpid:") and line.split()[-1] == "1":
                        return pid
    return None


def kill(run_id: str, host: str) -> None:
    """Pull the plug."""
    left: set[int] = set()
    for _ in range(100):
        left = set().union(*(pids(group) for group in of_host(run_id, host)))
        if not left:
            return
        group = unified(run_id, host)
        if group and (group / "cgroup.kill").exists():
            (group / "cgroup.kill").write_text("1")
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    raise SystemExit(f"{host}: processes would not end: {sorted(left)}")


def remove(run_id: str, hosts: list[str]) -> None:
    """Remove the groups of hosts that have no process left, and the run's."""
    tops = [group for host in hosts for group in (*of_host(run_id, host), cpu_group(run_id, host))]
    for top in tops:
        for path, _, _ in os.walk(top, topdown=False):
            _remove(path)
    for parent in {top.parent for top in tops}:
        for path in (parent, parent.parent):
            with contextlib.suppress(OSError):
                path.rmdir()


def _remove(path: str) -> None:
    for _ in range(20):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
