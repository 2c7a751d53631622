"""When a segment is served, waited for, or makes PMS start the transcode anew."""

import pytest

from scaleplex.demo.pms.gates import Verdict, View, can_throttle, fits, judge

REACH = 5


def view(
    *, first: int = 10, last: int | None = 14, announced: bool = False, exit_code: int | None = None, count: int = 100
) -> View:
    return View(count, first, last, announced, exit_code)


@pytest.mark.parametrize("exit_code", [None, 0, 1, -9])
def test_what_was_announced_is_served_whatever_became_of_the_job(exit_code: int | None) -> None:
    assert judge(12, view(announced=True, exit_code=exit_code), REACH) is Verdict.SERVE


@pytest.mark.parametrize("number", [15, 19])
def test_what_comes_soon_is_waited_for(number: int) -> None:
    assert judge(number, view(), REACH) is Verdict.WAIT


@pytest.mark.parametrize("number", [9, 0, 20, 99])
def test_a_number_outside_what_comes_soon_starts_a_new_job(number: int) -> None:
    assert judge(number, view(), REACH) is Verdict.RESPAWN


def test_the_reach_of_a_fresh_job_begins_at_its_first_number() -> None:
    assert judge(14, view(last=None), REACH) is Verdict.WAIT
    assert judge(15, view(last=None), REACH) is Verdict.RESPAWN


@pytest.mark.parametrize("number", [-1, 100])
def test_a_number_outside_the_title_does_not_exist(number: int) -> None:
    assert judge(number, view(announced=False), REACH) is Verdict.MISSING


def test_after_exit_0_what_never_came_does_not_exist() -> None:
    assert judge(16, view(exit_code=0), REACH) is Verdict.MISSING


def test_after_a_failure_the_client_gets_a_new_job() -> None:
    assert judge(16, view(exit_code=1), REACH) is Verdict.RESPAWN


@pytest.mark.parametrize(("end", "expected"), [(42.0, True), (43.4, True), (40.6, True), (43.6, False), (3.0, False)])
def test_a_row_fits_when_it_ends_where_the_playlist_says(end: float, expected: bool) -> None:
    assert fits(end, 13, 3.0, 60.4) is expected


def test_the_last_row_ends_with_the_film() -> None:
    assert fits(60.43, 20, 3.0, 60.4)


def test_throttling_begins_beyond_the_buffer() -> None:
    assert not can_throttle(70.0, 10.0, 60.0)
    assert can_throttle(73.0, 10.0, 60.0)
