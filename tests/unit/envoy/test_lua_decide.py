"""The decision: shares that are exact, draws that stick, and the first rule that fits."""

from collections import Counter
from math import sqrt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from tests.sizes import scale
from tests.support.deciding import decide, decision, plan_for, request_for
from tests.support.decisions import Asked, Decided, spot_of
from tests.support.documents import policy, valid

RULES = [
    {"name": "answers", "when": {"headers": {"x-a": "1"}}, "answer": {"status": 418, "body": "tea"}},
    {"name": "models", "when": {"headers": {"x-b": "1"}}, "models": [{"name": "m"}]},
    {"name": "large", "when": {"headers": {"x-c": "1"}}, "tier": "large"},
]
TIERS = [{"name": "light", "models": [{"name": "m"}]}, {"name": "large", "models": [{"name": "n"}]}]


def plan(**spec: Any) -> Any:
    made = valid(policy(**spec))
    assert isinstance(made, RoutingPolicy)
    return plan_for(made)


def weighted(**weights: int) -> Any:
    return plan(tiers=[{"name": "t", "models": [{"name": name, "weight": share} for name, share in weights.items()]}])


def drawn(weights: dict[str, int], spot: float) -> str | None:
    return decision(weighted(**weights), Asked(chance=spot)).model


@settings(max_examples=scale(30, 5_000))
@given(st.lists(st.integers(0, 100), min_size=1, max_size=8).filter(any), st.integers(1, 5))
def test_shares_are_exact_over_a_grid_of_spots(weights: list[int], times: int) -> None:
    named = {f"m{index}": weight for index, weight in enumerate(weights)}
    made, points = weighted(**named), sum(weights) * times
    found = Counter(decision(made, Asked(chance=(point + 0.5) / points)).model for point in range(points))
    assert found == {name: weight * times for name, weight in named.items() if weight}


def test_a_spot_at_a_bound_belongs_to_the_next_model() -> None:
    weights = {"a": 1, "b": 1, "c": 2}
    spots = {0.0: "a", 0.24999: "a", 0.25: "b", 0.49999: "b", 0.5: "c", 0.99999999: "c"}
    assert {spot: drawn(weights, spot) for spot in spots} == spots


def test_a_model_without_a_share_is_never_drawn() -> None:
    assert {drawn({"a": 0, "b": 1, "c": 0}, spot) for spot in (0.0, 0.5, 1.0)} == {"b"}


# Frozen: were one of these to move, every session of every fleet would change its model with an upgrade.
SPOTS = {
    b"": 0.08682641154155135,
    b"a": 0.5272700535133481,
    b"default/p\nsession-1": 0.5628919745795429,
    b"\0\xff\n": 0.21545939007773995,
    b"x" * 4096: 0.5131093631498516,
}


@pytest.mark.parametrize("words", SPOTS, ids=lambda words: repr(words[:20]))
def test_a_spot_is_what_it_always_was(words: bytes) -> None:
    assert decide.spot(words) == SPOTS[words]


@given(st.binary(max_size=64))
def test_a_spot_is_the_same_on_every_machine(words: bytes) -> None:
    spot = decide.spot(words)
    assert 0 <= spot < 1
    assert spot == spot_of(words)


@pytest.mark.parametrize("form", ["session-{}", "{}", "default/p\nuser{}@example.com", "{0}{0}{0}"])
def test_neighbouring_names_land_far_apart(form: str) -> None:
    keys, bins = 10_000, 20
    found = Counter(int(decide.spot(form.format(number).encode()) * bins) for number in range(keys))
    expected = keys / bins
    most = 5 * sqrt(expected * (1 - 1 / bins))
    assert {place: count for place, count in found.items() if abs(count - expected) > most} == {}
    assert len(found) == bins


def test_a_session_sticks_whatever_chance_says() -> None:
    made = plan(identifiers={"session": "X-Session"}, tiers=[{"name": "t", "models": [{"name": "a"}, {"name": "b"}]}])
    for number in range(20):
        headers = {"x-session": [f"s-{number}", "not this one"]}
        found = {decision(made, Asked(headers=headers, chance=spot)).model for spot in (0.0, 0.3, 0.7, 0.99)}
        spot = spot_of(f"default/p\ns-{number}".encode())
        assert found == {"a" if spot < 0.5 else "b"}


@pytest.mark.parametrize("values", [[], [""]])
def test_without_a_session_chance_draws(values: list[str]) -> None:
    made = plan(identifiers={"session": "x-session"}, tiers=[{"name": "t", "models": [{"name": "a"}, {"name": "b"}]}])
    asked = [Asked(headers={"x-session": values}, chance=spot) for spot in (0.1, 0.9)]
    assert [decision(made, it).model for it in asked] == ["a", "b"]


def test_two_policies_do_not_send_the_same_sessions_to_the_same_share() -> None:
    made = plan(identifiers={"session": "x-s"}, tiers=[{"name": "t", "models": [{"name": "a"}, {"name": "b"}]}])
    found = []
    for name in ("default/p", "default/q"):
        made.policy = name.encode()
        found.append([decision(made, Asked(headers={"x-s": [str(number)]})).model for number in range(100)])
    same = sum(one == other for one, other in zip(*found, strict=True))
    assert 25 < same < 75


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("", Decided("default", "light", "m")),
        ("a", Decided("answers", answer="tea")),
        ("b", Decided("models", model="m")),
        ("c", Decided("large", "large", "n")),
        ("ab", Decided("answers", answer="tea")),
        ("cb", Decided("models", model="m")),
    ],
)
def test_the_first_rule_that_fits_wins_and_without_one_the_first_tier(headers: str, expected: Decided) -> None:
    asked = Asked(headers={f"x-{letter}": ["1"] for letter in headers})
    assert decision(plan(tiers=TIERS, rules=RULES), asked) == expected


def test_features_that_are_not_declared_count_as_other_and_none_is_none() -> None:
    names = {"feature": "X-Feature", "features": ["legal", "search"]}
    made = plan(identifiers=names)
    told = []
    for values in (["legal"], ["search"], ["Legal"], [""], []):
        request = request_for(Asked(headers={"x-feature": values}))
        decide.decide(made, request)
        told.append(request.feature)
    assert told == [b"legal", b"search", b"other", b"other", None]


def test_a_header_that_no_identifier_names_says_nothing() -> None:
    request = request_for(Asked(headers={"x-feature": ["a"], "x-step": ["b"]}))
    decide.decide(plan(), request)
    assert (request.feature, request.step) == (None, None)


def test_the_class_is_the_first_that_fits_else_the_one_without_a_condition() -> None:
    made = plan(
        classes={
            "a-rest": {"share": "10%"},
            "b-batch": {"share": "10%", "when": {"headers": {"x-class": "batch"}}},
            "c-also": {"share": "10%", "when": {"headers": {"x-class": "batch"}}},
        },
        rules=[{"name": "batch", "when": {"class": "b-batch"}, "answer": {"body": "later"}}],
    )
    assert decision(made, Asked(headers={"x-class": ["batch"]})).rule == "batch"
    request = request_for(Asked())
    decide.decide(made, request)
    assert request[b"class"] == b"a-rest"


def test_without_classes_a_request_has_none() -> None:
    request = request_for(Asked())
    decide.decide(plan(), request)
    assert request[b"class"] is None


def test_what_an_earlier_request_left_in_a_plan_is_nothing() -> None:
    made, first, second = plan(tiers=TIERS, rules=RULES), Asked(headers={"x-a": ["1"]}), Asked()
    before = [decision(made, it) for it in (first, second)]
    assert [decision(made, it) for it in (first, second)] == before
