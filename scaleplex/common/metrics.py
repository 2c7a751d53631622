"""Metrics in Prometheus' text format, declared where they are counted and listed in the reference from the same place.

TASKS = metrics.counter("scaleplex_worker_tasks_total", "Tasks ended, by outcome.", ("outcome",))
TASKS.add(outcome="ended")
"""

import re
import threading
from collections.abc import Callable, Iterable, Sequence

# Label values come from tables of ours. Where one comes from outside, a stranger must not make series without end, nor
# put text of his choice into somebody's dashboard.
LABEL_VALUE = re.compile(r"[A-Za-z0-9_.:/+ -]{0,64}")
SERIES_MAX = 200
OTHER = "other"

LATENCY_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metric:
    """One named family of samples; ``kind`` is counter, gauge or histogram.

    Samples whose label values are known beforehand are there from the start, with 0: an alert cannot see a sample that
    is absent, nor the first increase of one that appears with 1.
    """

    def __init__(
        self, kind: str, name: str, help: str, labels: Sequence[str], known: Iterable[Sequence[str]] = ()
    ) -> None:
        self.kind = kind
        self.name = name
        self.help = help
        self.labels = tuple(labels)
        self._zeros = {tuple(values): 0.0 for values in known}
        self._samples: dict[tuple[str, ...], float] = dict(self._zeros)
        self._lock = threading.Lock()

    def _key(self, labels: dict[str, str]) -> tuple[str, ...]:
        values = (labels[name] for name in self.labels)
        return tuple(value if LABEL_VALUE.fullmatch(value) else OTHER for value in values)

    def _bounded(self, key: tuple[str, ...]) -> tuple[str, ...]:
        """Return the sample to change: once there are too many, every new one is one and the same."""
        return key if key in self._samples or len(self._samples) < SERIES_MAX else (OTHER,) * len(key)

    def add(self, amount: float = 1.0, **labels: str) -> None:
        """Add to the sample with these label values."""
        key = self._key(labels)
        with self._lock:
            key = self._bounded(key)
            self._samples[key] = self._samples.get(key, 0.0) + amount

    def set(self, value: float, **labels: str) -> None:
        """Set the sample with these label values."""
        with self._lock:
            self._samples[self._bounded(self._key(labels))] = value

    def clear(self) -> None:
        """Return to the start, for a family that is filled at each scrape."""
        with self._lock:
            self._samples = dict(self._zeros)

    def value(self, **labels: str) -> float:
        """Return the sample with these label values, 0 if there is none."""
        with self._lock:
            return self._samples.get(self._key(labels), 0.0)

    def lines(self) -> list[str]:
        """Return the sample lines of the text format."""
        with self._lock:
            samples = sorted(self._samples.items()) or ([((), 0.0)] if not self.labels else [])
        return [f"{self.name}{_label_text(self.labels, key)} {_number(value)}" for key, value in samples]


class Histogram(Metric):
    """Counts observations in seconds by upper bound."""

    def __init__(self, name: str, help: str, buckets: Sequence[float]) -> None:
        super().__init__("histogram", name, help, ())
        self._buckets = tuple(buckets)
        self._counts = [0] * (len(buckets) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        index = next((i for i, bound in enumerate(self._buckets) if value <= bound), len(self._buckets))
        with self._lock:
            self._counts[index] += 1
            self._sum += value

    def lines(self) -> list[str]:
        with self._lock:
            counts, total = list(self._counts), self._sum
        lines, running = [], 0
        for bound, count in zip((*map(_number, self._buckets), "+Inf"), counts, strict=True):
            running += count
            lines.append(f'{self.name}_bucket{{le="{bound}"}} {running}')
        return [*lines, f"{self.name}_sum {_number(total)}", f"{self.name}_count {running}"]


class Metrics:
    """The metrics of one service."""

    def __init__(self) -> None:
        self._metrics: list[Metric] = []
        self._refresh: list[Callable[[], None]] = []

    def counter(self, name: str, help: str, labels: Sequence[str] = (), known: Iterable[Sequence[str]] = ()) -> Metric:
        """Declare a counter; ``known`` holds the label values, in the order of ``labels``, that start at 0."""
        return self._add(Metric("counter", name, help, labels, known))

    def gauge(self, name: str, help: str, labels: Sequence[str] = (), known: Iterable[Sequence[str]] = ()) -> Metric:
        """Declare a gauge; ``known`` as for a counter."""
        return self._add(Metric("gauge", name, help, labels, known))

    def histogram(self, name: str, help: str, buckets: Sequence[float] = LATENCY_BUCKETS_SECONDS) -> Histogram:
        histogram = Histogram(name, help, buckets)
        self._metrics.append(histogram)
        return histogram

    def before_render(self, refresh: Callable[[], None]) -> None:
        """Call a function before each scrape, to set what is only known by looking."""
        self._refresh.append(refresh)

    def describe(self) -> list[tuple[str, str, str, tuple[str, ...]]]:
        """Return name, kind, help and labels of every metric, for the reference."""
        return [(m.name, m.kind, m.help, m.labels) for m in self._metrics]

    def render(self) -> str:
        """Return the exposition text."""
        for refresh in self._refresh:
            refresh()
        lines: list[str] = []
        for metric in self._metrics:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}", *metric.lines()]
        return "\n".join(lines) + "\n"

    def _add(self, metric: Metric) -> Metric:
        self._metrics.append(metric)
        return metric


def _label_text(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    pairs = (f'{name}="{value}"' for name, value in zip(names, values, strict=True))
    return "{" + ",".join(pairs) + "}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
