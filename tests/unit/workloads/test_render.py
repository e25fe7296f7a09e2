"""The children of a model as a whole."""

import copy
import json

from modelfleet.fleet.labels import HARDWARE, MODEL, UNITS, label_value
from modelfleet.placement.result import Placement
from modelfleet.workloads.options import Options
from modelfleet.workloads.render import left_alone, render_children
from tests.support.documents import hardware_class
from tests.unit.workloads.made import children, kinds, one, share, small_fleet

BOTH = (hardware_class(name="gpu"), hardware_class("{family: cpu, unit: {resources: {cpu: 1}}}", name="cpu"))
SPEC = "{placement: {classes: [{name: gpu}, {name: cpu, units: 2}]}, scale: {replicas: 3}}"


def test_there_is_a_deployment_for_each_class_in_use_and_of_the_rest_one() -> None:
    made = children(SPEC, *BOTH, shares=(share("gpu", 1, 2), share("cpu", 2, 1)))
    assert kinds(made) == ["Service", "PodDisruptionBudget", "Deployment", "Deployment"]
    assert [it["spec"]["replicas"] for it in made[2:]] == [2, 1]
    assert [it["metadata"]["labels"][HARDWARE] for it in made[2:]] == ["gpu", "cpu"]


def test_a_class_without_replicas_has_nothing_and_one_that_waits_for_them_has() -> None:
    made = children(SPEC, *BOTH, shares=(share("gpu", 1, 0, target=2), share("cpu", 2, 0)))
    assert one("Deployment", made)["metadata"]["labels"][HARDWARE] == "gpu"
    assert one("Deployment", made)["spec"]["replicas"] == 0


def test_a_model_of_no_replicas_keeps_its_service() -> None:
    assert kinds(children(SPEC, *BOTH, shares=(share("gpu", 1, 0),))) == ["Service", "PodDisruptionBudget"]


def test_what_is_on_a_class_that_is_gone_is_left_alone() -> None:
    made, snapshot = small_fleet(SPEC)
    long = "g" * 70
    placement = Placement((share("gpu"), share("gone", 1, 1, target=0), share(long), share("empty", 1, 0), share("")))
    rendered = render_children(made, placement, snapshot.classes, Options())
    assert [it["metadata"]["labels"][HARDWARE] for it in rendered if it["kind"] == "Deployment"] == ["gpu", ""]
    assert left_alone(placement, snapshot.classes) == {"gone", label_value(long)}


def test_everything_is_labelled_and_in_the_model_s_namespace() -> None:
    claims = hardware_class("{unit: {deviceClass: a.example.com}}")
    spec = "{placement: {classes: [{name: gpu}]}, scale: {autoscaler: hpa, max: 2}}"
    for child in children(spec, claims):
        labels = child["metadata"]["labels"]
        assert child["metadata"]["namespace"] == "team"
        assert (labels[MODEL], labels["app.kubernetes.io/managed-by"]) == ("m", "modelfleet")
        assert labels["app.kubernetes.io/name"] == "sim"
        assert not {"ownerReferences", "annotations"} & set(child["metadata"])
        placed = child["kind"] in ("Deployment", "ResourceClaimTemplate")
        assert ({HARDWARE, UNITS} <= set(labels)) is placed


def test_the_selector_of_a_deployment_has_nothing_in_it_that_may_change() -> None:
    def selector(engine: str, units: int) -> object:
        spec = f"{{engine: {{name: {engine}, image: 'a:1'}}, placement: {{classes: [{{name: gpu, units: {units}}}]}}}}"
        return one("Deployment", children(spec, shares=(share(units=units),)))["spec"]["selector"]

    assert selector("sim", 1) == selector("vllm", 4) == {"matchLabels": {MODEL: "m", HARDWARE: "gpu"}}


def test_the_service_and_the_budget_are_for_the_pods_of_all_classes() -> None:
    made = children(SPEC, *BOTH, shares=(share("gpu"), share("cpu", 2)))
    assert one("Service", made)["spec"]["selector"] == {MODEL: "m"}
    budget = one("PodDisruptionBudget", made)["spec"]
    assert budget["selector"] == {"matchLabels": {MODEL: "m"}}
    # So the node of a single replica can be drained.
    assert budget["maxUnavailable"] == 1


def test_a_model_with_a_long_name_is_labelled_with_what_a_label_can_hold() -> None:
    made, snapshot = small_fleet(name="m" * 100)
    for child in render_children(made, Placement((share("", 0),)), snapshot.classes, Options()):
        assert child["metadata"]["labels"][MODEL] == label_value("m" * 100)
        assert len(child["metadata"]["name"]) <= 63


def test_the_same_model_becomes_the_same_bytes_and_nothing_of_it_is_changed_by_that() -> None:
    made, snapshot = small_fleet(SPEC, *BOTH)
    placement = Placement((share("gpu"), share("cpu", 2)))
    first = json.dumps(render_children(made, placement, snapshot.classes, Options()))
    again, other = small_fleet(SPEC, *copy.deepcopy(BOTH[::-1]))
    assert json.dumps(render_children(again, placement, other.classes, Options())) == first
