"""What makes a try fail, and where the request goes then."""

import pytest

from tests.dataplane.envoy.ladder.kinds import BOUND_MS, CASES, IDS, KINDS, PASSED, Fail
from tests.dataplane.envoy.ladder.scene import (
    ANSWER,
    DEAF,
    ENGINES,
    GONE,
    LADDER,
    PASSING,
    Scene,
    Try,
    canned,
    laddered,
    ok,
    refused,
    served,
)
from tests.dataplane.support.steps import json_answer

TIMES = f"timeouts: {{total: 20s, firstToken: {BOUND_MS}ms, answer: {BOUND_MS}ms}}"
ALL = ("connect", *KINDS)


def all_but(kind: str) -> str:
    return ", ".join(other for other in ALL if other != kind)


def on(kinds: str) -> str:
    return f"{TIMES}, retries: {{retryOn: [{kinds}]}}"


RULES = """
rules: [
  {name: aside, when: {headers: {x-want: aside}}, models: [{name: medium}]},
  {name: mid, when: {headers: {x-want: mid}}, tier: mid},
  {name: stop, when: {headers: {x-want: stop}}, answer: {body: We are busy}},
]
"""
POLICIES = [
    laddered("falls", f"{LADDER}, {TIMES}"),
    laddered("bare", f"retries: {{attempts: 0}}, {TIMES}"),
    laddered("up-and-down", f"degrade: [{{tier: frontier}}, {{tier: mid}}], {TIMES}"),
    laddered("ruled", f"degrade: [{{tier: light}}, {{tier: mid}}, {{tier: frontier}}, {ANSWER}], {RULES}, {TIMES}"),
    laddered("gone", LADDER, first=GONE),
    laddered("gone-bare", "retries: {attempts: 0}", first=GONE),
    laddered("deaf", LADDER, first=DEAF),
    laddered("passing", f"{LADDER}, {TIMES}", first=PASSING),
    laddered("only-connect", f"{LADDER}, {on('connect')}", first=GONE),
    laddered("no-connect", f"{LADDER}, {on(all_but('connect'))}", first=GONE),
    *(laddered(f"only-{kind}", f"{LADDER}, {on(kind)}") for kind in KINDS),
    *(laddered(f"no-{kind}", f"{LADDER}, {on(all_but(kind))}") for kind in KINDS),
    *(laddered(f"no-{kind}-bare", f"degrade: [{{tier: mid}}], {on(all_but(kind))}") for kind in KINDS),
]


# Each way to fail.


@pytest.mark.parametrize(("stream", "fail"), CASES, ids=IDS)
def test_a_failure_falls_to_the_next_tier(scene: Scene, fail: Fail, *, stream: bool) -> None:
    scene.play(small=fail.steps)
    answer = scene.ask("falls", stream=stream)
    scene.check(answer, served("medium", 1, fail.reason, fail.of("small"), ok("medium")), stream=stream)
    assert answer.complete


@pytest.mark.parametrize(("stream", "fail"), CASES, ids=IDS)
def test_a_failure_without_a_ladder_is_refused(scene: Scene, fail: Fail, *, stream: bool) -> None:
    scene.play(small=fail.steps)
    scene.check(scene.ask("bare", stream=stream), refused(0, fail.reason, fail.of("small")), stream=stream)


@pytest.mark.parametrize("stream", [False, True])
def test_a_connection_that_is_refused_falls(scene: Scene, *, stream: bool) -> None:
    first = Try(GONE, "connect")
    ending = served("medium", 1, "connect", first, ok("medium"), wanted=("light", GONE))
    scene.check(scene.ask("gone", stream=stream), ending, stream=stream)
    ending = refused(0, "connect", first, wanted=("light", GONE))
    scene.check(scene.ask("gone-bare", stream=stream), ending, stream=stream)


@pytest.mark.parametrize("stream", [False, True])
def test_a_connection_that_is_never_made_falls_after_a_second(scene: Scene, *, stream: bool) -> None:
    first = Try(DEAF, "connect", after_ms=1000)
    ending = served("medium", 1, "connect", first, ok("medium"), wanted=("light", DEAF))
    scene.check(scene.ask("deaf", stream=stream), ending, stream=stream)


# How far.


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stream", [False, True])
def test_it_falls_on_until_one_answers(scene: Scene, kind: str, *, stream: bool) -> None:
    fail = KINDS[kind]
    scene.play(small=fail.steps, medium=fail.steps)
    tries = (fail.of("small"), fail.of("medium"), ok("large"))
    scene.check(scene.ask("falls", stream=stream), served("large", 2, kind, *tries), stream=stream)


def test_the_last_failure_is_the_reason(scene: Scene) -> None:
    first, second = KINDS["overload"], KINDS["5xx"]
    scene.play(small=first.steps, medium=second.steps)
    scene.check(scene.ask("falls"), served("large", 2, "5xx", first.of("small"), second.of("medium"), ok("large")))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stream", [False, True])
def test_where_all_fail_the_ladder_answers(scene: Scene, kind: str, *, stream: bool) -> None:
    fail = KINDS[kind]
    scene.play(**dict.fromkeys(ENGINES, fail.steps))
    tries = [fail.of(name) for name in ENGINES]
    scene.check(scene.ask("falls", stream=stream), canned(3, kind, *tries), stream=stream)


def test_a_ladder_may_go_up_and_come_down_again(scene: Scene) -> None:
    fail = KINDS["5xx"]
    scene.play(small=fail.steps)
    scene.check(scene.ask("up-and-down"), served("large", 1, "5xx", fail.of("small"), ok("large")))
    scene.play(large=fail.steps)
    tries = (fail.of("small"), fail.of("large"), ok("medium"))
    scene.check(scene.ask("up-and-down"), served("medium", 2, "5xx", *tries))


def test_what_was_wanted_is_no_rung_twice(scene: Scene) -> None:
    fail = KINDS["reset"]
    scene.play(**dict.fromkeys(ENGINES, fail.steps))
    tries = [fail.of(name) for name in ("medium", "small", "large")]
    ending = canned(3, "reset", *tries, wanted=("mid", "medium"))
    scene.check(scene.ask("ruled", headers={"x-want": "mid"}), ending)


def test_a_rule_with_models_has_the_whole_ladder_behind_it(scene: Scene) -> None:
    fail = KINDS["reset"]
    scene.play(medium=fail.steps)
    aside = {"x-want": "aside"}
    ending = served("small", 1, "reset", fail.of("medium"), ok("small"), wanted=(None, "medium"))
    scene.check(scene.ask("ruled", headers=aside), ending)


def test_an_answer_of_a_rule_is_asked_of_nobody(scene: Scene) -> None:
    before = scene.heard()
    ending = canned(0, "answer", wanted=(None, None))
    scene.check(scene.ask("ruled", headers={"x-want": "stop"}), ending)
    assert scene.heard() == before


# What is no failure.


@pytest.mark.parametrize("status", PASSED)
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_not_the_upstreams_fault_passes(scene: Scene, status: int, *, stream: bool) -> None:
    scene.play(small=json_answer(status, '{"error": "yours"}', {"x-their-own": "1"}))
    answer = scene.ask("falls", stream=stream)
    ending = served("small", 0, "wanted", Try("small", "ok", status), status=status)
    scene.check(answer, ending, stream=stream)
    assert (answer.text, answer.header("x-their-own")) == ('{"error": "yours"}', "1")


@pytest.mark.parametrize("status", [401, 403])
def test_that_a_callers_own_credentials_are_refused_passes(scene: Scene, status: int) -> None:
    scene.play(small=json_answer(status, '{"error": "yours"}'))
    answer = scene.ask("passing", headers={"authorization": "Bearer mine"})
    ending = served(PASSING, 0, "wanted", Try(PASSING, "ok", status), status=status, wanted=("light", PASSING))
    scene.check(answer, ending)
    assert answer.text == '{"error": "yours"}'


@pytest.mark.parametrize("kind", ["overload", "5xx", "reset"])
def test_every_other_failure_of_such_a_model_falls(scene: Scene, kind: str) -> None:
    fail = KINDS[kind]
    scene.play(small=fail.steps)
    ending = served("medium", 1, kind, fail.of(PASSING), ok("medium"), wanted=("light", PASSING))
    scene.check(scene.ask("passing"), ending)


# Which kinds lead on.


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_kind_that_is_named_leads_on(scene: Scene, kind: str, *, stream: bool) -> None:
    fail = KINDS[kind]
    scene.play(small=fail.steps)
    ending = served("medium", 1, kind, fail.of("small"), ok("medium"))
    scene.check(scene.ask(f"only-{kind}", stream=stream), ending, stream=stream)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_kind_that_is_not_named_ends_the_request(scene: Scene, kind: str, *, stream: bool) -> None:
    fail = KINDS[kind]
    scene.play(small=fail.steps)
    before = scene.heard()
    ending = canned(3, kind, fail.of("small"))
    scene.check(scene.ask(f"no-{kind}", stream=stream), ending, stream=stream)
    scene.check(scene.ask(f"no-{kind}-bare", stream=stream), refused(0, kind, fail.of("small")), stream=stream)
    assert scene.heard() == {**before, "small": before["small"] + 2}


def test_a_kind_that_is_not_named_ends_it_on_a_later_rung_too(scene: Scene) -> None:
    first, second = KINDS["5xx"], KINDS["reset"]
    scene.play(small=first.steps, medium=second.steps)
    scene.check(scene.ask("no-reset"), canned(3, "reset", first.of("small"), second.of("medium")))
    scene.check(scene.ask("no-reset-bare"), refused(1, "reset", first.of("small"), second.of("medium")))


def test_connect_is_a_kind_of_its_own(scene: Scene) -> None:
    first, wanted = Try(GONE, "connect"), ("light", GONE)
    scene.check(scene.ask("only-connect"), served("medium", 1, "connect", first, ok("medium"), wanted=wanted))
    scene.check(scene.ask("no-connect"), canned(3, "connect", first, wanted=wanted))
    scene.play(small=KINDS["reset"].steps)
    scene.check(scene.ask("only-overload"), canned(3, "reset", Try("small", "reset")))
