"""The gate between two tries: what became of the one before, and what follows."""

import json

import pytest

from tests.support.documents import model, policy
from tests.support.luajourney import BODY, STREAM, Worker
from tests.unit.envoy.journeys import (
    FALLS,
    NAMES,
    ONE,
    THREE,
    TWO,
    attempts,
    clusters,
    decision,
    falling,
    refused,
    skipped,
)

LATER = {"answer": {"body": "later"}}


# From rung to rung.


def test_the_first_try_goes_out_as_it_came_from_the_gateway() -> None:
    asked = falling().ask()
    assert clusters(asked) == [ONE]
    assert asked.sent[0].body == BODY.replace(b"auto", b"engine-one")
    assert not [name for name in asked.sent[0].headers if name.startswith("x-modelfleet-")]
    assert attempts(asked) == [("one", 0, "abandoned", 0)]
    assert asked.said is None


def test_each_kind_of_failure_is_known_and_leads_to_the_next_rung() -> None:
    asked = falling(timeouts={"answer": "2s"}).ask()
    asked.failed(500, milliseconds=30).refused(1_000).silent(2_000)
    assert clusters(asked) == [ONE, TWO, THREE]
    assert attempts(asked) == [("one", 500, "5xx", 30), ("two", 0, "connect", 1_000), ("three", 0, "timeout", 2_000)]
    assert refused(asked) == (504, "timeout")


@pytest.mark.parametrize(("ms", "reason"), [(0, "reset"), (1_949, "reset"), (1_950, "timeout"), (2_500, "timeout")])
def test_silence_is_a_reset_or_a_timeout_by_how_long_it_was(ms: int, reason: str) -> None:
    assert attempts(falling(timeouts={"answer": "2s"}).ask().silent(ms))[0] == ("one", 0, reason, ms)


def test_of_a_stream_the_bound_is_that_of_its_first_token() -> None:
    asked = falling(timeouts={"answer": "9s", "firstToken": "2s"}).ask(STREAM).silent(2_000)
    assert attempts(asked)[0] == ("one", 0, "timeout", 2_000)


@pytest.mark.parametrize(("status", "reason"), [(429, "overload"), (529, "overload"), (401, "5xx"), (101, "reset")])
def test_a_status_that_is_no_answer_is_noted_with_its_kind(status: int, reason: str) -> None:
    asked = falling().ask().failed(status, milliseconds=7)
    assert attempts(asked) == [("one", status, reason, 7), ("two", 0, "abandoned", 0)]


def test_what_is_known_of_a_try_is_not_held_against_the_next_one() -> None:
    asked = falling().ask().failed(429, ("retry-after", "17")).silent(5).refused(3)
    assert attempts(asked) == [("one", 429, "overload", 0), ("two", 0, "reset", 5), ("three", 0, "connect", 3)]
    assert (refused(asked), asked.retry_after) == ((503, "connect"), "1")


def test_where_the_last_try_was_overloaded_its_own_word_is_passed_on() -> None:
    asked = falling().ask().silent().refused().failed(503, ("retry-after", "17"))
    assert (refused(asked), asked.retry_after) == ((503, "overload"), "17")


def test_a_skip_behind_an_overloaded_try_does_not_forget_its_word() -> None:
    worker = falling()
    worker.absent = {TWO, THREE}
    asked = worker.ask().failed(503, ("retry-after", "17"))
    assert (refused(asked), asked.retry_after) == ((503, "no_capacity"), "17")


def test_a_move_is_noted_with_its_cause_and_where_it_led() -> None:
    asked = falling().ask()
    assert decision(asked, "rung", "reason", "served", "tier", "target") == (0, "wanted", None, "one", "one")
    asked.refused()
    served = {"tier": "two", "model": "two"}
    assert decision(asked, "rung", "reason", "served", "tier", "target") == (1, "connect", served, "one", "one")
    asked.failed(500)
    assert decision(asked, "rung", "reason", "served") == (2, "5xx", {"tier": "three", "model": "three"})


def test_repeats_stay_on_their_rung() -> None:
    asked = falling(retries={"attempts": 1}).ask().refused().refused()
    assert clusters(asked) == [ONE, ONE, TWO]
    assert decision(asked, "rung", "reason") == (1, "connect")
    asked.refused()
    assert decision(asked, "rung", "reason", "served") == (1, "connect", {"tier": "two", "model": "two"})


def test_without_a_ladder_a_failed_try_is_repeated_once() -> None:
    asked = Worker(policy(), model()).ask().refused().failed(500)
    assert clusters(asked) == ["default/m/way"] * 2
    assert (refused(asked), decision(asked, "rung", "reason")) == ((503, "5xx"), (0, "5xx"))


def test_a_kind_that_the_policy_does_not_name_ends_the_request() -> None:
    asked = falling(retries={"retryOn": ["connect"], "attempts": 1}).ask().refused().failed(500)
    assert clusters(asked) == [ONE, ONE]
    assert (refused(asked), decision(asked, "rung", "reason")) == ((503, "5xx"), (0, "5xx"))


def test_models_of_a_rule_are_a_rung_without_a_tier() -> None:
    asked = falling(rules=[{"name": "r", "models": [{"name": "three"}]}]).ask().refused()
    assert clusters(asked) == [THREE, TWO]
    assert decision(asked, "tier", "target") == (None, "three")
    worker = falling(rules=[{"name": "r", "models": [{"name": "three"}]}])
    worker.absent = {THREE}
    assert skipped(worker.ask()) == [("three", None, "no_capacity")]


# Skips.


def test_a_rung_without_a_replica_is_no_try() -> None:
    worker = falling()
    worker.absent = {ONE}
    asked = worker.ask()
    assert (clusters(asked), skipped(asked)) == ([TWO], [("one", "one", "no_capacity")])
    assert attempts(asked) == [("two", 0, "abandoned", 0)]
    assert decision(asked, "rung", "reason") == (1, "no_capacity")
    assert asked.refused().sent[-1].cluster == THREE


def test_where_nobody_has_a_replica_nothing_was_sent() -> None:
    worker = falling()
    worker.absent = {ONE, TWO, THREE}
    asked = worker.ask()
    assert (refused(asked), asked.retry_after) == ((503, "no_capacity"), "1")
    assert skipped(asked) == [(name, name, "no_capacity") for name in NAMES]
    # A list, also where nothing is in it: the script alone cannot say that.
    assert asked.record["attempts"] == []
    assert decision(asked, "rung", "reason") == (2, "no_capacity")


def test_a_replica_that_goes_before_a_repeat_ends_its_rung() -> None:
    worker = falling(retries={"attempts": 3})
    asked = worker.ask().refused()
    worker.absent = {ONE}
    asked.refused()
    assert clusters(asked) == [ONE, ONE, TWO]
    assert skipped(asked) == [("one", "one", "no_capacity")]
    assert [it[2] for it in attempts(asked)] == ["connect", "connect", "abandoned"]
    worker.absent = set()
    assert clusters(asked.refused()) == [ONE, ONE, TWO, TWO]


def test_where_nothing_was_skipped_nothing_is_noted_of_it() -> None:
    asked = falling().ask().refused().refused().refused()
    assert asked.record["skipped"] is None


# The budget.


def test_repeats_of_a_policy_are_held_to_a_share_of_its_requests_and_falls_are_not() -> None:
    worker = falling(retries={"attempts": 1})
    made = [worker.ask().refused() for _ in range(5)]
    assert [clusters(asked)[-1] for asked in made] == [ONE, ONE, ONE, TWO, TWO]
    assert skipped(made[3]) == [("one", "one", "budget")]
    assert decision(made[3], "rung", "reason") == (1, "budget")
    assert attempts(made[3]) == [("one", 0, "connect", 0), ("two", 0, "abandoned", 0)]
    worker.wait(10_000)
    assert clusters(worker.ask().refused())[-1] == ONE


def test_with_many_requests_there_are_more_repeats() -> None:
    worker = falling(retries={"attempts": 1, "budgetPercent": 50})
    made = [worker.ask() for _ in range(10)]
    assert [clusters(asked.refused())[-1] for asked in made] == [ONE] * 3 + [TWO] * 4 + [ONE, TWO, ONE]


def test_a_repeat_that_the_budget_refuses_behind_the_last_rung_is_the_end_by_its_own_cause() -> None:
    worker = Worker(policy(retries={"attempts": 3}), model())
    asked = worker.ask().refused().refused().refused()
    other = worker.ask().failed(500)
    assert (clusters(asked), clusters(other)) == (["default/m/way"] * 4, ["default/m/way"])
    assert (refused(other), decision(other, "reason")) == ((503, "5xx"), ("5xx",))
    assert skipped(other) == [("m", "light", "budget")]


# The clock.


@pytest.mark.parametrize(("took", "goes_on"), [(1_900, True), (1_901, False)])
def test_with_less_than_a_tenth_of_a_second_left_it_ends_by_time(took: int, goes_on: bool) -> None:
    asked = falling(timeouts={"total": "2s"}).ask().refused(took)
    if goes_on:
        assert clusters(asked) == [ONE, TWO]
    else:
        assert refused(asked) == (504, "timeout")
        assert asked.retry_after is None
        assert decision(asked, "rung", "reason") == (0, "timeout")
        assert attempts(asked) == [("one", 0, "connect", took)]


def test_a_caller_s_own_time_counts() -> None:
    asked = falling().ask(headers=[("x-request-timeout", "500ms")]).refused(401)
    assert refused(asked) == (504, "timeout")


# The end.


def test_the_ladder_s_answer_has_a_rung_of_its_own_whichever_rung_it_was_before() -> None:
    for asked in (
        falling(degrade=[*FALLS, LATER]).ask().refused().refused().refused(),
        falling(degrade=[*FALLS, LATER], retries={"retryOn": ["timeout"]}).ask().refused(),
        falling(degrade=[*FALLS, LATER]).ask().refused(600_000),
    ):
        assert asked.said is not None
        assert asked.said[:2] == (200, "application/json")
        assert json.loads(asked.said[2])["choices"][0]["message"]["content"] == "later"
        assert decision(asked, "rung") == (3,)
        told = asked.told()
        assert (told.headers[":status"], told.body) == ("200", asked.said[2])
    assert decision(asked, "reason") == ("timeout",)


def test_what_was_said_is_told_with_all_that_is_known() -> None:
    asked = falling().ask().refused().failed(500).failed(503)
    told = asked.told()
    assert asked.record["served"] is None
    assert told.headers["x-modelfleet-reason"] == "overload"
    assert (told.headers["x-modelfleet-attempts"], told.headers["x-modelfleet-rung"]) == ("3", "2")
    assert (told.headers["x-modelfleet-model"], told.headers["x-modelfleet-tier"]) == ("-", "-")
    worker = falling()
    worker.absent = {ONE, TWO, THREE}
    assert worker.ask().told().headers["x-modelfleet-attempts"] == "0"
