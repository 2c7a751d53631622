"""Render nodes of GPUs: there, devices, and open to the worker's account."""

from collections.abc import Sequence
from pathlib import Path
from stat import S_ISCHR

from scaleplex.cli.doctor import accounts
from scaleplex.cli.doctor.accounts import Account, name_of_group
from scaleplex.cli.doctor.findings import Finding, ok, problem, warning

NVIDIA_NODES = ("nvidiactl", "nvidia-uvm")
UNUSED = ("sw", "auto")  # auto finds sw until another backend is built


def render_nodes(devices: Path, backend: str, account: Account) -> list[Finding]:
    """Return whether the backend's devices are there and open to the account.

    With the software backend a GPU is not needed; what is wrong with one is then no more than a warning.
    """
    needed = backend not in UNUSED
    if backend == "nvenc":
        nodes = sorted(devices.glob("nvidia[0-9]*"))
        nodes += [devices / name for name in NVIDIA_NODES] if nodes else []
    else:
        nodes = sorted((devices / "dri").glob("renderD*"))
    if not nodes:
        if not needed:
            return [ok("no GPU on this host; the worker encodes on the CPU")]
        return [
            problem(
                f"there is no device for {backend} below {devices}",
                "Install the GPU's driver, or set SCALEPLEX_WORKER_BACKEND=sw in worker.env.",
            )
        ]
    return [_node(node, account, needed=needed) for node in nodes]


def _node(node: Path, account: Account, *, needed: bool) -> Finding:
    say = problem if needed else warning
    try:
        status = node.stat()
    except OSError as exc:
        return say(f"{node}: {exc.strerror}", "Load the GPU's kernel module (nvidia-modprobe -u for nvidia-uvm).")
    if not S_ISCHR(status.st_mode):
        return say(f"{node} is no device", f"Remove {node} and load the GPU's kernel module anew.")
    if accounts.can(account, "rw", str(node)):
        return ok(f"{account.name} may use {node}")
    group = name_of_group(status.st_gid)
    return say(
        f"{account.name} may not use {node} (group {group}, mode {status.st_mode & 0o7777:o})",
        f"Run the role scaleplex_gpu, or put SupplementaryGroups={group} into a drop-in of scaleplex-worker.",
    )


def state_is_local(path: Path, kind: str, network: bool) -> list[Finding]:
    """Return whether the worker's state lies on a disk of its own host; ``kind`` is the file system's name."""
    if network:
        return [
            problem(
                f"the worker's state directory {path} lies on {kind}",
                "Put SCALEPLEX_WORKER_STATE_DIR on a local disk: pid files of two workers must not mix.",
            )
        ]
    return [ok(f"{path} lies on this host's own {kind}")]


def state_is_writable(path: Path, account: Account) -> Sequence[Finding]:
    """Return whether the account can use the state directory."""
    if not path.is_dir():
        return [problem(f"{path} does not exist", "Start scaleplex-worker: its unit makes it (StateDirectory=).")]
    if accounts.can(account, "rwx", str(path)):
        return [ok(f"{account.name} may write into {path}")]
    return [problem(f"{account.name} may not write into {path}", f"chown {account.name}: {path}")]
