"""What went while nobody looked: it does not stay in the operator's mind, and what cannot be read does not leave it."""

import time
from collections.abc import Callable
from http import HTTPStatus

import pytest

from tests.cluster.operator.objects import SERVED, hosted, make, routed, status, url, wait_for_condition
from tests.cluster.operator.process import Operator
from tests.cluster.operator.sights import pair, resolved, sees_what_is_gone, sees_what_is_made, without_model
from tests.sizes import SOAK, scale
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import (
    Close,
    DropEvent,
    EmptyList,
    Freeze,
    Garbage,
    InjectEvent,
    Rule,
    StaleList,
    Status,
    Truncate,
)
from tests.testbed.faults.actions import Action

OPTIONS = ("--resync=5",)
SWEPT_S = 5 * 1.3 + 2
"""A list about every five seconds, and what comes of it."""
MODELS = "modeldeployments"
GONE = InjectEvent({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}})


@pytest.mark.parametrize("loss", [DropEvent(("DELETED",), count=None), Freeze()], ids=["swallowed", "frozen"])
def test_a_deletion_that_no_watch_tells_of_is_found_by_the_next_sweep(
    bed: Bed, namespace: str, shared: Operator, loss: Action, evidence: Callable[..., None]
) -> None:
    pair(bed.api, namespace)
    ghosts = shared.metric("ghosts_total", kind="ModelDeployment")
    with shared.proxy.rule(Rule(loss, verb="watch", resource=MODELS)):
        without_model(bed.api, namespace)
        evidence(seconds=round(sees_what_is_gone(bed.api, namespace, patience=SWEPT_S), 1))
    assert shared.metric("ghosts_total", kind="ModelDeployment") >= ghosts + 1


def test_what_was_made_again_under_its_name_meanwhile_is_told_as_it_is_now(
    bed: Bed, namespace: str, shared: Operator
) -> None:
    pair(bed.api, namespace)
    with shared.proxy.rule(Rule(Freeze(), verb="watch", resource=MODELS)):
        without_model(bed.api, namespace)
        make(bed.api, hosted("m", namespace), hosted("m", namespace, model={"name": "other"}))
        wait_for_condition(bed.api, "ModelDeployment", namespace, "m", "Ready", "True", patience=SWEPT_S)
    assert status(bed.api, "ModelDeployment", namespace, "m")["observedGeneration"] == 2
    sees_what_is_made(bed.api, namespace)
    wait_for_condition(bed.api, "RoutingPolicy", namespace, "m", "ResolvedRefs", "True")


@pytest.mark.skipif(not SOAK, reason="takes two sweeps; the store's own tests cover it in every run")
def test_more_than_half_of_a_kind_goes_once_a_second_list_agrees(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    def known() -> float:
        return shared.metric("objects", kind="ModelDeployment")

    others = int(known())
    count = max(12, others + 2)
    make(bed.api, *(hosted(f"m{number}", namespace) for number in range(count)), routed("m", namespace, "m1"))
    wait_for("all to be known", lambda: known() >= count)
    wait_for_condition(bed.api, "RoutingPolicy", namespace, "m", "ResolvedRefs", "True")
    with shared.proxy.rule(Rule(DropEvent(("DELETED",), count=None), resource=MODELS)):
        expect(bed.api.delete(url("ModelDeployment", namespace)), HTTPStatus.OK)
        evidence(objects=count, seconds=round(sees_what_is_gone(bed.api, namespace, patience=2 * SWEPT_S), 1))
    wait_for("none to be known", lambda: known() <= others)
    assert shared.metric("lists_total", kind="ModelDeployment", outcome="held") >= 1


def test_who_was_stopped_finds_what_went_meanwhile_when_it_goes_on(
    bed: Bed, namespace: str, shared: Operator, evidence: Callable[..., None]
) -> None:
    pair(bed.api, namespace)
    shared.freeze()
    try:
        shared.proxy.down("lasting")
        without_model(bed.api, namespace)
        time.sleep(scale(3, 240))
        shared.proxy.up("lasting")
        # What was so long ago no API server remembers.
        shared.proxy.add(Rule(GONE, verb="watch", count=len(SERVED)))
    finally:
        shared.thaw()
    evidence(seconds=round(sees_what_is_gone(bed.api, namespace), 1))
    sees_what_is_made(bed.api, namespace)


UNREADABLE: dict[str, Action] = {
    "403": Status(403),
    "404": Status(404),
    "500": Status(500),
    "no JSON": Garbage(),
    "half a list": Truncate(-20),
    "a reset": Close(reset=True),
    "empty and old": EmptyList("1"),
    "as it was": StaleList(),
    "no list": Status(200, body={"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}),
    "odd items": Status(
        200,
        body={"kind": "ModelDeploymentList", "apiVersion": "x/v1", "metadata": {"resourceVersion": "9"}, "items": [1]},
    ),
}


@pytest.mark.parametrize("action", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_changes_nothing_and_what_went_meanwhile_goes_when_it_can(
    bed: Bed, namespace: str, shared: Operator, action: Action
) -> None:
    pair(bed.api, namespace)
    lists = shared.proxy.add(Rule(action, verb="list", resource=MODELS))
    watches = shared.proxy.add(Rule(Close(), verb="watch", resource=MODELS))
    shared.proxy.add(Rule(GONE, verb="watch", resource=MODELS, count=1))
    without_model(bed.api, namespace)
    wait_for("lists that fail", lambda: lists.hits >= 3)
    # Policies are read and judged as ever, by what was known of models.
    make(bed.api, routed("later", namespace, "m"))
    wait_for_condition(bed.api, "RoutingPolicy", namespace, "later", "ResolvedRefs", "True", patience=5)
    assert resolved(bed.api, namespace)["status"] == "True"
    shared.proxy.remove(lists, watches)
    sees_what_is_gone(bed.api, namespace)
    wait_for_condition(bed.api, "RoutingPolicy", namespace, "later", "ResolvedRefs", "False")
