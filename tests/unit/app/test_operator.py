"""The operator without a cluster: what it remembers from one look to the next."""

from collections.abc import Mapping
from typing import Any

import pytest

from modelfleet.app import operator as module
from modelfleet.app.operator import Operator, OperatorOptions
from modelfleet.findings import Key
from modelfleet.sources.cluster import cluster_snapshot
from modelfleet.sources.kinds import scopes
from tests.support.placing import a_class, a_model, key_of
from tests.unit.app.nowhere import client

CLASS, MODEL = a_class("a"), a_model("m", "a")
HELD = {"HardwareClass": CLASS, "ModelDeployment": MODEL}


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> Operator:
    """It has read all of a cluster with a class and a model, and nothing of it runs."""
    monkeypatch.setattr(module, "REPORTS_S", 0.0)
    made = Operator(client(), OperatorOptions())
    for scope in scopes():
        raw = HELD.get(scope.watched.kind)
        about = {"uid": f"uid-{scope.watched.kind}", "resourceVersion": "1", "generation": 1}
        items = [{**raw, "metadata": {**raw["metadata"], **about}}] if raw else []
        made.eyes.store.replace(scope, items, "5")
    return made


def test_who_comes_to_lead_in_the_midst_of_a_look_forgets_what_that_look_found(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it goes on by what it found before, while the statuses say what another process found since."""
    remembered: list[set[Key]] = []
    comes_to_lead = False

    def spy(*arguments: Any) -> Any:
        standing: Mapping[Key, object] = arguments[4]
        remembered.append(set(standing))
        if comes_to_lead:
            operator._leads(True)
        return cluster_snapshot(*arguments)

    monkeypatch.setattr(module, "cluster_snapshot", spy)
    operator.look()
    operator.look()
    assert remembered == [set(), {key_of("m")}]
    comes_to_lead = True
    operator.look()
    comes_to_lead = False
    operator.look()
    operator.look()
    assert remembered[2:] == [{key_of("m")}, set(), {key_of("m")}]
