"""The ladder by itself: its rungs, what a try comes to, and what follows."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelfleet.api.routingpolicy.kind import RoutingPolicy
from tests.sizes import scale
from tests.support.deciding import ladder, lua, plan_for
from tests.support.documents import policy, valid
from tests.support.luavalues import from_lua, to_lua

KINDS = ("connect", "reset", "timeout", "overload", "5xx")
TIERS = [{"name": name, "models": [{"name": f"m-{name}"}]} for name in "abc"]
TWO = [{"name": "x", "weight": 3}, {"name": "y", "weight": 1}]


def plan(**spec: Any) -> Any:
    made = valid(policy(**spec))
    assert isinstance(made, RoutingPolicy)
    return plan_for(made)


def rungs(made: Any, spot: float = 0.5, **wanted: int) -> list[tuple[str | None, str]]:
    found = from_lua(ladder.rungs(made, to_lua(lua, wanted or {"tier": 1}), spot))
    return [(rung.get("tier"), rung["model"]["name"]) for rung in found]


def falling(*steps: Any) -> Any:
    """A policy that wants the tier a, and falls so."""
    degrade = [{"tier": step} if isinstance(step, str) else step for step in steps]
    return plan(tiers=TIERS, degrade=degrade)


# The rungs.


@pytest.mark.parametrize(
    ("degrade", "wanted", "expected"),
    [
        ("", 1, "a"),
        ("b", 1, "ab"),
        ("bc", 1, "abc"),
        ("cb", 1, "acb"),
        ("abc", 1, "abc"),
        ("bac", 1, "abc"),
        ("cba", 2, "bca"),
        ("cba", 3, "cba"),
        ("a", 1, "a"),
        ("a", 3, "ca"),
    ],
)
def test_what_is_wanted_comes_first_then_the_falls_as_they_are_written_and_no_tier_twice(
    degrade: str, wanted: int, expected: str
) -> None:
    made = falling(*degrade)
    assert rungs(made, tier=wanted) == [(name, f"m-{name}") for name in expected]
    assert ladder.height(made, to_lua(lua, {"tier": wanted})) == len(expected)


def test_an_answer_is_above_all_rungs() -> None:
    made = falling("b", {"answer": {"body": "later"}})
    assert rungs(made) == [("a", "m-a"), ("b", "m-b")]
    assert ladder.height(made, to_lua(lua, {"tier": 1})) == 2
    assert rungs(falling({"answer": {"body": "later"}})) == [("a", "m-a")]


def test_models_of_a_rule_are_a_rung_without_a_tier_and_fall_to_every_tier() -> None:
    rules = [{"name": "tier", "tier": "c"}, {"name": "models", "models": [{"name": "own"}]}]
    made = plan(tiers=TIERS, rules=rules, degrade=[{"tier": "a"}, {"tier": "c"}])
    assert rungs(made, rule=2) == [(None, "own"), ("a", "m-a"), ("c", "m-c")]
    assert ladder.height(made, to_lua(lua, {"rule": 2})) == 3


def weighted(*names: str) -> Any:
    tiers = [{"name": name, "models": TWO} for name in names]
    return plan(tiers=tiers, degrade=[{"tier": name} for name in names[1:]])


SPOTS = [(number + 0.5) / 10_000 for number in range(10_000)]


def test_each_rung_has_the_shares_of_its_tier_and_draws_by_itself() -> None:
    made = weighted("a", "b", "c")
    drawn = [tuple(model for _, model in rungs(made, spot)) for spot in SPOTS]
    for rung in range(3):
        share = sum(models[rung] == "x" for models in drawn) / len(drawn)
        assert abs(share - 0.75) < 0.02
    # Were a draw to follow another, two of them would agree more often, or less, than chance has it.
    for one, other in ((0, 1), (0, 2), (1, 2)):
        both = Counter((models[one], models[other]) for models in drawn)
        assert abs(both["x", "x"] / len(drawn) - 0.75**2) < 0.02


@given(st.floats(0, 1, exclude_max=True))
def test_a_spot_gives_the_same_model_each_time_and_whatever_the_other_rungs_are(spot: float) -> None:
    before = rungs(weighted("a", "b", "c"), spot)
    assert rungs(weighted("a", "b", "c"), spot) == before
    assert rungs(weighted("a", "c"), spot) == [before[0], before[2]]
    assert rungs(weighted("a", "c", "b"), spot) == [before[0], before[2], before[1]]


# What a try comes to.


@pytest.mark.parametrize(
    ("status", "passes", "kind"),
    [
        *((status, passes, None) for status in (200, 201, 204, 301, 400, 404, 408, 422, 499) for passes in (0, 1)),
        *((status, passes, b"overload") for status in (429, 503, 529) for passes in (0, 1)),
        *((status, passes, b"5xx") for status in (500, 501, 502, 504, 528, 530, 599) for passes in (0, 1)),
        *((status, passes, b"reset") for status in (0, 100, 101, 103, 199) for passes in (0, 1)),
        *((status, 0, b"5xx") for status in (401, 403)),
        *((status, 1, None) for status in (401, 403)),
        *((status, passes, None) for status in (402, 428, 430) for passes in (0, 1)),
    ],
)
def test_an_answer_counts_by_its_status(status: int, passes: int, kind: bytes | None) -> None:
    assert ladder.failure(status, bool(passes)) == kind
    if not passes:
        assert ladder.failure(status, None) == kind


@pytest.mark.parametrize(
    ("milliseconds", "bound", "kind"),
    [
        (0, 1_000, b"reset"),
        (949, 1_000, b"reset"),
        (950, 1_000, b"timeout"),
        (1_000, 1_000, b"timeout"),
        (60_000, 1_000, b"timeout"),
        # A timer comes early by so much at most, and by a tenth where there is little time.
        (59_949, 60_000, b"reset"),
        (59_950, 60_000, b"timeout"),
        (179, 200, b"reset"),
        (180, 200, b"timeout"),
        (0, 1, b"reset"),
        (1, 1, b"timeout"),
        (-5_000, 1_000, b"reset"),
    ],
)
def test_silence_counts_by_how_long_it_was_and_whether_there_was_anybody(
    milliseconds: int, bound: int, kind: bytes
) -> None:
    assert ladder.silence(True, milliseconds, bound) == kind
    assert ladder.silence(False, milliseconds, bound) == b"connect"


# What follows.


def step(cause: str, rung: int = 1, of: int = 3, on: tuple[str, ...] | None = None, **more: Any) -> Any:
    """What comes next: rung and repeats, or why it ends. `denied` where the budget had a say."""
    given = {"repeats": 0, "attempts": 0, "left": 60_000, "room": True, "tries": 1, **more}
    retries: dict[str, Any] = {"attempts": given.pop("attempts"), "percent": 20}
    if on is not None:
        retries["on"] = dict.fromkeys(on, True)
    state = to_lua(lua, {"rung": rung, **given})
    found = from_lua(ladder.step(to_lua(lua, {"retries": retries}), to_lua(lua, [{}] * of), state, cause.encode()))
    said = (found["ends"],) if "ends" in found else (found["rung"], found["repeats"])
    return (*said, "denied") if found.get("denied") else said


@pytest.mark.parametrize("cause", KINDS)
def test_a_try_that_failed_is_repeated_as_often_as_it_may_then_the_next_rung_begins_anew(cause: str) -> None:
    assert step(cause) == (2, 0)
    assert [step(cause, attempts=2, repeats=made) for made in (0, 1, 2)] == [(1, 1), (1, 2), (2, 0)]
    assert step(cause, rung=2, repeats=2, attempts=2) == (3, 0)


@pytest.mark.parametrize("cause", KINDS)
def test_behind_the_last_rung_it_ends_by_what_came_last(cause: str) -> None:
    assert step(cause, rung=3) == (cause,)
    assert step(cause, rung=1, of=1) == (cause,)
    assert step(cause, rung=3, attempts=1) == (3, 1)
    assert step(cause, rung=3, attempts=1, repeats=1) == (cause,)


@pytest.mark.parametrize("cause", KINDS)
def test_a_kind_that_the_policy_does_not_name_is_the_end_whatever_there_is_left(cause: str) -> None:
    others = tuple(kind for kind in KINDS if kind != cause)
    states: list[dict[str, Any]] = [{}, {"attempts": 5}, {"left": 99}, {"room": False, "attempts": 5}]
    for more in states:
        assert step(cause, on=others, **more) == (cause,)
        assert step(cause, on=(cause,), **more) == step(cause, **more)


@pytest.mark.parametrize("on", [(), ("reset",), KINDS, None])
def test_a_rung_that_is_skipped_is_never_repeated_and_no_kind_of_failure(on: tuple[str, ...] | None) -> None:
    for repeats in (0, 1):
        assert step("no_capacity", on=on, attempts=5, repeats=repeats) == (2, 0)
        assert step("no_capacity", rung=3, on=on, attempts=5, repeats=repeats) == ("no_capacity",)
    assert step("no_capacity", on=on, attempts=5, room=False) == (2, 0)


def test_where_the_budget_has_no_room_the_next_rung_comes_in_place_of_a_repeat() -> None:
    assert step("reset", attempts=1, room=False) == (2, 0, "denied")
    assert step("reset", rung=3, attempts=1, room=False) == ("reset", "denied")
    # Falls are nobody's budget.
    assert step("reset", room=False) == (2, 0)
    assert step("reset", attempts=1, repeats=1, room=False) == (2, 0)


def test_with_less_than_a_tenth_of_a_second_left_nothing_is_begun() -> None:
    for left in (100, 100.5, 60_000):
        assert step("reset", left=left) == (2, 0)
        assert step("reset", attempts=1, left=left) == (1, 1)
        assert step("no_capacity", left=left) == (2, 0)
    for left in (99, 99.5, 0, -1):
        assert step("reset", left=left) == ("timeout",)
        assert step("reset", rung=3, attempts=1, left=left) == ("timeout",)
        assert step("no_capacity", left=left) == ("timeout",)


@pytest.mark.parametrize("cause", [*KINDS, "no_capacity"])
def test_where_nothing_is_left_to_begin_it_does_not_matter_how_late_it_is(cause: str) -> None:
    assert step(cause, rung=3, left=0) == (cause,)
    assert step(cause, rung=3, attempts=1, repeats=1, left=0) == (cause,)


def test_the_first_try_is_made_however_little_time_there_is() -> None:
    for left in (99, 0, -1):
        assert step("no_capacity", left=left, tries=0) == (2, 0)
        assert step("no_capacity", rung=3, left=left, tries=0) == ("no_capacity",)


def test_a_repeat_for_which_there_is_no_time_is_not_held_against_the_budget() -> None:
    assert step("reset", attempts=1, room=False, left=99) == ("timeout",)


@settings(max_examples=scale(30, 5_000))
@given(
    st.integers(1, 12),
    st.integers(0, 11),
    st.none() | st.sets(st.sampled_from(KINDS)),
    st.lists(
        st.tuples(st.sampled_from([*KINDS, "no_capacity"]), st.booleans(), st.integers(0, 30_000)),
        min_size=200,
        max_size=200,
    ),
)
def test_a_walk_never_climbs_never_tries_more_than_it_may_and_always_ends(
    of: int, attempts: int, on: set[str] | None, turns: list[tuple[str, bool, int]]
) -> None:
    rung, repeats, left, tries = 1, 0, 100_000, 0
    for cause, room, took in turns:
        tries += cause != "no_capacity"
        left -= took
        given = {"attempts": attempts, "repeats": repeats, "room": room, "left": left, "tries": tries}
        found = step(cause, rung, of, None if on is None else tuple(sorted(on)), **given)
        if isinstance(found[0], str):
            assert found[0] in {cause, "timeout"}
            break
        assert found[:2] in {(rung + 1, 0), (rung, repeats + 1)}
        assert left >= 100 or not tries
        rung, repeats = found[:2]
        assert rung <= of
        assert repeats <= attempts
    else:
        pytest.fail("it did not end")
    assert tries <= (attempts + 1) * of
