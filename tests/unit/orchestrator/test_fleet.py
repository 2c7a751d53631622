"""Placing under the lock: tickets, supersession, refusals that help."""

import contextlib
import threading

import pytest

from scaleplex.common.errors import NoWorker, Superseded
from scaleplex.common.log import Secret
from scaleplex.orchestrator.fleet import Fleet
from scaleplex.orchestrator.registry import Registry
from scaleplex.orchestrator.scheduler import Candidate
from scaleplex.protocol import wire
from scaleplex.protocol.messages import Capability, PlacementRequest

A, B = "http://10.0.0.1:32481", "http://10.0.0.2:32481"
SECRET = b"0123456789abcdef"


def fleet(max_sessions: int = 100, sessions: int = 0) -> Fleet:
    made = Fleet(Registry(7.0), Secret(SECRET), clock=lambda: 100.0, clock_ms=lambda: 1_000_000)
    made.vouch("list", [A, B])
    for url in (A, B):
        made.heard(url, Capability(url, "1", "ready", "sw", sessions, max_sessions, encoders=("libx264",)), 100.0)
    return made


def request(job: str = "j1", session: str = "s", **more: object) -> PlacementRequest:
    return PlacementRequest.from_json({"session": session, "job": job, "attempt": 1, **more})


def test_the_ticket_is_good_for_the_chosen_worker_alone() -> None:
    placement = fleet().place(request()).placement
    other = B if placement.worker == A else A
    ours = (SECRET, placement.ticket, wire.authority(placement.worker), "s", "j1", 1)
    assert wire.ticket_problem(*ours, 1_000_000) is None
    late_ms = 1_000_001 + wire.TICKET_LIFETIME_MS + wire.CLOCK_TOLERANCE_MS
    assert wire.ticket_problem(*ours, late_ms) == "the ticket has expired"
    assert wire.ticket_problem(SECRET, placement.ticket, wire.authority(other), "s", "j1", 1, 1_000_000) is not None


def test_twenty_placements_at_once_go_half_to_each_of_two_workers() -> None:
    shared = fleet()
    chosen: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: chosen.append(shared.place(request(f"j{n}", f"s{n}")).placement.worker))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (chosen.count(A), chosen.count(B)) == (10, 10)


def test_a_full_fleet_refuses_with_the_reason_of_each_worker() -> None:
    shared = fleet(max_sessions=2, sessions=2)
    with pytest.raises(NoWorker) as caught:
        shared.place(request("j4", "s4"))
    assert f"{A}: full: 2 of 2 sessions; {B}: full: 2 of 2 sessions" in caught.value.detail
    assert "MAX_SESSIONS" in caught.value.hint


def test_a_seek_finds_room_on_a_fleet_that_is_full_with_the_job_it_replaces() -> None:
    shared = fleet(max_sessions=1)
    first = shared.place(request("j1", "s1"))
    shared.place(request("j2", "s2"))
    again = shared.place(request("j3", "s1"))
    assert again.placement.worker == first.placement.worker
    assert [job.job for job in again.superseded] == ["j1"]


def test_a_job_that_was_replaced_is_not_placed_again() -> None:
    shared = fleet()
    shared.place(request("j1"))
    shared.place(request("j2"))
    with pytest.raises(Superseded):
        shared.place(request("j1", attempt=2))


def test_a_fleet_without_workers_says_how_to_name_them() -> None:
    with pytest.raises(NoWorker) as caught:
        Fleet(Registry(7.0), None).place(request())
    assert "WORKERS_LIST" in caught.value.hint


class Watched(Registry):
    """Gives two placements the chance to meet between the look at the workers and the note of the choice."""

    def __init__(self) -> None:
        super().__init__(7.0)
        self.together = 0
        self._meeting = threading.Barrier(2)

    def candidates(self, request: PlacementRequest, now_s: float) -> list[Candidate]:
        found = super().candidates(request, now_s)
        with contextlib.suppress(threading.BrokenBarrierError):
            self._meeting.wait(0.3)  # with the lock nobody ever comes
            self.together += 1
        return found


def test_two_placements_never_look_before_either_has_noted_its_choice() -> None:
    registry = Watched()
    shared = Fleet(registry, Secret(SECRET))
    shared.vouch("list", [A, B])
    for url in (A, B):
        shared.heard(url, Capability(url, "1", "ready", "sw", 0, 4, encoders=("libx264",)), shared.now())
    chosen: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: chosen.append(shared.place(request(f"j{n}", f"s{n}")).placement.worker))
        for n in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert registry.together == 0
    assert sorted(chosen) == [A, B]
