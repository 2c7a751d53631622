"""How often a worker says that it is there."""

import threading

from scaleplex.common.log import Log
from scaleplex.protocol.messages import Capability, Registration
from scaleplex.worker.registration import Registrar
from tests.support.loopback import OneStatus


class Pauses(threading.Event):
    """Notes how long the registrar would wait, and ends it after three."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        if len(self.seconds) == 3:
            self.set()
        return self.is_set()


def test_a_worker_registers_with_everybody_twice_within_the_time_it_is_believed() -> None:
    good, bad = OneStatus(204), OneStatus(503)
    try:
        capability = Capability("w", "1", "ready", "sw", 0, 4)
        registrar = Registrar([bad.url, good.url], "http://10.0.0.6:32481", lambda: capability, None, Log("t", "error"))
        pauses = Pauses()
        registrar._stop = pauses
        registrar._run()
        assert pauses.seconds == [5.0] * 3
        believed = Registration("http://10.0.0.6:32481", capability).ttl_seconds
        assert believed >= 2 * 5.0
        assert good.asked == bad.asked == ["/register"] * 3
    finally:
        good.down()
        bad.down()
