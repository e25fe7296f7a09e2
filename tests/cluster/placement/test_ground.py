"""What the other tests stand on: simulated nodes on which the real scheduler and the real controllers act."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest

from tests.cluster.placement.devices import RESOURCE, devices
from tests.cluster.placement.fleet import HARDWARE, MODEL, Fleet, Where, corner
from tests.cluster.placement.ground import GPU, POOL, taint
from tests.cluster.placement.slow import held_pods
from tests.cluster.placement.watching import watching
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect, is_true


@pytest.fixture
def fleet(bed: Bed, namespace: str) -> Iterator[Fleet]:
    """A corner of the cluster, without an operator."""
    with corner(bed, namespace) as fleet:
        yield fleet
        bed.api.delete(f"/apis/apps/v1/namespaces/{namespace}/deployments")


def deploy(fleet: Fleet, hardware: str, replicas: int, **pod: Any) -> None:
    """A Deployment as one is made of the model `m`, on the pool of this name."""
    labels = {MODEL: "m", HARDWARE: fleet.own(hardware)}
    container = {"name": "engine", "image": "engine", "resources": {"requests": {GPU: "1"}, "limits": {GPU: "1"}}}
    spec = {"nodeSelector": {POOL: fleet.own(hardware)}, "containers": [container], **pod}
    made = {
        "metadata": {"name": f"m-{hardware}", "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
    path = f"/apis/apps/v1/namespaces/{fleet.namespace}/deployments"
    expect(fleet.api.create(path, made), HTTPStatus.CREATED)


def test_the_scheduler_fills_nodes_and_leaves_the_rest_waiting(fleet: Fleet) -> None:
    fleet.nodes("a", 2, gpu="1")
    fleet.wait_until_up()
    deploy(fleet, "a", 3)
    wait_for("two to run", lambda: fleet.where() == Where({"a": 2}, {"a": 1}))
    assert set(fleet.on().values()) == {1}
    assert sorted(is_true(pod, "PodScheduled") for pod in fleet.pods()) == [False, True, True]


def test_taints_labels_zones_and_amounts_are_the_nodes_own(fleet: Fleet) -> None:
    (tainted,) = fleet.nodes("a", gpu="1", zone="us-b", taints=[taint(GPU)])
    fleet.wait_until_up()
    deploy(fleet, "a", 1)
    wait_for("it to wait", lambda: fleet.where() == Where({}, {"a": 1}))
    labels = fleet.seen(tainted)["metadata"]["labels"]
    assert (labels["topology.kubernetes.io/region"], labels["topology.kubernetes.io/zone"]) == ("us", "us-b")
    fleet.taint(tainted)
    wait_for("it to run", lambda: fleet.where() == Where({"a": 1}, {}))


def test_a_pod_of_higher_priority_takes_the_place_of_another(fleet: Fleet) -> None:
    fleet.nodes("a", gpu="1")
    fleet.wait_until_up()
    deploy(fleet, "a", 1)
    wait_for("it to run", lambda: fleet.where() == Where({"a": 1}, {}))
    fleet.squatter("a", priority=fleet.priority("high", 1000), gpu="1")
    wait_for("it to wait", lambda: fleet.where() == Where({}, {"a": 1}))
    fleet.leaves()
    wait_for("it to run again", lambda: fleet.where() == Where({"a": 1}, {}))


def test_a_drain_moves_pods_and_a_budget_blocks_it(fleet: Fleet) -> None:
    first, second = fleet.nodes("a", 2, gpu="1")
    fleet.wait_until_up()
    deploy(fleet, "a", 1)
    wait_for("it to run", lambda: fleet.where() == Where({"a": 1}, {}))
    there = next(name for name in (first, second) if fleet.pods_on(name))
    fleet.drain(there)
    wait_for("it to run elsewhere", lambda: fleet.where() == Where({"a": 1}, {}) and not fleet.pods_on(there))
    budget = {"metadata": {"name": "m"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {MODEL: "m"}}}}
    path = f"/apis/policy/v1/namespaces/{fleet.namespace}/poddisruptionbudgets"
    expect(fleet.api.create(path, budget), HTTPStatus.CREATED)
    wait_for("the budget to count", lambda: fleet.api.get(f"{path}/m").body.get("status", {}).get("expectedPods"))
    (pod,) = fleet.pods()
    assert fleet.evict(pod) == HTTPStatus.TOO_MANY_REQUESTS


def test_pods_leave_a_node_that_dies_when_their_patience_ends(fleet: Fleet) -> None:
    dying, living = fleet.nodes("a", 2, gpu="1")
    fleet.wait_until_up()
    fleet.cordon(living)
    patience = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}
    deploy(fleet, "a", 1, tolerations=[patience | {"tolerationSeconds": 1}])
    wait_for("it to run", lambda: fleet.pods_on(dying))
    fleet.dies(dying)
    wait_for("it to wait for another node", lambda: fleet.where() == Where({}, {"a": 1}))
    fleet.cordon(living, on=False)
    wait_for("it to run there", lambda: fleet.pods_on(living))


def test_devices_are_claimed_and_end(fleet: Fleet) -> None:
    (node,) = fleet.nodes("a", gpu="3")
    fleet.wait_until_up()
    with devices(fleet, node, 2) as device_class:
        request = {"name": "device", "exactly": {"deviceClassName": device_class, "count": 1}}
        template = {"metadata": {"name": "m"}, "spec": {"spec": {"devices": {"requests": [request]}}}}
        path = f"{RESOURCE}/namespaces/{fleet.namespace}/resourceclaimtemplates"
        expect(fleet.api.create(path, template), HTTPStatus.CREATED)
        deploy(fleet, "a", 3, resourceClaims=[{"name": "device", "resourceClaimTemplateName": "m"}])
        wait_for("two to run", lambda: fleet.where() == Where({"a": 2}, {"a": 1}))


def test_pods_can_be_held_until_a_test_lets_them_be_ready(bed: Bed, fleet: Fleet) -> None:
    fleet.nodes("a", 2, gpu="1")
    fleet.wait_until_up()
    with held_pods(fleet) as held, watching(bed, fleet) as course:
        deploy(fleet, "a", 2)
        wait_for("both to run", lambda: [is_true(pod, "Initialized") for pod in fleet.pods()] == [True, True])
        assert not any(is_true(pod, "Ready") for pod in fleet.pods())
        held.let_go()
        fleet.runs_on(a=2)
    assert (course.fewest, course.most, len(course.born)) == (0, 2, 2)
