"""Budgets and settings of the relay."""

import pytest

from scaleplex.common.config import load
from scaleplex.common.errors import Busy, ConfigError
from scaleplex.relay.config import PREFIX, RelayConfig
from scaleplex.relay.limits import Budget, Places


def test_a_budget_lets_a_second_s_worth_through_at_once_and_then_so_many_a_second() -> None:
    budget = Budget(20)
    assert sum(budget.spend(0.0) for _ in range(100)) == 20
    assert sum(budget.spend(1.0 + i / 100) for i in range(100)) in (39, 40)


def test_a_budget_of_less_than_one_a_second_still_lets_the_first_through() -> None:
    budget = Budget(0.2)
    assert [budget.spend(t) for t in (0.0, 1.0, 4.9, 5.1)] == [True, False, False, True]


def test_who_finds_no_place_is_told_so_at_once_and_a_place_is_free_again_after_a_failure() -> None:
    places = Places(2)
    with places.one("things"), places.one("things"), pytest.raises(Busy, match="things"), places.one("things"):
        raise AssertionError("there was no place")
    with pytest.raises(OSError, match="gone"), places.one("things"):
        raise OSError("gone")
    with places.one("things"), places.one("things"):
        pass


def test_the_relay_needs_no_setting() -> None:
    config = load(RelayConfig, PREFIX, {})
    assert (config.bind, config.plex_url) == ("127.0.0.1:32482", "http://127.0.0.1:32400")


@pytest.mark.parametrize(
    "url", ["http://10.0.0.5:32400", "https://127.0.0.1:32400", "http://plex.local:32400", "http://a@127.0.0.1:1", "x"]
)
def test_plex_must_be_on_this_host(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(RelayConfig, PREFIX, {PREFIX + "PLEX_URL": url})
    assert "PLEX_URL" in caught.value.detail


@pytest.mark.parametrize("url", ["http://127.0.0.1:32400", "http://127.1.2.3:8", "http://[::1]:32400"])
def test_every_loopback_address_may_be_plex(url: str) -> None:
    assert load(RelayConfig, PREFIX, {PREFIX + "PLEX_URL": url}).plex_url == url
