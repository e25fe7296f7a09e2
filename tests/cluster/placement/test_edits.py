"""What users edit under running replicas: classes, their order, units, counts; and what they delete."""

import pytest

from tests.cluster.operator.objects import gone, url
from tests.cluster.placement.fleet import ONE_GPU, Fleet, Where
from tests.cluster.placement.ground import POOL, taint
from tests.cluster.placement.slow import held_pods
from tests.cluster.placement.watching import watching
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    """A node with two GPUs, one with CPUs, and a class for each."""
    return fleet.furnish()


def uids(fleet: Fleet) -> set[str]:
    return {pod["metadata"]["uid"] for pod in fleet.pods()}


def asked(fleet: Fleet) -> list[dict[str, str]]:
    """What each replica asks for."""
    return [pod["spec"]["containers"][0]["resources"]["requests"] for pod in fleet.pods()]


def test_the_order_of_classes_that_is_turned_round_moves_replicas_that_serve_meanwhile(bed: Bed, fleet: Fleet) -> None:
    fleet.model("m", "gpu", "cpu", replicas=2)
    fleet.runs_on(gpu=2)
    with held_pods(fleet) as held, watching(bed, fleet) as course:
        fleet.model("m", "cpu", "gpu", replicas=2)
        fleet.comes_to(Where({"gpu": 2, "cpu": 2}, {}))
        fleet.stays()
        held.let_go()
        fleet.runs_on(cpu=2)
    assert course.fewest == 2
    assert fleet.says("gpu", "NotNeeded")


def test_a_class_that_is_taken_from_the_list_is_left_once_its_successor_is_ready(bed: Bed, fleet: Fleet) -> None:
    fleet.model("m", "gpu")
    fleet.runs_on(gpu=1)
    with held_pods(fleet) as held, watching(bed, fleet) as course:
        fleet.model("m", "cpu")
        fleet.says("gpu", "Leaving")
        fleet.comes_to(Where({"gpu": 1, "cpu": 1}, {}))
        held.let_go()
        fleet.runs_on(cpu=1)
    assert (course.fewest, course.most) == (1, 2)
    wait_for("the old Deployment to be gone", lambda: len(fleet.made("deployments")) == 1)


def test_a_class_that_is_put_in_front_is_used(fleet: Fleet) -> None:
    fleet.model("m", "cpu")
    fleet.runs_on(cpu=1)
    fleet.model("m", "gpu", "cpu")
    fleet.runs_on(gpu=1)


def test_another_selector_moves_replicas_to_its_nodes(bed: Bed, fleet: Fleet) -> None:
    fleet.model("m", "gpu")
    fleet.runs_on(gpu=1)
    (other,) = fleet.nodes("other", gpu="1")
    fleet.wait_until_up()
    with watching(bed, fleet) as course:
        fleet.hardware("gpu", ONE_GPU, pool="other")
        wait_for("it to run on the other node", lambda: fleet.pods_on(other))
        fleet.runs_on(gpu=1)
    assert course.fewest == 1


def test_another_unit_is_asked_for_by_new_pods(fleet: Fleet) -> None:
    fleet.model("m", "cpu")
    fleet.runs_on(cpu=1)
    assert asked(fleet) == [{"cpu": "1", "memory": "1Gi"}]
    fleet.hardware("cpu", {"cpu": "2", "memory": "1Gi"})
    wait_for("a pod that asks for more", lambda: asked(fleet) == [{"cpu": "2", "memory": "1Gi"}])
    fleet.runs_on(cpu=1)


def test_more_units_are_asked_for_by_new_pods(fleet: Fleet) -> None:
    fleet.model("m", ("cpu", 2))
    fleet.runs_on(cpu=1)
    assert asked(fleet) == [{"cpu": "2", "memory": "2Gi"}]
    fleet.model("m", ("cpu", 3))
    wait_for("a pod that asks for more", lambda: asked(fleet) == [{"cpu": "3", "memory": "3Gi"}])
    fleet.runs_on(cpu=1)


def test_a_toleration_that_was_missing_lets_replicas_come(fleet: Fleet) -> None:
    fleet.taint(fleet.own("gpu-0"), taint("team"))
    fleet.model("m", "gpu", "cpu")
    fleet.runs_on(cpu=1)
    fleet.says("gpu", "Tainted")
    fleet.hardware("gpu", ONE_GPU, nodes={"tolerations": [{"key": "team", "operator": "Exists"}]})
    fleet.runs_on(gpu=1)


def test_more_that_may_be_used_is_used(fleet: Fleet) -> None:
    fleet.hardware("gpu", ONE_GPU, capacity={"maxUnits": 1})
    fleet.model("m", "gpu", "cpu", replicas=2)
    fleet.runs_on(gpu=1, cpu=1)
    fleet.hardware("gpu", ONE_GPU, capacity={"maxUnits": 2})
    fleet.runs_on(gpu=2)


def test_what_a_class_costs_and_suits_is_told_and_restarts_nothing(fleet: Fleet) -> None:
    fleet.model("m", ("gpu", 2))
    fleet.runs_on(gpu=1)
    wait_for("the cost", lambda: fleet.status("m").get("costPerHour") == "1.00 USD")
    before = uids(fleet)
    fleet.hardware("gpu", ONE_GPU, price={"perUnitHour": "0.75"}, suits=["embedding"])
    wait_for("the new cost", lambda: fleet.status("m").get("costPerHour") == "1.50 USD")
    assert "1.50 USD" in fleet.condition("Misplaced", "True")
    assert uids(fleet) == before


def test_a_class_that_is_deleted_while_in_use_is_left_for_the_next_one(bed: Bed, fleet: Fleet) -> None:
    fleet.model("m", "gpu", "cpu", replicas=2)
    fleet.runs_on(gpu=2)
    with watching(bed, fleet) as course:
        fleet.without_class("gpu")
        fleet.says("gpu", "HardwareClassNotFound")
        fleet.stays()
    assert course.fewest == 2
    assert fleet.where() == Where({"gpu": 2}, {})
    fleet.scale("m", 3)
    fleet.runs_on(gpu=2, cpu=1)


def test_the_only_class_that_is_deleted_while_in_use_leaves_replicas_running(fleet: Fleet) -> None:
    fleet.model("m", "gpu")
    fleet.runs_on(gpu=1)
    before = uids(fleet)
    fleet.without_class("gpu")
    fleet.says("gpu", "HardwareClassNotFound")
    fleet.condition("ResolvedRefs", "HardwareClassNotFound")
    fleet.stays()
    fleet.hardware("gpu", ONE_GPU)
    fleet.condition("Ready", "True")
    assert uids(fleet) == before


def test_a_class_that_lacked_is_used_when_somebody_makes_it(fleet: Fleet) -> None:
    fleet.model("m", "late", "cpu")
    fleet.runs_on(cpu=1)
    fleet.says("late", "HardwareClassNotFound")
    fleet.hardware("late", ONE_GPU, pool="gpu")
    fleet.runs_on(late=1)


def test_other_regions_move_replicas(bed: Bed, fleet: Fleet) -> None:
    fleet.nodes("gpu", gpu="1", zone="us-a")
    fleet.wait_until_up()
    fleet.model("m", "gpu", placement={"regions": ["eu"]})
    fleet.runs_on(gpu=1)
    assert fleet.on(label="topology.kubernetes.io/region") == {"eu": 1}
    with watching(bed, fleet) as course:
        fleet.model("m", "gpu", placement={"regions": ["us"]})
        wait_for("it to run there", lambda: fleet.on(label="topology.kubernetes.io/region") == {"us": 1})
    assert course.fewest == 1


def test_replicas_come_and_go_with_their_number_the_least_preferred_first(fleet: Fleet) -> None:
    fleet.model("m", "gpu", "cpu")
    fleet.runs_on(gpu=1)
    fleet.scale("m", 4)
    fleet.runs_on(gpu=2, cpu=2)
    fleet.scale("m", 3)
    fleet.runs_on(gpu=2, cpu=1)
    fleet.scale("m", 1)
    fleet.runs_on(gpu=1)
    fleet.scale("m", 0)
    fleet.runs_on()
    fleet.condition("Placed", "ScaledToZero")
    fleet.scale("m", 1)
    fleet.runs_on(gpu=1)


def test_an_autoscaler_owns_the_number_and_the_operator_how_it_is_split(fleet: Fleet) -> None:
    fleet.model("m", "gpu", "cpu", scale={"autoscaler": "hpa", "min": 1, "max": 5})
    fleet.runs_on(gpu=1)
    wait_for("an autoscaler", lambda: fleet.made("horizontalpodautoscalers", "apis/autoscaling/v2"))
    (made,) = fleet.made("horizontalpodautoscalers", "apis/autoscaling/v2")
    target = made["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("ModelDeployment", "m")
    fleet.scale("m", 4)
    fleet.runs_on(gpu=2, cpu=2)
    fleet.stays()
    split = {one["metadata"]["name"]: one["spec"]["replicas"] for one in fleet.made("deployments")}
    assert sorted(split.values()) == [2, 2]
    name = next(iter(split))
    path = f"/apis/apps/v1/namespaces/{fleet.namespace}/deployments/{name}"
    fleet.api.merge(path, {"spec": {"replicas": 5}})
    fleet.runs_on(gpu=2, cpu=2)
    assert fleet.api.get(url("ModelDeployment", fleet.namespace, "m")).body["spec"]["scale"]["replicas"] == 4


def test_a_node_of_two_classes_is_used_by_both_and_it_is_told(fleet: Fleet) -> None:
    fleet.hardware("also", ONE_GPU, pool="gpu")
    fleet.model("m", "gpu")
    fleet.model("n", "also")
    fleet.runs_on(gpu=1)
    fleet.runs_on("n", also=1)
    fleet.class_is("gpu", "Overlapping", "True")
    fleet.class_is("also", "Overlapping", "True")
    fleet.model("third", "also", "cpu")
    fleet.runs_on("third", cpu=1)


def test_a_model_that_is_deleted_leaves_nothing_and_its_units_are_free(fleet: Fleet) -> None:
    fleet.model("m", "gpu", "cpu", replicas=3, scale={"autoscaler": "hpa", "min": 1, "max": 5})
    fleet.runs_on(gpu=2, cpu=1)
    wait_for("the units to be used", lambda: fleet.of_class("gpu").get("units", {}).get("free") == 0)
    gone(fleet.api, "ModelDeployment", fleet.namespace, "m")
    kinds = {
        "deployments": "apis/apps/v1",
        "poddisruptionbudgets": "apis/policy/v1",
        "horizontalpodautoscalers": "apis/autoscaling/v2",
        "services": "api/v1",
    }
    for plural, group in kinds.items():
        wait_for(f"no {plural}", lambda plural=plural, group=group: not fleet.made(plural, group))
    wait_for("no pods", lambda: not fleet.pods())
    wait_for("the units to be free", lambda: fleet.of_class("gpu")["units"] == {"total": 2, "used": 0, "free": 2})


def test_a_selector_that_matches_nothing_any_more_keeps_what_runs(fleet: Fleet) -> None:
    fleet.model("m", "gpu", "cpu")
    fleet.runs_on(gpu=1)
    fleet.hardware("gpu", ONE_GPU, nodes={"selector": {POOL: "typo"}})
    fleet.says("gpu", "NoMatchingNodes")
    fleet.condition("Available", "True")
    assert len([pod for pod in fleet.pods() if pod["spec"].get("nodeName")]) >= 1
