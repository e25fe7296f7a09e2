"""Where the real scheduler puts the replicas of fleets that stand still. All of them are laid out at once."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from http import HTTPStatus

import pytest

from tests.cluster.operator.process import Operator
from tests.cluster.placement.fleet import Fleet, Where, corner
from tests.cluster.placement.situations import TABLE, Situation
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect


@pytest.fixture(scope="module")
def laid_out(bed: Bed, placing: Operator) -> Iterator[Mapping[str, Fleet]]:
    """The fleet of each situation, by its sentence."""
    assert placing.leads()
    fleets: dict[str, Fleet] = {}
    with ExitStack() as stack:
        for situation in TABLE:
            namespace = f"test-{uuid.uuid4().hex[:8]}"
            expect(bed.api.create("/api/v1/namespaces", {"metadata": {"name": namespace}}), HTTPStatus.CREATED)
            stack.callback(bed.api.delete, f"/api/v1/namespaces/{namespace}")
            fleets[situation.sentence] = stack.enter_context(corner(bed, namespace))
            for words, named in situation.nodes:
                fleets[situation.sentence].nodes(*words, **named)
        for fleet in fleets.values():
            fleet.wait_until_up()
            account = f"/api/v1/namespaces/{fleet.namespace}/serviceaccounts/default"
            wait_for("the account", lambda account=account: bed.api.get(account).status == HTTPStatus.OK)
        for situation in TABLE:
            _lay(situation, fleets[situation.sentence])
        yield fleets
        for fleet in fleets.values():
            fleet.without_models()


def _lay(situation: Situation, fleet: Fleet) -> None:
    for words, named in situation.classes:
        fleet.hardware(*words, **named)
    fleet.model(*situation.model.words, **situation.model.named)


@pytest.mark.parametrize("situation", TABLE, ids=lambda situation: situation.sentence)
def test_replicas_run_where_they_should(laid_out: Mapping[str, Fleet], situation: Situation) -> None:
    fleet = laid_out[situation.sentence]
    fleet.comes_to(Where(dict(situation.running), dict(situation.waiting)))
    for hardware, reason in situation.reasons.items():
        message = fleet.says(hardware, reason)
        assert all(word in message for word in situation.words.get(hardware, ())), message
    for type_, reason in situation.conditions.items():
        fleet.condition(type_, reason)
    if not situation.waiting:
        fleet.runs_on(**situation.running)
        fleet.condition("Placed", "True")  # read right after the pods it would be what the operator knew before them
    if situation.spread:
        label, wanted = situation.spread
        assert {fleet.local(value): count for value, count in fleet.on(label=label).items()} == wanted


def test_every_message_names_something_to_do(laid_out: Mapping[str, Fleet]) -> None:
    for situation in TABLE:
        for hardware, found in laid_out[situation.sentence].classes().items():
            if found["reason"] not in {"Chosen", "NotNeeded"}:
                assert found["message"], (situation.sentence, hardware, found)
