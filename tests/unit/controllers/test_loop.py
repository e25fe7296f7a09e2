"""The heartbeat: bursts are one look, failures are looked at again, and work never takes all of the time."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from modelfleet.controllers.loop import CompileLoop, Pace
from tests.testbed.api import wait_for

USUAL = Pace()


@contextmanager
def looping(work: Callable[[], None], pace: Pace = USUAL) -> Iterator[CompileLoop]:
    loop = CompileLoop(work, pace=pace)
    loop.start()
    try:
        yield loop
    finally:
        loop.stop()


def test_a_burst_is_one_look() -> None:
    looks: list[float] = []
    with looping(lambda: looks.append(time.monotonic())) as loop:
        for _ in range(50):
            loop.poke()
        wait_for("a look", lambda: looks, 5)
        time.sleep(3 * USUAL.quiet)
    assert len(looks) == 1


def test_who_is_poked_without_end_looks_all_the_same() -> None:
    looks: list[float] = []
    with looping(lambda: looks.append(time.monotonic()), Pace(most=0.15)) as loop:
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            loop.poke()
            time.sleep(0.01)
        assert len(looks) >= 2


def test_a_look_that_fails_is_tried_again_without_anybody_asking(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("a mistake of ours")

    with looping(work) as loop:
        loop.poke()
        wait_for("another try", lambda: len(tries) == 2, 5)
    assert "a mistake of ours" in caplog.text


def test_what_comes_during_a_look_is_looked_at_afterwards() -> None:
    inside, go = threading.Event(), threading.Event()
    looks: list[int] = []

    def work() -> None:
        looks.append(1)
        inside.set()
        go.wait(5)

    with looping(work) as loop:
        loop.poke()
        assert inside.wait(5)
        assert loop.busy_for() > 0
        loop.poke()
        go.set()
        wait_for("another look", lambda: len(looks) == 2, 5)
        wait_for("the end of it", lambda: loop.busy_for() == 0, 5)


def test_looks_that_take_long_leave_as_much_time_as_they_take() -> None:
    began: list[float] = []

    def work() -> None:
        began.append(time.monotonic())
        time.sleep(0.08)

    with looping(work, Pace(most=0.05)) as loop:
        while len(began) < 3:
            loop.poke()
            time.sleep(0.01)
    assert all(later - earlier >= 0.16 for earlier, later in itertools.pairwise(began))


def test_who_has_nothing_more_to_wait_for_looks_at_once_and_once() -> None:
    looks: list[float] = []
    with looping(lambda: looks.append(time.monotonic()), Pace(quiet=0.5, most=5)) as loop:
        loop.poke()
        asked = time.monotonic()
        loop.poke(at_once=True)
        loop.poke()
        time.sleep(0.8)
    assert [look - asked < 0.3 for look in looks] == [True]


def test_haste_too_takes_no_more_than_half_of_the_time() -> None:
    began: list[float] = []

    def work() -> None:
        began.append(time.monotonic())
        time.sleep(0.08)

    with looping(work) as loop:
        while len(began) < 3:
            loop.poke(at_once=True)
            time.sleep(0.01)
    assert all(later - earlier >= 0.16 for earlier, later in itertools.pairwise(began))


def test_a_look_comes_at_its_time_though_nothing_has_changed_and_once() -> None:
    looks: list[float] = []
    with looping(lambda: looks.append(time.monotonic())) as loop:
        asked = time.monotonic()
        loop.wake_at(asked + 0.3)
        wait_for("a look", lambda: looks, 5)
        time.sleep(3 * USUAL.quiet)
    assert len(looks) == 1
    assert 0.3 <= looks[0] - asked < 0.3 + USUAL.quiet


def test_the_last_word_on_the_next_look_counts() -> None:
    looks: list[float] = []
    with looping(lambda: looks.append(time.monotonic())) as loop:
        asked = time.monotonic()
        loop.wake_at(asked + 0.2)
        loop.wake_at(asked + 60)
        time.sleep(0.4)
        assert looks == []
        loop.wake_at(asked + 0.1)  # it is past already
        wait_for("a look", lambda: looks, 5)
        loop.wake_at(time.monotonic() + 0.2)
        loop.wake_at(None)
        time.sleep(0.4)
    assert len(looks) == 1


def test_a_look_that_asks_for_the_next_one_gets_it() -> None:
    looks: list[float] = []

    def work() -> None:
        looks.append(time.monotonic())
        loop.wake_at(time.monotonic() + 0.1 if len(looks) < 3 else None)

    with looping(work, Pace(quiet=0.02)) as loop:
        loop.poke()
        wait_for("three looks", lambda: len(looks) == 3, 5)
        time.sleep(0.3)
    assert len(looks) == 3
    assert all(later - earlier >= 0.1 for earlier, later in itertools.pairwise(looks))
