"""Rungs that nobody stands on: they are passed over without a try, and the record says so."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.dataplane.envoy.ladder.kinds import EITHER, KINDS
from tests.dataplane.envoy.ladder.scene import (
    LADDER,
    NONE,
    Scene,
    Try,
    canned,
    laddered,
    ok,
    on_stage,
    refused,
    served,
    skips,
)
from tests.dataplane.support.answers import Answer
from tests.dataplane.support.process import wait_for
from tests.dataplane.support.steps import Reset, Stall, chat_answer, in_turn, json_answer

EJECT_S = 1.0
LEFT_ALONE = f"breaker: {{consecutive: 1, ejectFor: {EJECT_S:.0f}s}}"
EMPTY = (NONE, "light", "no_capacity")
LIGHT = ("small", "light", "no_capacity")
WANTED = ("light", NONE)
ASIDE = f"rules: [{{name: aside, models: [{{name: {NONE}}}]}}]"
POLICIES = [
    laddered("empty", LADDER, first=NONE),
    laddered("empty-again", "degrade: [{tier: mid}], retries: {attempts: 2}", first=NONE),
    laddered("empty-bare", "retries: {attempts: 2}", first=NONE),
    laddered("empty-told", "degrade: [{answer: {body: We are busy}}]", first=NONE),
    laddered("empty-last", "rules: [{name: mid, tier: mid}], degrade: [{tier: light}]", first=NONE),
    laddered("fine", LADDER),
    laddered("empty-aside", f"{ASIDE}, degrade: [{{tier: mid}}]"),
    laddered("empty-late", "degrade: [{tier: mid}], timeouts: {total: 90ms}", first=NONE),
]


@contextmanager
def breaking(clauses: str, breaker: str = LEFT_ALONE) -> Iterator[Scene]:
    """A stage of its own, for what is ejected stays so beyond a test."""
    with on_stage(laddered("auto", clauses, breaker=breaker)) as scene:
        scene.begin()
        yield scene
        scene.end()


# A tier without a replica.


@pytest.mark.parametrize("stream", [False, True])
def test_an_empty_tier_is_skipped(scene: Scene, *, stream: bool) -> None:
    ending = served("medium", 1, "no_capacity", ok("medium"), skipped=[EMPTY], wanted=WANTED)
    scene.check(scene.ask("empty", stream=stream), ending, stream=stream)


def test_an_empty_tier_is_skipped_once_however_often_it_may_be_tried(scene: Scene) -> None:
    ending = served("medium", 1, "no_capacity", ok("medium"), skipped=[EMPTY], wanted=WANTED)
    scene.check(scene.ask("empty-again"), ending)


@pytest.mark.parametrize("stream", [False, True])
def test_where_there_is_nothing_but_an_empty_tier_there_is_no_capacity(scene: Scene, *, stream: bool) -> None:
    ending = refused(0, "no_capacity", skipped=[EMPTY], wanted=WANTED)
    scene.check(scene.ask("empty-bare", stream=stream), ending, stream=stream)
    ending = canned(1, "no_capacity", skipped=[EMPTY], wanted=WANTED)
    scene.check(scene.ask("empty-told", stream=stream), ending, stream=stream)


def test_a_failure_behind_a_skip_is_the_reason(scene: Scene) -> None:
    fail = KINDS["5xx"]
    scene.play(medium=fail.steps)
    ending = served("large", 2, "5xx", fail.of("medium"), ok("large"), skipped=[EMPTY], wanted=WANTED)
    scene.check(scene.ask("empty"), ending)


def test_a_skip_behind_a_failure_is_the_reason(scene: Scene) -> None:
    fail = KINDS["5xx"]
    scene.play(medium=fail.steps)
    ending = refused(1, "no_capacity", fail.of("medium"), skipped=[EMPTY], wanted=("mid", "medium"))
    scene.check(scene.ask("empty-last"), ending)


def test_models_of_a_rule_are_skipped_without_a_tier(scene: Scene) -> None:
    skipped = [(NONE, None, "no_capacity")]
    ending = served("medium", 1, "no_capacity", ok("medium"), skipped=skipped, wanted=(None, NONE))
    scene.check(scene.ask("empty-aside"), ending)


def test_the_first_try_is_made_however_little_time_is_left(scene: Scene) -> None:
    """A skip is no try, so the one behind it is the first; whether it is in time is up to the machine."""
    record = scene.gateway.record(scene.ask("empty-late"))
    assert [attempt["target"] for attempt in record["attempts"]] == ["medium"]
    assert skips(record) == [EMPTY]


# A tier that is left alone.


def test_an_ejected_tier_is_skipped_and_comes_back() -> None:
    fail = KINDS["5xx"]
    with breaking("degrade: [{tier: mid}]") as scene:
        scene.play(small=fail.steps)
        scene.check(scene.ask("auto"), served("medium", 1, "5xx", fail.of("small"), ok("medium")))
        ejected_s = time.monotonic()
        wait_until_skipped(scene)
        asked = len(scene["small"].requests)
        ending = served("medium", 1, "no_capacity", ok("medium"), skipped=[LIGHT])
        scene.check(scene.ask("auto"), ending)
        scene.check(scene.ask("auto", stream=True), ending, stream=True)
        assert len(scene["small"].requests) == asked
        scene.begin()
        wait_for(lambda: scene.gateway.record(scene.ask("auto"))["rung"] == 0, "it is asked again")
        assert time.monotonic() - ejected_s >= 0.9 * EJECT_S
        scene.check(scene.ask("auto"), served("small", 0, "wanted", ok("small")))


@pytest.mark.parametrize("name", ["a reset before the head", "silence", "503", "529", "500"])
def test_failures_in_a_row_have_a_replica_left_alone(name: str) -> None:
    fail = EITHER[name]
    clauses = "degrade: [{tier: mid}], timeouts: {answer: 300ms}"
    with breaking(clauses, "breaker: {consecutive: 2, ejectFor: 60s}") as scene:
        scene.play(small=fail.steps)
        for _ in range(2):
            scene.check(scene.ask("auto"), served("medium", 1, fail.reason, fail.of("small"), ok("medium")))
        wait_until_skipped(scene)


def test_answers_that_break_behind_their_head_count_for_ejecting() -> None:
    clauses = "degrade: [{tier: mid}]"
    with breaking(clauses, "breaker: {consecutive: 2, ejectFor: 60s}") as scene:
        head = chat_answer("small")[:1]
        scene.play(small=[*head, Reset()])
        for _ in range(2):
            assert scene.gateway.record(scene.ask("auto"))["reason"] == "reset"
        wait_until_skipped(scene)


def test_where_all_are_left_alone_the_ladder_answers() -> None:
    fail = KINDS["5xx"]
    with breaking(LADDER, "breaker: {consecutive: 1, ejectFor: 60s}") as scene:
        scene.play(**dict.fromkeys(scene.engines, fail.steps))
        scene.check(scene.ask("auto"), canned(3, "5xx", *[fail.of(name) for name in scene.engines]))
        skipped = [LIGHT, ("medium", "mid", "no_capacity"), ("large", "frontier", "no_capacity")]
        wait_for(lambda: skips(scene.gateway.record(scene.ask("auto"))) == skipped, "all are left alone")
        scene.check(scene.ask("auto"), canned(3, "no_capacity", skipped=skipped))


def test_a_rung_that_is_ejected_meanwhile_is_not_tried_again() -> None:
    """While one request waits for the only replica, another has it ejected; so there is nobody left for a repeat."""
    clauses = "degrade: [{tier: mid}], retries: {attempts: 2}, timeouts: {answer: 1s}"
    with breaking(clauses, "breaker: {consecutive: 1, ejectFor: 60s}") as scene:
        scene.play(small=in_turn([Stall()], json_answer(500)))
        found: list[Answer] = []
        waiting = threading.Thread(target=lambda: found.append(scene.ask("auto")))
        waiting.start()
        scene["small"].wait_until_stalled()
        assert scene.ask("auto").status == 200
        waiting.join()
        ending = served("medium", 1, "no_capacity", Try("small", "timeout", 0, 1000), ok("medium"), skipped=[LIGHT])
        scene.check(found[0], ending)


def test_a_request_of_which_nothing_was_skipped_says_nothing_of_it(scene: Scene) -> None:
    for asked in ("fine", "nobody-serves-this"):
        assert scene.gateway.record(scene.ask(asked))["skipped"] is None


def wait_until_skipped(scene: Scene) -> None:
    """Ejecting takes Envoy a moment."""
    wait_for(lambda: LIGHT in skips(scene.gateway.record(scene.ask("auto"))), "it is left alone")
