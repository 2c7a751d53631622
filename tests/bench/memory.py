"""What each service holds in memory, shared pages counted once."""

from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.stand import Stand


def resident(stand: Stand) -> list[Figure]:
    """Return the proportional set size of each service: gunicorn's master and its one worker process."""
    return [
        Figure(f"memory of the {name}", sum(map(pss_mb, family(pid))), "MB", note="master and worker process")
        for name, pid in stand.services.items()
    ]


def family(pid: int) -> list[int]:
    """Return a process and the Python processes below it: a transcode's own memory is not the service's."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [
        pid,
        *(int(child) for child in children if "python" in Path(f"/proc/{child}/comm").read_text() + comm(child)),
    ]


def comm(pid: str) -> str:
    """Return a process's command line; gunicorn changes its name where it can."""
    return Path(f"/proc/{pid}/cmdline").read_text()


def pss_mb(pid: int) -> float:
    """Return the proportional set size of a process in megabytes."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(row.split()[1]) for row in rows if row.startswith("Pss:")) / 1000
