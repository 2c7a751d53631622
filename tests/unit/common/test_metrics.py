"""Metrics in Prometheus' text format."""

from scaleplex.common.metrics import Metrics


def test_samples_are_printed_with_help_type_and_escaped_labels() -> None:
    metrics = Metrics()
    counter = metrics.counter("x_total", "Things.", ("reason",))
    counter.add(reason='say "no"\n')
    counter.add(2, reason="b")
    assert metrics.render() == (
        '# HELP x_total Things.\n# TYPE x_total counter\nx_total{reason="b"} 2\nx_total{reason="say \\"no\\"\\n"} 1\n'
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
