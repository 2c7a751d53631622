"""Mutants of `scaleplex/common`."""

from tests.mutation.hand_made import HandMade

MUTANTS: tuple[HandMade, ...] = (
    HandMade(
        name="boolean yes is no",
        path="scaleplex/common/config.py",
        old='return text.lower() in ("1", "true", "yes")',
        new='return text.lower() in ("1", "true")',
        tests=("tests/unit/common/test_config.py",),
    ),
    HandMade(
        name="an entry journald does not take is lost",
        path="scaleplex/common/log.py",
        old="                pass  # too long for a datagram, or journald restarts: stderr also ends in the journal",
        new="                return",
        tests=("tests/unit/common/test_log.py",),
    ),
    HandMade(
        name="a doctor removes the markers of another",
        path="scaleplex/common/marker.py",
        old="oldest = time.time() - STALE_SECONDS",
        new="oldest = time.time() + STALE_SECONDS",
        tests=("tests/unit/common/test_marker.py",),
    ),
    HandMade(
        name="marker wait without a limit",
        path="scaleplex/common/marker.py",
        old="end = began + min(max(wait_ms, 0), WAIT_MS_MAX) / 1000",
        new="end = began + max(wait_ms, 0) / 1000",
        tests=("tests/unit/common/test_marker.py",),
    ),
    HandMade(
        name="counters without a lock",
        path="scaleplex/common/metrics.py",
        old="""        with self._lock:
            key = self._bounded(key)
            self._samples[key] = self._samples.get(key, 0.0) + amount""",
        new="""        key = self._bounded(key)
        self._samples[key] = self._samples.get(key, 0.0) + amount""",
        tests=("tests/unit/common/test_metrics.py",),
    ),
    HandMade(
        name="gunicorn watchdog of 30 s",
        path="scaleplex/common/service.py",
        old='"timeout": 0,',
        new='"timeout": 30,',
        tests=("tests/unit/common/test_service.py",),
    ),
    # The line that left the signature out of the path is gone: the log itself takes signatures out of every entry.
    HandMade(
        name="callback signatures in the log",
        path="scaleplex/common/log.py",
        old="text = scrub.secrets(str(value))",
        new="text = str(value)",
        tests=("tests/unit/common/test_log.py",),
    ),
    HandMade(
        name="callback signatures in answers",
        path="scaleplex/common/service.py",
        old="return scrub.secrets(req.path)",
        new="return req.path",
        tests=("tests/unit/common/test_service.py",),
    ),
    HandMade(
        name="a deadline that each byte renews",
        path="scaleplex/common/server.py",
        old="min(connection.deadline, now + limits.head_seconds)",
        new="now + limits.head_seconds",
        tests=("tests/integration/server/test_server.py",),
    ),
    HandMade(
        name="the watchdog is fed although no thread takes a request",
        path="scaleplex/common/server.py",
        old="if first is None or now - first.since < self.limits.stuck_seconds:",
        new="if True:",
        tests=("tests/integration/server/test_server.py",),
    ),
    HandMade(
        name="the newcomer goes and not the oldest",
        path="scaleplex/common/seats.py",
        old="return next(iter(seats))",
        new="return list(seats)[-1]",
        tests=("tests/unit/common/test_seats.py",),
    ),
    HandMade(
        name="bodies are read whoever sends them",
        path="scaleplex/common/service.py",
        old="            self._verify.glance(header)",
        new="            pass",
        tests=("tests/unit/common/test_service.py",),
    ),
)
