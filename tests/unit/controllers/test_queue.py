"""A queue that names each object once, at its time, to one worker."""

import threading
import time

from modelfleet.controllers.queue import KeyQueue
from modelfleet.findings import Key

A, B, C = (Key("ModelDeployment", "default", name) for name in "abc")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def drained(queue: KeyQueue) -> list[Key]:
    """What is due now, each done at once."""
    found = []
    queue.add(Key("end", "", ""))
    while (key := queue.take()) and key.kind != "end":
        found.append(key)
        queue.done(key)
    queue.done(Key("end", "", ""))
    return found


def test_an_object_that_is_named_often_gets_attention_once() -> None:
    queue = KeyQueue(Clock())
    for key in (A, B, A, A):
        queue.add(key)
    assert drained(queue) == [A, B]


def test_the_sooner_of_two_times_counts() -> None:
    clock = Clock()
    queue = KeyQueue(clock)
    queue.add(A, 10)
    queue.add(A, 5)
    queue.add(A, 20)
    clock.now = 5
    assert drained(queue) == [A]
    clock.now = 50
    assert drained(queue) == []


def test_what_is_due_first_comes_first() -> None:
    clock = Clock()
    queue = KeyQueue(clock)
    for key, delay in ((C, 1), (A, 3), (B, 2)):
        queue.add(key, delay)
    clock.now = 2
    assert drained(queue) == [C, B]


def test_an_object_in_work_is_given_to_nobody_else_and_comes_again_if_it_was_named_meanwhile() -> None:
    queue = KeyQueue(Clock())
    queue.add(A)
    assert queue.take() == A
    queue.add(A)
    queue.add(B)
    assert queue.take() == B, "A is in work"
    queue.done(B)
    queue.done(A)
    assert drained(queue) == [A]


def test_who_is_done_may_ask_for_another_look() -> None:
    clock = Clock()
    queue = KeyQueue(clock)
    queue.add(A)
    assert queue.take() == A
    queue.done(A, again_in=7)
    assert len(queue) == 1
    clock.now = 7
    assert queue.take() == A


def test_those_who_wait_go_home_at_the_end() -> None:
    queue = KeyQueue()
    found: list[Key | None] = []
    waiting = threading.Thread(target=lambda: found.append(queue.take()))
    waiting.start()
    time.sleep(0.05)
    queue.end()
    waiting.join(5)
    assert found == [None]


def test_an_object_that_is_named_while_it_has_attention_is_one() -> None:
    queue = KeyQueue(Clock())
    for key in (A, B):
        queue.add(key)
    assert queue.take() == A
    assert len(queue) == 2
    queue.add(A)
    assert len(queue) == 2
    queue.done(A)
    assert len(queue) == 2
    assert sorted(drained(queue)) == [A, B]
    assert len(queue) == 0
