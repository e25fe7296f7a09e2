"""Statuses of whole fleets: valid by their own schema, in any order, and never an exception."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelfleet.api.kinds import KINDS
from modelfleet.findings import Condition, Key, Reason
from modelfleet.fleet.troubles import Trouble
from modelfleet.placement.plan import plan_placement
from modelfleet.statuses.times import TIME, same, settle
from tests.sizes import scale
from tests.support.cluster_objects import condition, deployment, node, pod, unscheduled, waiting
from tests.support.documents import Document, hardware_class, model, policy
from tests.support.statuses import NOW, Cluster, planned, statuses, types
from tests.support.strategies import documents, mistaken
from tests.support.values import JSON

PAGE = Path(__file__).parents[3] / "docs" / "status.md"
LATER = "2026-02-01T00:00:00Z"
UNREAD = ("HardwareClass", "ModelDeployment", "RoutingPolicy", "Node", "Pod", "Deployment", "Secret")
NODES = st.lists(st.sampled_from([node(), node("b", ready=False), node("c", region="", pool="b")]) | JSON, max_size=3)
PODS = st.lists(
    st.sampled_from(
        [
            pod(ready=True),
            pod("b"),
            unscheduled(name="c"),
            pod("d", containerStatuses=[waiting("ErrImagePull", "not\nfound")]),
            pod("e", phase="Failed", reason="Evicted"),
        ]
    )
    | JSON,
    max_size=3,
)
DEPLOYMENTS = st.lists(
    st.sampled_from([deployment(ready=1), deployment(condition("ReplicaFailure", "True", message="exceeded quota"))])
    | JSON,
    max_size=2,
)
STANDINGS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["gpu", "m", "old"])},
        optional={"reason": st.sampled_from(["Full", "RoomAgain", "Unschedulable", "Chosen"]) | JSON, "since": JSON},
    ),
    max_size=3,
    unique_by=lambda one: str(one["name"]),
)
REFUSALS = st.sampled_from([(), (Trouble(Condition.PLACED, Reason.NAME_TAKEN, "taken\n: rename it"),)])
CLUSTERS = st.builds(
    Cluster,
    NODES,
    PODS,
    DEPLOYMENTS,
    st.dictionaries(st.sampled_from(UNREAD), st.text(max_size=9), max_size=3),
    STANDINGS,
    REFUSALS,
    st.sampled_from([None, planned(), plan_placement]),
)
SOME = settings(max_examples=scale(25, 1_500))
"""Each is a whole fleet."""


def assert_sound(key: Key, status: dict[str, Any]) -> None:
    settled = settle(status, None, NOW)
    assert json.loads(json.dumps(settled)) == settled
    read = KINDS[key.kind].STATUS.model_validate(settled)
    assert types(status)[0] == "Accepted"
    assert types(status)[-1] == "Ready"
    assert {one.type for one in read.conditions} <= set(Condition)
    assert {one.reason for one in read.conditions} <= set(Reason)
    assert all(one.observed_generation == read.observed_generation for one in read.conditions)
    assert all(one.message and one.message.isprintable() for one in read.conditions)
    for one in getattr(read, "classes", None) or ():
        assert (one.message or "").isprintable()
        assert one.since is None or TIME.fullmatch(one.since)
    assert same(settle(status, settled, LATER), settled)


@SOME
@given(st.lists(documents() | mistaken(), max_size=4), CLUSTERS)
def test_every_status_is_valid_by_its_own_schema(raws: list[Any], cluster: Cluster) -> None:
    named = [raw for raw in raws if isinstance(raw, dict) and isinstance(raw.get("metadata"), dict)]
    for key, status in statuses(*named, model(), cluster=cluster).items():
        assert_sound(key, status)


@SOME
@given(st.lists(documents(), max_size=4), CLUSTERS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_no_status(raws: list[Document], cluster: Cluster, dice: Random) -> None:
    by_key = {(raw["kind"], raw["metadata"].get("namespace"), raw["metadata"]["name"]): raw for raw in raws}
    turned = list(by_key.values())
    dice.shuffle(turned)
    nodes, pods, deployments = (
        dice.sample(part, len(part)) for part in (cluster.nodes, cluster.pods, cluster.deployments)
    )
    mixed = replace(cluster, nodes=nodes, pods=pods, deployments=deployments)
    assert statuses(*by_key.values(), cluster=cluster) == statuses(*turned, cluster=mixed)


def test_a_bad_object_changes_nothing_of_what_is_said_of_others() -> None:
    good = hardware_class(), model(), policy()
    bad = hardware_class(name="x", family="broken"), model(name="x", work="broken"), policy(name="x", tiers=[])
    alone, together = statuses(*good), statuses(*good, *bad)
    assert {key: together[key] for key in alone} == alone
    assert len(together) == 6


@pytest.mark.parametrize("make", [hardware_class, model, policy])
def test_every_condition_speaks_of_the_generation_that_was_judged(make: Callable[..., Document]) -> None:
    raw = make()
    raw["metadata"]["generation"] = 41
    (status,) = statuses(raw).values()
    assert {one["observedGeneration"] for one in status["conditions"]} == {41}


def test_nothing_is_said_of_what_is_not_ours() -> None:
    assert statuses({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}}) == {}
    assert statuses({"apiVersion": "modelfleet.dev/v1alpha1", "kind": "Unheard", "metadata": {"name": "a"}}) == {}


def test_the_page_on_statuses_explains_every_condition_and_every_reason() -> None:
    explained = set(re.findall(r"`([A-Z][A-Za-z]+)`", PAGE.read_text()))
    assert {one.value for one in (*Condition, *Reason)} - explained == set()
