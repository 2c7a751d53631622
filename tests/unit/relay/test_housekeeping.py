"""Housekeeping goes on whatever one round of it meets."""

import threading
from typing import cast

import pytest

from scaleplex.common.log import open_log
from scaleplex.common.metrics import Metrics
from scaleplex.relay.events import EventFile
from scaleplex.relay.forward import Forwarder
from scaleplex.relay.housekeeping import Housekeeping
from scaleplex.relay.meters import Meters
from scaleplex.relay.tickets import Tickets


class Failing:
    """Tickets whose sweep fails at first, in the way a test says."""

    def __init__(self, fault: Exception) -> None:
        self.fault = fault
        self.rounds = 0
        self.third = threading.Event()

    def sweep(self, now_s: float) -> tuple[int, int]:
        self.rounds += 1
        if self.rounds == 3:
            self.third.set()
        raise self.fault


@pytest.mark.parametrize(
    ("fault", "said"),
    [(OSError("no such directory"), "cannot be kept tidy"), (ValueError("a fault of ours"), "housekeeping failed")],
)
def test_a_round_that_fails_is_told_and_the_next_one_comes(
    fault: Exception, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tickets = Failing(fault)
    thread = Housekeeping(
        tickets=cast("Tickets", tickets),
        forwarder=cast("Forwarder", None),
        events=cast("EventFile", None),
        meters=Meters(Metrics()),
        log=open_log("relay", {}),
        pause_seconds=0.0,
    )
    thread.start()
    assert tickets.third.wait(5)
    thread.stop()
    thread.join(5)
    assert not thread.is_alive()
    written = capsys.readouterr().err
    assert said in written
    assert str(fault) in written
