"""The fleets that are held against a real Envoy are what they are said to be, and have every field that there is."""

from collections.abc import Sequence
from typing import Any

from modelfleet.fleet.parse import Foreign, Invalid, parse_object
from tests.sizes import scale
from tests.support.hostile.fields import fields, fields_in
from tests.support.hostile.fleets import Fleet, made, sound_policies
from tests.support.hostile.shrink import shrunk

SIZE = scale(150, 2_000)
NEVER_VALID = {("RoutingPolicy", "spec", "classes", "*", "when", "class")}
"""What makes a request of a class cannot be its class."""


def fleets() -> Sequence[Fleet]:
    return [made(f"offline-{number}") for number in range(SIZE)]


def test_every_field_that_a_user_can_write_is_written_by_some_valid_object() -> None:
    ours = [raw for fleet in fleets() for raw in fleet.before if not isinstance(parse_object(raw), Foreign)]
    missing = fields() - set().union(*map(fields_in, ours)) - NEVER_VALID
    assert not missing, f"give these fields to a generator in tests/support/hostile: {sorted(map('.'.join, missing))}"


def test_what_nothing_was_done_to_is_valid() -> None:
    for fleet in fleets():
        wrong = [parsed for parsed in map(parse_object, fleet.before) if isinstance(parsed, Invalid)]
        assert not wrong, (fleet.name, wrong[:2])


def test_a_fleet_is_known_by_its_name() -> None:
    for number in range(20):
        first, second = made(f"again-{number}"), made(f"again-{number}")
        assert repr(first.documents) == repr(second.documents)
        assert first.damage == second.damage


def test_damage_is_wide_and_leaves_somebody_unharmed() -> None:
    broken = [fleet for fleet in fleets() if fleet.damage]
    assert SIZE * 0.4 < len(broken) < SIZE * 0.8
    assert all(sound_policies(fleet) for fleet in fleets())
    assert {one.way for fleet in broken for one in fleet.damage} >= {"remove", "text", "unknown", "again", "replace"}
    refused = sum(isinstance(parse_object(raw), Invalid) for fleet in broken for raw in fleet.documents)
    assert refused > len(broken) / 2


def test_a_fault_is_shrunk_to_the_field_that_makes_it() -> None:
    def has_it(documents: list[Any]) -> bool:
        return any(
            "weight" in repr(raw) and isinstance(raw, dict) and "tiers" in raw.get("spec", {}) for raw in documents
        )

    fleet = next(fleet for fleet in fleets() if has_it(fleet.documents))
    (left,) = shrunk(fleet.documents, has_it, budget=2_000)
    (tier,) = left["spec"]["tiers"]
    assert set(left) == {"spec"}
    assert "weight" in repr(tier)
