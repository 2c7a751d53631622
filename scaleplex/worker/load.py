"""How busy the host is."""

import os


def cpu_load() -> float:
    """Return the 1-minute load average per core."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)
