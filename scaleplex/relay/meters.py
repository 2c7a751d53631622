"""The relay's metrics, declared in one place."""

from scaleplex.common.metrics import Metrics

# Why shims run a job on the Plex host that was meant for the fleet, and how they lose a worker.
FALLBACK_REASONS = (
    "no-worker", "not-configured", "no-relay-url", "no-secret", "no-job-file", "shim-fault",
    "cannot-start", "cwd-missing", "local-only", "too-large",
)  # fmt: skip
LOST_REASONS = ("silent", "broken", "unverified", "shim-fault")
EVENTS_KNOWN = (
    ("placed", "accepted"),
    ("ended", "ended"),
    ("ended", "failed"),
    *(("fallback", reason) for reason in (*FALLBACK_REASONS, "other")),
    *(("lost", reason) for reason in LOST_REASONS),
)
CALLBACKS_KNOWN = tuple((kind, outcome) for kind in ("manifest", "progress", "log") for outcome in ("200", "upstream"))


class Meters:
    """What the relay counts."""

    def __init__(self, metrics: Metrics) -> None:
        self.callbacks = metrics.counter(
            "scaleplex_relay_callbacks_total",
            "Callbacks by kind and by what became of them: PMS's status, or refused, gone, busy, stale, repeated, "
            "dropped or upstream.",
            ("kind", "outcome"),
            CALLBACKS_KNOWN,
        )
        self.held = metrics.histogram(
            "scaleplex_relay_announcement_held_seconds",
            "How long manifests were held back until their new files could be opened on this host.",
        )
        self.invisible = metrics.counter(
            "scaleplex_relay_announced_invisible_total",
            "Files announced to PMS although they could not be opened on this host in time.",
        )
        self.upstream_seconds = metrics.histogram(
            "scaleplex_relay_upstream_seconds", "How long PMS took to answer a callback."
        )
        self.jobs = metrics.gauge("scaleplex_relay_jobs", "Jobs alive on this host.")
        self.swept = metrics.counter("scaleplex_relay_jobs_swept_total", "Files of dead jobs removed.")
        self.events = metrics.counter(
            "scaleplex_shim_events_total",
            "What shims on this host reported, by event and reason.",
            ("event", "reason"),
            EVENTS_KNOWN,
        )
