"""The frozen view: in the order of keys, whatever the order of arrival."""

import itertools
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from modelfleet.compiler import check_fleet
from modelfleet.findings import Key
from modelfleet.fleet.parse import parse_object
from modelfleet.fleet.snapshot import entries_of, readable_snapshot, snapshot_of
from tests.sizes import scale
from tests.support.documents import Document, fleet, hardware_class, model, policy
from tests.support.strategies import documents

OBJECTS = (
    hardware_class(name="b", suits=["vision"]),
    hardware_class(name="a", suits=["speech"], capacity={"maxUnits": 1}),
    model(placement={"classes": [{"name": "a", "units": 2}, {"name": "b"}, {"name": "c"}]}),
    policy(name="x", classes={"a": {"share": "10%"}}),
    policy(name="y"),
)


def test_the_order_of_arrival_changes_nothing() -> None:
    expected, said = fleet(*OBJECTS), check_fleet(fleet(*OBJECTS))
    assert len(said) >= 8
    for order in itertools.permutations(OBJECTS):
        snapshot = fleet(*order)
        assert snapshot == expected
        assert list(snapshot.classes) == ["a", "b"]
        assert list(snapshot.policies) == sorted(snapshot.policies)
        assert check_fleet(snapshot) == said


@settings(max_examples=scale(30, 5_000))
@given(st.lists(documents(), max_size=6), st.randoms(use_true_random=False))
def test_a_generated_fleet_is_judged_the_same_in_any_order(raws: list[Document], dice: Random) -> None:
    parsed = {parse_object(raw).key: parse_object(raw) for raw in raws}
    shuffled = list(parsed.values())
    dice.shuffle(shuffled)
    one, other = snapshot_of(parsed.values(), {}), snapshot_of(shuffled, {})
    assert one == other
    assert check_fleet(one) == check_fleet(other)
    assert {finding.subject for finding in check_fleet(one)} <= set(parsed)


def test_of_two_objects_with_one_key_the_first_counts() -> None:
    parsed = [parse_object(model(work=work)) for work in ("vision", "speech")]
    assert snapshot_of(parsed, {}).models[Key("ModelDeployment", "default", "m")].spec.work == "vision"


def test_an_invalid_object_is_declared_and_takes_no_part() -> None:
    snapshot = fleet(model(work="broken"), mistakes=True)
    assert snapshot.models == {}
    assert snapshot.declared == {Key("ModelDeployment", "default", "m")}


def test_an_object_with_a_stray_field_takes_no_part_and_can_be_commented_on() -> None:
    parsed = [parse_object(model(work="vision", strayed=1)), parse_object(model(work="broken", name="n"))]
    assert snapshot_of(parsed, {}).models == {}
    commented = readable_snapshot(parsed, {}).models
    assert [one.spec.work for one in commented.values()] == ["vision"]


def test_only_secrets_and_config_maps_have_entries() -> None:
    raw = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}
    assert entries_of({**raw, "data": {"a": "x"}, "stringData": {"b": "y"}}) == frozenset({"a", "b"})
    assert entries_of(raw) == frozenset()
    assert entries_of({**raw, "data": "broken", "binaryData": None}) == frozenset()
    assert entries_of(
        {**raw, "data": {"a": None, "b": 7, "c": ["x"]}, "stringData": {"d": None, "e": ""}}
    ) == frozenset({"e"})
    assert entries_of({**raw, "apiVersion": "v2"}) is None
    assert entries_of({**raw, "kind": "Pod"}) is None
    assert entries_of("text") is None
