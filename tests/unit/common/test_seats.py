"""Bounds on connections that wait: who goes when there are too many."""

import pytest

from scaleplex.common.seats import Seats, peer_of


def seats(*, per_peer: int = 3, total: int = 6, bytes_max: int = 100) -> Seats[str]:
    return Seats(per_peer=per_peer, total=total, bytes_max=bytes_max)


def test_a_peer_with_too_many_loses_the_one_that_waited_longest() -> None:
    some = seats()
    for name in ("a1", "a2", "a3"):
        some.enter("a", name)
        assert some.surplus("a") is None
    some.enter("a", "a4")
    assert some.surplus("a") == "a1"


def test_too_many_in_all_cost_the_peer_that_holds_the_most_and_never_the_newcomer() -> None:
    some = seats(total=3)
    for name in ("a1", "a2", "a3"):
        some.enter("a", name)
    some.enter("plex", "p1")
    assert some.surplus("plex") == "a1"


def test_too_many_bytes_cost_the_peer_and_the_connection_that_keep_the_most() -> None:
    some = seats()
    some.enter("a", "a1", 30)
    some.enter("a", "a2", 40)
    some.enter("plex", "p1", 10)
    assert some.surplus("a") is None
    some.keep("plex", "p1", 31)
    assert some.bytes_kept == 101
    assert some.surplus("plex") == "a2"


def test_who_left_no_longer_counts() -> None:
    some = seats(total=1)
    some.enter("a", "a1", 50)
    some.leave("a", "a1")
    some.leave("a", "a1")
    some.leave("b", "never came")
    assert (len(some), some.bytes_kept, some.waiting(), some.longest()) == (0, 0, [], None)


@pytest.mark.parametrize(
    ("address", "peer"),
    [
        (("192.0.2.7", 40000), "192.0.2.7"),
        (("::ffff:192.0.2.7", 40000, 0, 0), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 40000, 0, 0), "2001:db8:1:2::/64"),
        (("2001:db8:1:2:ffff::1", 40000, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 40000, 0, 2), "fe80::/64"),
        ("", "local"),
        ((), "local"),
    ],
)
def test_a_host_is_one_peer_by_whichever_address_it_comes(address: object, peer: str) -> None:
    assert peer_of(address) == peer
