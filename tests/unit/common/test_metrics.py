"""Metrics in Prometheus' text format."""

from scaleplex.common.metrics import SERIES_MAX, Metrics


def test_samples_are_printed_with_help_and_type() -> None:
    metrics = Metrics()
    counter = metrics.counter("x_total", "Things.", ("reason",))
    counter.add(reason="a")
    counter.add(2, reason="b")
    assert metrics.render() == (
        '# HELP x_total Things.\n# TYPE x_total counter\nx_total{reason="a"} 1\nx_total{reason="b"} 2\n'
    )


def test_a_histogram_counts_cumulatively() -> None:
    metrics = Metrics()
    histogram = metrics.histogram("h_seconds", "Time.", (0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 7.0):
        histogram.observe(value)
    lines = metrics.render().splitlines()
    assert 'h_seconds_bucket{le="0.1"} 2' in lines
    assert 'h_seconds_bucket{le="1"} 3' in lines
    assert 'h_seconds_bucket{le="+Inf"} 4' in lines
    assert "h_seconds_count 4" in lines


def test_what_is_only_known_by_looking_is_set_at_each_scrape() -> None:
    metrics = Metrics()
    gauge = metrics.gauge("g", "Now.")
    values = iter([3.0, 5.0])
    metrics.before_render(lambda: gauge.set(next(values)))
    assert metrics.render().endswith("g 3\n")
    assert metrics.render().endswith("g 5\n")


def test_samples_that_are_known_beforehand_start_at_0_and_return_to_it() -> None:
    metrics = Metrics()
    gauge = metrics.gauge("g", "Now.", ("state", "part"), [("ready", "a"), ("lost", "a")])
    assert metrics.render().splitlines()[2:] == ['g{state="lost",part="a"} 0', 'g{state="ready",part="a"} 0']
    gauge.set(3, state="ready", part="a")
    gauge.set(1, state="odd", part="a")
    gauge.clear()
    assert metrics.render().splitlines()[2:] == ['g{state="lost",part="a"} 0', 'g{state="ready",part="a"} 0']


def test_a_label_value_that_is_no_word_of_ours_is_called_other() -> None:
    metrics = Metrics()
    counter = metrics.counter("x_total", "Things.", ("reason",))
    for strange in ('say "no"\n', "back\\slash", "/media/Ein Film für zwei", "x" * 65, "\0"):
        counter.add(reason=strange)
    assert counter.lines() == ['x_total{reason="other"} 5']


def test_strangers_cannot_make_series_without_end() -> None:
    metrics = Metrics()
    counter = metrics.counter("x_total", "Things.", ("kind", "reason"))
    gauge = metrics.gauge("x", "Things.", ("reason",))
    for number in range(3 * SERIES_MAX):
        counter.add(kind="codec", reason=f"name-{number}")
        gauge.set(1, reason=f"name-{number}")
    counter.add(kind="codec", reason="name-0")
    assert len(counter.lines()) == len(gauge.lines()) == SERIES_MAX + 1
    assert counter.value(kind="codec", reason="name-0") == 2
    assert counter.value(kind="other", reason="other") == 2 * SERIES_MAX


def test_samples_change_under_their_lock_only() -> None:
    counter = Metrics().counter("x_total", "Things.")

    class Watched(dict[tuple[str, ...], float]):
        def get(self, key: object, default: object = None) -> float:
            assert counter._lock.locked()
            return super().get(key, default)  # type: ignore[call-overload, no-any-return]

        def __setitem__(self, key: tuple[str, ...], value: float) -> None:
            assert counter._lock.locked()
            super().__setitem__(key, value)

    counter._samples = Watched(counter._samples)
    counter.add()
    counter.add(2)
    assert counter.value() == 3
    counter.set(1)
    counter.clear()
    assert counter.lines() == ["x_total 0"]
