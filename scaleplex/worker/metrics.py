"""What the worker counts."""

from scaleplex.common.metrics import Metrics
from scaleplex.translator.labels import KINDS

# The reasons of exit frames (session.describe_exit).
OUTCOMES = (
    "ended", "stopped", "superseded", "killed", "draining",
    "failed", "disk-full", "callback-failed", "callback-refused", "spawn-failed",
)  # fmt: skip
REFUSALS = (
    "starting", "draining", "full", "superseded", "bad-ticket", "bad-field", "storage-hung",
    "policy", "local-only", "input-missing", "cwd-missing", "cwd-not-writable",
)  # fmt: skip


class WorkerMetrics:
    """The worker's metrics; every name is part of the reference."""

    def __init__(self) -> None:
        self.all = Metrics()
        self.tasks = self.all.counter(
            "scaleplex_worker_tasks_total",
            "Tasks ended, by outcome.",
            ("outcome",),
            [(outcome,) for outcome in OUTCOMES],
        )
        self.refused = self.all.counter(
            "scaleplex_worker_refused_total",
            "Tasks not taken, by error code.",
            ("error",),
            [(code,) for code in REFUSALS],
        )
        self.running = self.all.gauge("scaleplex_worker_tasks_running", "Tasks running now.")
        self.throttled = self.all.gauge("scaleplex_worker_tasks_throttled", "Tasks running that PMS slows down.")
        self.capacity = self.all.gauge("scaleplex_worker_tasks_max", "Tasks that may run at once.")
        self.spawn = self.all.histogram(
            "scaleplex_worker_spawn_seconds", "From task received to ffmpeg spawned, in seconds."
        )
        self.labels = self.all.counter(
            "scaleplex_worker_labels_total",
            "Changes made to command lines, by kind.",
            ("kind",),
            [(kind,) for kind in KINDS],
        )
        self.bails = self.all.counter(
            "scaleplex_worker_bails_total", "Command lines only cleaned because not understood, by reason.", ("reason",)
        )
        self.callbacks = self.all.counter(
            "scaleplex_worker_callbacks_total", "Callbacks sent to the relay, by kind and status.", ("kind", "status")
        )
        self.leftovers = self.all.counter(
            "scaleplex_worker_leftovers_total", "Processes of an earlier life ended at the start."
        )
