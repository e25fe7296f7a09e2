"""What a status says of the version that is in force."""

from dataclasses import replace
from typing import Any

import pytest

from modelfleet.api.kinds import KINDS
from modelfleet.compiler import compile_fleet
from modelfleet.fleet.envoys import GatewayState, Group, Reported
from modelfleet.fleet.inforce import Version
from modelfleet.fleet.parse import Foreign, Valid, parse_object
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.reports import Held
from modelfleet.fleet.snapshot import snapshot_of
from modelfleet.statuses.judged import judged_of
from modelfleet.statuses.summary import summarise
from modelfleet.statuses.times import same, settle
from tests.support.documents import Document, hardware_class, model, policy, valid
from tests.support.statuses import NOW

HOSTED: Document = {"engine": None, "external": {"url": "https://a.example.com/v1"}}


def at(generation: int, raw: Document) -> Document:
    return {**raw, "metadata": {**raw["metadata"], "generation": generation}}


def status(raw: Document, in_force: Version | None, recall: Recall | None = None) -> dict[str, Any]:
    """The status of one object of which this version is in force."""
    parsed = parse_object(raw)
    assert not isinstance(parsed, Foreign)
    snapshot = snapshot_of([parsed], {})
    return summarise(snapshot, [judged_of(parsed, in_force)], compile_fleet(snapshot).findings, recall=recall)[
        parsed.key
    ]


def test_the_version_that_an_object_is_at_is_written_before_an_edit_can_take_it_away() -> None:
    for raw in (at(3, model()), at(3, model(**HOSTED)), at(3, policy())):
        spec = {name: part for name, part in raw["spec"].items() if part is not None}
        assert status(raw, Version(3, valid(raw)))["inForce"] == {"generation": 3, "spec": spec}


def test_of_an_older_version_the_spec_is_written_as_it_was() -> None:
    for good in (model("{scale: {replicas: 2}}"), model(**HOSTED), policy("{timeouts: {total: 1m30s}}")):
        wrong = {**good, "spec": {**good["spec"], "nonsense": 1}}
        found = status(at(3, wrong), Version(2, valid(at(2, good))))
        expected = {name: part for name, part in good["spec"].items() if part is not None}
        assert found["inForce"] == {"generation": 2, "spec": expected}
        settled = settle(found, None, NOW)
        KINDS[good["kind"]].STATUS.model_validate(settled)
        assert same(settle(found, settled, NOW), settled)


@pytest.mark.parametrize("before", [None, Version(2)])
def test_the_version_that_gateways_serve_is_in_force_even_where_it_looks_wrong_from_here(
    before: Version | None,
) -> None:
    """A model may be known there already, and not yet here."""
    parsed = parse_object(at(3, policy()))
    assert isinstance(parsed, Valid)
    held = {parsed.key: Held(parsed.uid, 3, "r")}
    reported = Reported({"default": GatewayState((Group(held, ("gw-0",)),))})
    assert judged_of(parsed, before, reported).in_force == Version(3, parsed.resource)
    edited = replace(parsed, resource=valid(at(4, policy())), generation=4)
    assert judged_of(edited, before, reported).in_force == before


def test_of_a_version_that_nobody_knows_the_number_alone_is_left() -> None:
    assert status(at(3, policy(nonsense=1)), Version(2))["inForce"] == {"generation": 2}


def test_what_never_was_in_force_and_what_never_outlasts_anything_has_nothing_of_it() -> None:
    for raw in (policy(nonsense=1), model("{model: 1}"), hardware_class()):
        assert "inForce" not in status(raw, None)


def test_what_is_recalled_of_a_model_is_not_what_was_in_force_before() -> None:
    recall, wrong = Recall(), at(3, model("{model: 1}"))
    assert "inForce" not in status(wrong, None, recall)
    recall = Recall(recall)
    assert status(wrong, Version(2, valid(at(2, model()))), recall)["inForce"]["generation"] == 2
