"""What the rules of a namespace have to say: quotas, ranges, budgets; and names that somebody else has."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest

from tests.cluster.placement.devices import devices
from tests.cluster.placement.fleet import ONE_GPU, Fleet, Where
from tests.testbed.api import wait_for
from tests.testbed.bed import expect


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    """A class of CPUs with one node."""
    fleet.nodes("cpu")
    fleet.wait_until_up()
    fleet.hardware("cpu")
    return fleet


def rule(fleet: Fleet, plural: str, name: str, spec: dict[str, Any]) -> str:
    """Makes a rule of the namespace; its path."""
    path = f"/api/v1/namespaces/{fleet.namespace}/{plural}"
    expect(fleet.api.create(path, {"metadata": {"name": name}, "spec": spec}), HTTPStatus.CREATED)
    return f"{path}/{name}"


def quota(fleet: Fleet, **hard: str) -> str:
    """A ResourceQuota that is in force; its path."""
    path = rule(fleet, "resourcequotas", "team", {"hard": hard})
    wait_for("the quota to be counted", lambda: fleet.api.get(path).body.get("status", {}).get("hard"))
    return path


def raise_quota(fleet: Fleet, path: str, **hard: str) -> None:
    expect(fleet.api.merge(path, {"spec": {"hard": hard}}), HTTPStatus.OK)
    wait_for("the quota to be raised", lambda: fleet.api.get(path).body["status"]["hard"] == hard)


def test_a_quota_on_what_pods_ask_for_is_told_and_moves_nothing(fleet: Fleet) -> None:
    quota(fleet, **{"requests.cpu": "1500m"})
    fleet.model("m", "cpu", replicas=2)
    message = fleet.condition("Placed", "QuotaExceeded")
    assert "exceeded quota: team" in message
    fleet.comes_to(Where({"cpu": 1}, {}))
    fleet.stays()


def test_a_quota_on_deployments_is_told_and_over_when_it_is_raised(fleet: Fleet) -> None:
    path = quota(fleet, **{"count/deployments.apps": "0"})
    fleet.model("m", "cpu")
    message = fleet.condition("Placed", "QuotaExceeded")
    assert "exceeded quota: team" in message
    assert not fleet.made("deployments")
    raise_quota(fleet, path, **{"count/deployments.apps": "5"})
    fleet.edit("m", work="embedding")
    fleet.runs_on(cpu=1)
    fleet.condition("Ready", "True")


def test_a_range_that_a_unit_is_larger_than_is_told(fleet: Fleet) -> None:
    limit = {"type": "Container", "max": {"cpu": "500m"}, "default": {"cpu": "500m"}}
    rule(fleet, "limitranges", "small", {"limits": [limit]})
    fleet.model("m", "cpu")
    message = fleet.condition("Placed", "CreateFailed")
    assert "cpu" in message
    assert not fleet.pods()


def test_what_a_range_adds_to_pods_is_not_fought_over(fleet: Fleet) -> None:
    rule(fleet, "limitranges", "usual", {"limits": [{"type": "Container", "default": {"cpu": "3"}}]})
    fleet.model("m", "cpu")
    fleet.runs_on(cpu=1)
    (made,) = fleet.made("deployments")
    before = made["metadata"]["resourceVersion"], made["metadata"]["generation"]
    fleet.condition("Ready", "True")
    fleet.stays()
    (made,) = fleet.made("deployments")
    assert made["metadata"]["generation"] == before[1]


def test_a_priority_class_that_is_not_there_is_told(fleet: Fleet) -> None:
    fleet.model("m", "cpu", priorityClassName=fleet.own("nobody"))
    assert "PriorityClass" in fleet.condition("Placed", "CreateFailed")


def test_a_drain_waits_for_a_replica_that_has_no_other_place(fleet: Fleet) -> None:
    (node,) = fleet.nodes("gpu", gpu="2")
    fleet.wait_until_up()
    fleet.hardware("gpu", ONE_GPU)
    fleet.model("m", "gpu", replicas=2)
    fleet.runs_on(gpu=2)
    path = "poddisruptionbudgets"

    def budget_allows() -> int:
        return int(fleet.made(path, "apis/policy/v1")[0].get("status", {}).get("disruptionsAllowed", 0))

    wait_for("the budget to be counted", budget_allows)
    fleet.cordon(node)
    first, second = fleet.pods()
    assert fleet.evict(first) == HTTPStatus.CREATED
    fleet.comes_to(Where({"gpu": 1}, {"gpu": 1}))
    wait_for("the budget to be spent", lambda: not budget_allows())
    assert fleet.evict(second) == HTTPStatus.TOO_MANY_REQUESTS
    assert fleet.where() == Where({"gpu": 1}, {"gpu": 1})
    (other,) = fleet.nodes("gpu", gpu="2")
    fleet.drain(node)
    fleet.runs_on(gpu=2)
    assert len(fleet.pods_on(other)) == 2


def test_a_single_replica_can_be_drained(fleet: Fleet) -> None:
    fleet.nodes("cpu")
    fleet.wait_until_up()
    fleet.model("m", "cpu")
    fleet.runs_on(cpu=1)
    ((name, _),) = fleet.on().items()
    fleet.drain(name)
    fleet.runs_on(cpu=1)


def test_a_service_of_somebody_else_is_left_alone_and_told(fleet: Fleet) -> None:
    path = f"/api/v1/namespaces/{fleet.namespace}/services"
    theirs = {"metadata": {"name": "m"}, "spec": {"ports": [{"port": 80}], "selector": {"app": "theirs"}}}
    made = expect(fleet.api.create(path, theirs), HTTPStatus.CREATED)
    fleet.model("m", "cpu")
    message = fleet.condition("Placed", "NameTaken")
    assert "Service" in message
    wait_for("it to run all the same", lambda: fleet.where() == Where({"cpu": 1}, {}))
    now = expect(fleet.api.get(f"{path}/m"), HTTPStatus.OK)
    assert now["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    expect(fleet.api.delete(f"{path}/m"), HTTPStatus.OK)
    fleet.edit("m", work="embedding")
    fleet.condition("Ready", "True")


@pytest.fixture
def annealer(fleet: Fleet) -> Iterator[str]:
    """A class whose units are devices that are claimed: two of them on one node."""
    (node,) = fleet.nodes("annealer")
    fleet.wait_until_up()
    with devices(fleet, node, 2) as device_class:
        fleet.hardware("annealer", {"cpu": "1"}, family="accelerator", device=device_class)
        yield device_class


@pytest.mark.usefixtures("annealer")
def test_devices_are_claimed_through_their_class(fleet: Fleet) -> None:
    fleet.model("m", "annealer", "cpu", replicas=3)
    fleet.runs_on(annealer=2, cpu=1)
    claims = fleet.made("resourceclaims", "apis/resource.k8s.io/v1")
    assert sum(bool(claim.get("status", {}).get("allocation")) for claim in claims) == 2
    assert fleet.says("annealer", "Unschedulable")


@pytest.mark.usefixtures("annealer")
def test_a_replica_of_two_units_claims_two_devices(fleet: Fleet) -> None:
    fleet.model("m", ("annealer", 2))
    fleet.runs_on(annealer=1)
    (claim,) = fleet.made("resourceclaims", "apis/resource.k8s.io/v1")
    assert len(claim["status"]["allocation"]["devices"]["results"]) == 2
