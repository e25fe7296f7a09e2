"""The ladder, repeats and the time to connect, as the script is told of them."""

from typing import Any

import pytest

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.api.routingpolicy.ladder import Failure
from modelfleet.api.routingpolicy.rules.tries import repeats_of
from modelfleet.api.routingpolicy.spec import RoutingPolicySpec
from modelfleet.routing.clauses.ladder import plan_ladder, plan_retries
from modelfleet.routing.clauses.timeouts import plan_connect
from tests.support.documents import policy, valid

TIERS = [{"name": name, "models": [{"name": "m"}]} for name in ("small", "medium", "large")]
LATER = {"answer": {"body": "later"}}


def spec(**given: Any) -> RoutingPolicySpec:
    made = valid(policy(**given))
    assert isinstance(made, RoutingPolicy)
    return made.spec


def ladder(*steps: Any) -> dict[str, Any]:
    degrade = [{"tier": step} if isinstance(step, str) else step for step in steps]
    return plan_ladder(spec(tiers=TIERS, degrade=degrade))


# The ladder.


def test_falls_are_places_of_tiers_in_their_order() -> None:
    assert ladder("large", "small") == {"falls": [3, 1]}
    assert ladder("small", "medium", "large") == {"falls": [1, 2, 3]}
    assert ladder() == plan_ladder(spec()) == {"falls": []}


def test_the_answer_at_the_end_goes_along() -> None:
    assert ladder("medium", LATER) == {"falls": [2], "answer": {"status": 200, "body": "later"}}
    assert ladder(LATER) == {"falls": [], "answer": {"status": 200, "body": "later"}}
    assert ladder({"answer": {"status": 503, "body": "busy"}})["answer"] == {"status": 503, "body": "busy"}


# Repeats.


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 1),
        ({"degrade": []}, 1),
        ({"degrade": [{"tier": "light"}]}, 0),
        ({"degrade": [LATER]}, 0),
        ({"retries": {}}, 1),
        ({"retries": {"budgetPercent": 5}, "degrade": [LATER]}, 0),
        ({"retries": {"attempts": 0}}, 0),
        ({"retries": {"attempts": 3}}, 3),
        ({"retries": {"attempts": 3}, "degrade": [LATER]}, 3),
    ],
)
def test_a_rung_is_tried_again_once_where_there_is_nothing_better_to_do(given: Any, expected: int) -> None:
    made = spec(**given)
    assert repeats_of(made) == plan_retries(made)["attempts"] == expected


def retries(**given: Any) -> dict[str, Any]:
    return plan_retries(spec(retries=given))


def test_the_budget_is_a_fifth_of_the_requests_unless_the_policy_says_otherwise() -> None:
    assert plan_retries(spec())["percent"] == retries(attempts=1)["percent"] == 20
    assert [retries(budgetPercent=percent)["percent"] for percent in (0, 100)] == [0, 100]


def test_every_failure_leads_on_unless_the_policy_names_those_that_do() -> None:
    assert "on" not in plan_retries(spec())
    assert "on" not in retries(attempts=1)
    assert retries(retryOn=["timeout", "5xx"])["on"] == {"5xx": True, "timeout": True}
    every = [kind.value for kind in Failure]
    assert retries(retryOn=every)["on"] == dict.fromkeys(every, True)


def test_the_order_of_failures_changes_nothing() -> None:
    one, other = (retries(retryOn=kinds) for kinds in (["reset", "connect"], ["connect", "reset"]))
    assert list(one["on"].items()) == list(other["on"].items())


# The time to connect.


@pytest.mark.parametrize(
    ("timeouts", "expected"),
    [
        (None, 1_000),
        ({}, 1_000),
        ({"total": "1h", "firstToken": "1s", "answer": "30s"}, 1_000),
        ({"total": "999ms"}, 999),
        ({"firstToken": "1ms"}, 1),
        ({"answer": "500ms"}, 500),
        ({"total": "900ms", "firstToken": "300ms", "answer": "400ms"}, 300),
        ({"betweenTokens": "1ms", "stream": "1ms"}, 1_000),
    ],
)
def test_connecting_takes_no_longer_than_a_second_and_than_what_bounds_a_try(timeouts: Any, expected: int) -> None:
    made = spec(**({"timeouts": timeouts} if timeouts is not None else {}))
    assert plan_connect(made) == expected
