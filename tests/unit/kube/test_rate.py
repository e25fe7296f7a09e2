"""The bucket and the waits between tries, by clocks and chances of the test's own."""

import threading

import pytest

from modelfleet.kube.backoff import Backoff
from modelfleet.kube.rate import TokenBucket, TokenBuckets


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_goes_through_at_once_and_the_rest_in_turn() -> None:
    bucket = TokenBucket(rate=20, burst=3, clock=Clock())
    assert [bucket.take() for _ in range(6)] == pytest.approx([0, 0, 0, 0.05, 0.1, 0.15])


def test_a_bucket_fills_with_time_and_not_beyond_its_burst() -> None:
    clock = Clock()
    bucket = TokenBucket(rate=10, burst=2, clock=clock)
    assert [bucket.take() for _ in range(3)] == pytest.approx([0, 0, 0.1])
    clock.now += 0.2
    assert [bucket.take() for _ in range(2)] == pytest.approx([0, 0.1])
    clock.now += 3600
    assert [bucket.take() for _ in range(3)] == pytest.approx([0, 0, 0.1])


def test_a_clock_that_goes_back_takes_nothing_away() -> None:
    clock = Clock()
    bucket = TokenBucket(rate=10, burst=1, clock=clock)
    assert bucket.take() == 0
    clock.now -= 50
    assert bucket.take() == pytest.approx(0.1)


def test_threads_never_share_a_token() -> None:
    bucket = TokenBucket(rate=1, burst=50, clock=Clock())
    waits: list[float] = []
    threads = [threading.Thread(target=lambda: waits.extend(bucket.take() for _ in range(50))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == pytest.approx([0.0] * 50 + [float(number) for number in range(1, 351)])


def test_each_has_a_bucket_of_its_own_and_those_that_ask_are_remembered() -> None:
    buckets = TokenBuckets(rate=1, burst=1, most=2, clock=Clock())
    assert [buckets.try_take(who) for who in "abab"] == [True, True, False, False]
    assert buckets.try_take("c")  # nobody has asked for a longer than for b
    assert [buckets.try_take(who) for who in "ba"] == [False, True]


def test_threads_that_ask_of_one_at_once_find_one_bucket() -> None:
    asked, going_on = threading.Event(), threading.Event()

    def clock() -> float:
        if threading.current_thread() is first:
            asked.set()
            going_on.wait(5)
        return 0.0

    def take() -> None:
        found.append(buckets.try_take("a"))

    found: list[bool] = []
    buckets = TokenBuckets(rate=1, burst=1, most=9, clock=clock)
    first, second = threading.Thread(target=take), threading.Thread(target=take)
    first.start()
    assert asked.wait(5)
    second.start()
    second.join(0.2)
    going_on.set()
    for thread in (first, second):
        thread.join(5)
    assert sorted(found) == [False, True]


def test_waits_grow_up_to_a_bound_and_begin_anew_after_a_success() -> None:
    longest = Backoff(first=0.5, most=30, uniform=lambda _, high: high)
    assert [longest.next() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    longest.reset()
    assert longest.next() == 0.5


def test_a_wait_may_be_any_part_of_its_bound() -> None:
    drawn: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    backoff = Backoff(first=1, most=4, uniform=uniform)
    assert [backoff.next() for _ in range(3)] == [0, 0, 0]
    assert drawn == [(0, 1), (0, 2), (0, 4)]


def test_what_a_server_asked_for_is_kept_and_jittered() -> None:
    backoff = Backoff(first=1, uniform=lambda _, high: high / 2)
    assert backoff.next(at_least=10) == 10.5
    assert backoff.next() == 1


def test_by_default_chance_is_real() -> None:
    waits = {Backoff(first=30).next() for _ in range(20)}
    assert len(waits) > 10
    assert all(0 <= wait <= 30 for wait in waits)
