"""How long a write waits that was refused, or that comes after many of the same object."""

import time

import pytest

from modelfleet.controllers import paces as module
from modelfleet.controllers.paces import BURST, TRIES, Paces
from modelfleet.findings import Key
from modelfleet.kube.errors import Conflict, Forbidden, TooManyRequests, Unprocessable

A, B = (Key("ModelDeployment", "default", name) for name in "ab")


def test_what_is_refused_waits_longer_and_longer_but_never_longer_than_the_longest() -> None:
    made = Paces(1.0, 4.0)
    waits = [made.refuse(A, ("same",), Forbidden("no"))[0] for _ in range(60)]
    assert max(waits) <= 4.0
    assert max(waits[20:]) > max(waits[:2])
    assert 0 < made.left(A, ("same",)) <= waits[-1]


def test_it_waits_no_more_when_it_or_what_is_wanted_has_changed() -> None:
    made = Paces(1.0, 300.0)
    for _ in range(9):
        made.refuse(A, ("one",), TooManyRequests("later", retry_after=30.0))
    assert made.left(A, ("one",)) >= 30.0 - 1
    assert made.left(A, ("two",)) == 0.0
    assert made.left(B, ("one",)) == 0.0
    made.done(A)
    assert made.left(A, ("one",)) == 0.0


def test_who_is_late_tries_again_at_once_a_few_times_and_says_so_only_then() -> None:
    made = Paces(1.0, 300.0)
    told = [made.refuse(A, (), Conflict("faster")) for _ in range(TRIES)]
    assert [wait for wait, _ in told[:-1]] == [module.AT_ONCE_S] * (TRIES - 1)
    assert [worth for _, worth in told] == [False] * (TRIES - 1) + [True]


def test_what_keeps_all_of_a_kind_is_said_once_and_what_an_object_causes_of_each() -> None:
    made = Paces(1.0, 300.0)
    assert [made.refuse(key, (), Forbidden("no"))[1] for key in (A, B)] == [True, False]
    made = Paces(1.0, 300.0)
    assert [made.refuse(key, (), Unprocessable("no"))[1] for key in (A, B, A)] == [True, True, False]


def test_an_object_is_written_so_often_at_once_and_then_at_its_pace_and_others_are_not_held_up() -> None:
    made = Paces(7.0, 300.0)
    assert [made.turn("a") for _ in range(BURST + 2)] == [0.0] * BURST + [7.0, 7.0]
    assert made.turn("b") == 0.0


def test_a_pace_comes_back_with_time() -> None:
    made = Paces(0.05, 300.0)
    for _ in range(BURST + 1):
        last = made.turn("a")
    time.sleep(0.12)
    assert (last, made.turn("a")) == (0.05, 0.0)


def test_paces_of_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OBJECTS", 3)
    made = Paces(7.0, 300.0)
    for _ in range(BURST):
        made.turn("a")
    assert made.turn("a") == 7.0
    for name in "bcd":
        made.turn(name)
    assert made.turn("a") == 0.0
    made.refuse(A, (), Forbidden("no"))
    made.refuse(B, (), Forbidden("no"))
    made.keep({B})
    assert (made.left(A, ()), bool(made.left(B, ()))) == (0.0, True)
