"""Mutants of `scaleplex/relay`."""

from tests.mutation.hand_made import HandMade

MUTANTS: tuple[HandMade, ...] = (
    HandMade(
        name="request line limit 8190 -> 4094",
        path="scaleplex/relay/gunicorn_conf.py",
        old='"limit_request_line": 8190,',
        new='"limit_request_line": 4094,',
        tests=("tests/integration/relay/test_counted.py",),
    ),
)
