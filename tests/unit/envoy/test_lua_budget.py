"""How many repeats a policy may have: a share of its requests of the last ten seconds, and always a few."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.luajit import required, runtime

lua = runtime()
budget = required(lua, "budget")
BEGIN = 1_700_000_000_000
MOST = 4096


def counted(*moments: int, name: bytes = b"p") -> Any:
    """Counts of what happened so many milliseconds after the beginning."""
    counts = budget.new()
    for moment in moments:
        budget.add(counts, name, BEGIN + moment)
    return counts


def total(counts: Any, moment: int, name: bytes = b"p") -> int:
    found: int = budget.total(counts, name, BEGIN + moment)
    return found


def test_what_happened_counts_for_ten_seconds_and_is_forgotten_then() -> None:
    counts = counted(0)
    assert [total(counts, moment) for moment in (0, 500, 8_999, 9_000, 9_999)] == [1] * 5
    assert [total(counts, moment) for moment in (10_000, 10_001, 60_000, 3_600_000)] == [0] * 4


def test_a_window_is_of_whole_seconds_so_what_came_late_in_one_leaves_with_it() -> None:
    counts = counted(999)
    assert [total(counts, moment) for moment in (999, 9_999, 10_000)] == [1, 1, 0]


def test_seconds_leave_one_by_one() -> None:
    counts = counted(*(second * 1000 for second in range(10) for _ in range(second + 1)))
    assert total(counts, 9_999) == 55
    assert [total(counts, 10_000 + second * 1000) for second in range(11)] == [54, 52, 49, 45, 40, 34, 27, 19, 10, 0, 0]


def test_a_place_in_the_ring_is_taken_over_by_the_second_that_comes_round() -> None:
    counts = counted(*[0] * 7, 10_000, 20_000, 20_500)
    assert [total(counts, moment) for moment in (20_999, 29_999, 30_000)] == [2, 2, 0]


@given(st.lists(st.integers(0, 40_000), max_size=60), st.integers(0, 15_000))
def test_the_count_is_that_of_a_list_that_forgets_nothing(moments: list[int], later: int) -> None:
    moments = sorted(moments)
    now = (moments[-1] if moments else 0) + later
    expected = sum(moment // 1000 > now // 1000 - 10 for moment in moments)
    assert total(counted(*moments), now) == expected


def test_each_policy_counts_by_itself() -> None:
    counts = counted(0, 0)
    budget.add(counts, b"q", BEGIN)
    assert [total(counts, 0, name) for name in (b"p", b"q", b"r")] == [2, 1, 0]
    assert total(budget.new(), 0) == 0


def test_policies_that_are_long_gone_are_not_kept_for_ever() -> None:
    counts = budget.new()
    for number in range(MOST):
        budget.add(counts, b"p%d" % number, BEGIN)
    assert [total(counts, 0, b"p0"), total(counts, 0, b"p%d" % (MOST - 1))] == [1, 1]
    budget.add(counts, b"p0", BEGIN)
    assert total(counts, 0, b"p0") == 2
    budget.add(counts, b"new", BEGIN)
    assert [total(counts, 0, b"p0"), total(counts, 0, b"new")] == [0, 1]
    assert len(list(counts.names.keys())) == counts.known == 1


def test_a_clock_that_goes_back_a_little_counts_on() -> None:
    counts = counted(5_000, 3_000)
    assert total(counts, 5_000) == 2
    budget.add(counts, b"p", BEGIN + 4_000)
    assert total(counts, 5_000) == 3


@pytest.mark.parametrize("back", [20_000, 3_600_000])
def test_a_clock_that_goes_back_far_does_not_hold_repeats_back_until_it_is_there_again(back: int) -> None:
    counts = counted(*range(0, 10_000, 100))
    assert total(counts, 9_900 - back) == 0


@pytest.mark.parametrize(
    ("repeats", "requests", "percent", "allowed"),
    [
        (0, 0, 20, True),
        (2, 0, 20, True),
        (3, 0, 20, False),
        (2, 1_000, 0, True),
        (3, 1_000, 0, False),
        (3, 19, 20, False),
        (3, 20, 20, True),
        (4, 20, 20, False),
        (4, 24, 20, False),
        (4, 25, 20, True),
        (99, 100, 100, True),
        (100, 100, 100, False),
        (28, 100, 29, True),
        (29, 100, 29, False),
        (2, 3, 100, True),
        (3, 3, 100, False),
    ],
)
def test_repeats_are_a_whole_share_of_the_requests_and_at_least_three(
    repeats: int, requests: int, percent: int, allowed: bool
) -> None:
    assert budget.allows(repeats, requests, percent, 3) is allowed


@given(st.integers(0, 100), st.integers(0, 500))
def test_whoever_asks_before_each_repeat_never_makes_more_than_the_share(percent: int, requests: int) -> None:
    repeats = 0
    while budget.allows(repeats, requests, percent, 3):
        repeats += 1
    assert repeats == max(3, requests * percent // 100)
