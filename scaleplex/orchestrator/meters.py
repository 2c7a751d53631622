"""The orchestrator's metrics, declared in one place."""

from collections import Counter
from collections.abc import Callable

from scaleplex.common.metrics import Metrics
from scaleplex.orchestrator.registry import View

# What a worker may be: the three it says of itself, one nobody has heard of, one that stopped answering.
STATES = ("ready", "starting", "draining", "unknown", "lost")
PLACEMENT_BUCKETS_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5)


class Meters:
    """What the orchestrator counts."""

    def __init__(self, metrics: Metrics) -> None:
        self.placements = metrics.counter(
            "scaleplex_orchestrator_placements_total",
            "Placement requests by what became of them: placed, no-worker or superseded.",
            ("outcome",),
            [("placed",), ("no-worker",), ("superseded",)],
        )
        self.placement_seconds = metrics.histogram(
            "scaleplex_orchestrator_placement_seconds", "Time spent on a placement.", PLACEMENT_BUCKETS_SECONDS
        )
        self.polls = metrics.counter(
            "scaleplex_orchestrator_polls_total",
            "Looks at a worker's capability: answered or failed.",
            ("outcome",),
            [("answered",), ("failed",)],
        )
        self.superseded = metrics.counter(
            "scaleplex_orchestrator_superseded_total",
            "Older jobs that workers were told to end: ended, gone already, or failed.",
            ("outcome",),
            [("ended",), ("gone",), ("failed",)],
        )
        self._workers = metrics.gauge(
            "scaleplex_orchestrator_workers", "Known workers, by state.", ("state",), [(state,) for state in STATES]
        )
        self._sessions = metrics.gauge("scaleplex_orchestrator_sessions", "Jobs on workers that are believed.")
        self._capacity = metrics.gauge("scaleplex_orchestrator_sessions_max", "The caps of ready workers, added up.")
        self._free = metrics.gauge(
            "scaleplex_orchestrator_sessions_free", "Jobs that ready workers can still take, added up."
        )
        self._metrics = metrics

    def watch(self, views: Callable[[], list[View]]) -> None:
        """Fill the gauges from the fleet at each scrape."""

        def refresh() -> None:
            now = views()
            believed = [view.capability for view in now if view.problem is None and view.capability is not None]
            self._workers.clear()
            states = (view.state if view.state in STATES else "unknown" for view in now)
            for state, number in Counter(states).items():
                self._workers.set(number, state=state)
            self._sessions.set(sum(capability.sessions for capability in believed))
            ready = [capability for capability in believed if capability.state == "ready"]
            self._capacity.set(sum(capability.max_sessions for capability in ready))
            self._free.set(sum(max(0, capability.max_sessions - capability.sessions) for capability in ready))

        self._metrics.before_render(refresh)
