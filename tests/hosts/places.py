"""Where things of the test hosts lie, and how they are called.

Everything that takes long is kept below the cache, under a name made from what it was made of. It is never needed in
advance: what is missing is made. The state of a run lives elsewhere and goes with the run.
"""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
_HOME_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scaleplex"
CACHE = Path(os.environ.get("SCALEPLEX_CACHE") or _HOME_CACHE) / "hosts"
# An overlay cannot lie on another overlay: a plain file system is needed (ext4, xfs, tmpfs).
STATE = Path(os.environ.get("SCALEPLEX_HOSTS_STATE") or "/tmp/scaleplex-hosts")
SUITE = os.environ.get("SCALEPLEX_HOSTS_SUITE") or "bookworm"
MIRROR = os.environ.get("SCALEPLEX_HOSTS_MIRROR")  # else what debootstrap takes by itself

Spec = dict[str, Any]


def run(*argv: str, check: bool = True, **more: Any) -> "subprocess.CompletedProcess[Any]":
    """Run a program and fail when it does."""
    return subprocess.run(argv, check=check, **more)


def digest(*parts: object) -> str:
    """Return a short name for whatever the parts say; a file counts with its content."""
    total = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else str(part).encode()
        total.update(len(content).to_bytes(8, "big") + content)
    return total.hexdigest()[:12]


# Interface names have 15 characters at most, so ports are named after the host alone, in a namespace of their own;
# everything else carries "RUN-HOST", which is what teardown looks for.


def space_name(run_id: str, host: str) -> str:
    """Return the name of a host's network namespace and machine."""
    return f"{run_id}-{host}"


def switch(run_id: str) -> str:
    """Return the namespace that holds the bridge of a run."""
    return f"{run_id}-switch"


def port(host: str) -> str:
    """Return the port of the bridge a host hangs on."""
    return f"p-{host}"[:15]


def controller_interface(run_id: str) -> str:
    """Return the machine's own interface into the network of a run."""
    return f"{run_id[:11]}-ctl"


def state_dir(run_id: str) -> Path:
    """Return the directory that holds everything of a run."""
    return STATE / run_id


def is_uml(host: dict[str, Any]) -> bool:
    """Tell whether a host has a kernel of its own."""
    return host.get("kind") == "uml"


def binds(spec: Spec, host: dict[str, Any], key: str) -> list[str]:
    """Return the directories of the machine that a host sees, for all hosts and for this one."""
    return [*spec.get(key, []), *host.get(key, [])]
