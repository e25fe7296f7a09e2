import pytest

from modelfleet.routing.reach import check_reach
from tests.support.documents import fleet, policy

TIERS = "tiers: [{name: s, models: [{name: a}]}, {name: m, models: [{name: b}]}, {name: l, models: [{name: c}]}]"
TO_LARGE = "rules: [{name: big, when: {tools: true}, tier: l}]"
ALL_LARGE = "rules: [{name: all, tier: l}]"


def leading_up(rules: str, degrade: str) -> list[object]:
    found = check_reach(fleet(policy(f"{{{TIERS}, {rules}, degrade: {degrade}}}")))
    return [finding.path[2] for finding in found if finding.reason == "FallsUp"]


@pytest.mark.parametrize("degrade", ["[{tier: m}, {tier: s}]", "[{tier: s}]", "[{tier: l}, {tier: s}]"])
def test_a_ladder_from_large_to_small_is_nobody_s_mistake(degrade: str) -> None:
    assert leading_up(TO_LARGE, degrade) == []
    assert leading_up(ALL_LARGE, degrade) == []


def test_a_step_above_all_that_is_wanted_is_told() -> None:
    assert leading_up("mode: Enforce", "[{tier: m}]") == [0]


def test_a_step_above_the_one_before_it_is_told() -> None:
    assert leading_up(ALL_LARGE, "[{tier: s}, {tier: m}, {answer: {body: later}}]") == [1]
