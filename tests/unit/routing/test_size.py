"""A policy that is too large to be sent is refused by name, and what is not refused can be sent."""

from dataclasses import replace
from typing import Any

import pytest

from modelfleet.compiler import FleetPlan, compile_fleet
from modelfleet.findings import Reason
from modelfleet.fleet.world import Gateway, World
from modelfleet.routing.size import FEW, MOST, check_size
from tests.support.documents import Document, fleet, model, policy

WIDE = "\U0001f600"
PATH = "p" * 1000
ITEMS = [letter * 128 for letter in "abcdefgh"]
WHEN = {
    "headers": {f"{number:064}": WIDE * 256 for number in range(8)},
    "missing": [*ITEMS, *(f"header:{number:064}" for number in range(8))],
    "path": "/" + "p" * 255,
}
LARGEST = [
    model(
        name=f"{number:0240}",
        namespace="n" * 63,
        engine=None,
        external={"url": f"http://a/{PATH}"},
        model={"name": "m" * 253},
    )
    for number in range(8)
]
MODELS = [{"name": one["metadata"]["name"]} for one in LARGEST]
ANSWER = {"answer": {"body": WIDE * 4096}}


def planned(*documents: Document) -> FleetPlan:
    world = World(gateways={"default": Gateway("default")})
    return compile_fleet(replace(fleet(*documents), world=world))


def large(count: int, to: dict[str, Any], when: dict[str, Any]) -> Document:
    """A policy with all that can be long as long as it may be, and so many rules."""
    tiers = [{"name": f"{number:063}", "models": MODELS} for number in range(8)]
    return policy(
        namespace="n" * 63,
        identifiers={"feature": "f" * 64, "features": [f"{number:063}" for number in range(64)]},
        tiers=tiers,
        rules=[{"name": f"{number:063}", "when": when, **to} for number in range(count)],
        degrade=[*({"tier": tier["name"]} for tier in tiers[1:]), ANSWER],
    )


@pytest.mark.parametrize("to", [ANSWER, {"models": MODELS}], ids=["answers", "models"])
def test_rules_that_are_too_much_are_refused_by_their_field(to: dict[str, Any]) -> None:
    plan = planned(*LARGEST, large(64, to, WHEN))
    (found,) = [finding for finding in plan.findings if finding.reason is Reason.OUT_OF_RANGE]
    assert found.path == ("spec", "rules")
    assert f"{MOST // 1024} KiB are the most" in found.message
    assert (plan.defects, plan.in_force.policies) == ((), {})


@pytest.mark.parametrize("to", [ANSWER, {"models": MODELS}, {"answer": {"body": "\x00" * 4096}}])
@pytest.mark.parametrize("when", [WHEN, {"stream": True}])
def test_the_largest_policy_that_is_not_refused_can_be_sent(to: dict[str, Any], when: dict[str, Any]) -> None:
    counts = range(FEW, 65, 6)
    taken = [count for count in counts if not list(check_size(fleet(*LARGEST, large(count, to, when))))]
    plan = planned(*LARGEST, large(taken[-1], to, when))
    assert (len(plan.in_force.policies), plan.defects) == (1, ())


def test_a_policy_of_sixty_four_rules_with_the_longest_ascii_answers_is_none_too_many() -> None:
    plan = planned(*LARGEST, large(64, {"answer": {"body": "x" * 4096}}, {"stream": True}))
    assert len(plan.in_force.policies) == 1
