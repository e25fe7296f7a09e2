from typing import Any

import pytest

from modelfleet.workloads.names import deployment_name
from modelfleet.workloads.options import Options
from tests.support.documents import hardware_class
from tests.unit.workloads.made import children, kinds, one, told

TARGET = {"apiVersion": "modelfleet.dev/v1alpha1", "kind": "ModelDeployment", "name": "m"}


def scaled(scale: str, engine: str = "vllm", placement: str = "{classes: [{name: gpu}]}") -> list[dict[str, Any]]:
    return children(f"{{engine: {{name: {engine}}}, scale: {scale}, placement: {placement}}}")


@pytest.mark.parametrize("scale", ["null", "{replicas: 3}", "{autoscaler: none, max: 4}"])
def test_without_an_autoscaler_there_is_none(scale: str) -> None:
    assert kinds(scaled(scale)) == ["Service", "PodDisruptionBudget", "Deployment"]


def test_an_hpa_scales_the_model_by_the_requests_that_run() -> None:
    spec = one("HorizontalPodAutoscaler", scaled("{autoscaler: hpa, min: 2, max: 8, concurrencyPerReplica: 16}"))[
        "spec"
    ]
    assert spec["scaleTargetRef"] == TARGET
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 8)
    (metric,) = spec["metrics"]
    assert metric["pods"] == {
        "metric": {"name": "vllm:num_requests_running"},
        "target": {"type": "AverageValue", "averageValue": "16"},
    }


@pytest.mark.parametrize(
    ("scale", "engine"),
    [
        ("{autoscaler: hpa, max: 8}", "vllm"),
        ("{autoscaler: hpa, max: 8, concurrencyPerReplica: 4}", "ollama"),
        ("{autoscaler: hpa, max: 8, concurrencyPerReplica: 4}", "vllm, command: [/serve]"),
    ],
)
def test_where_nobody_counts_requests_the_processor_tells(scale: str, engine: str) -> None:
    spec = one("HorizontalPodAutoscaler", scaled(scale, engine))["spec"]
    assert spec["minReplicas"] == 1
    assert spec["metrics"] == [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
    ]


def test_keda_asks_prometheus_about_the_pods_of_every_class() -> None:
    both = "{classes: [{name: gpu}, {name: other}]}"
    spec = one("ScaledObject", scaled("{autoscaler: keda, min: 0, max: 8, concurrencyPerReplica: 16}", placement=both))[
        "spec"
    ]
    assert spec["scaleTargetRef"] == TARGET
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (0, 8)
    (trigger,) = spec["triggers"]
    pods = "|".join(deployment_name("m", name) for name in ("gpu", "other"))
    assert trigger == {
        "type": "prometheus",
        "metadata": {
            "serverAddress": "http://prometheus.example.com:9090",
            "query": f'sum(vllm:num_requests_running{{namespace="team",pod=~"({pods})-.+"}})',
            "threshold": "16",
        },
    }


def test_keda_looks_at_the_processor_where_nobody_counts_requests() -> None:
    (trigger,) = one("ScaledObject", scaled("{autoscaler: keda, max: 8}"))["spec"]["triggers"]
    assert trigger == {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "80"}}


KEDA = "{engine: {name: sim}, scale: {autoscaler: keda, max: 8, concurrencyPerReplica: 4}}"


def test_keda_without_a_prometheus_to_ask_is_refused() -> None:
    (said,) = told(KEDA, options=Options())
    assert said.startswith("spec.scale.autoscaler: KEDA has to ask a Prometheus how many requests run")
    assert "--prometheus" in said
    assert told(KEDA) == []


@pytest.mark.parametrize("rest", ["hpa, concurrencyPerReplica: 4", "keda"])
def test_an_autoscaler_that_could_not_come_back_from_nothing_is_refused(rest: str) -> None:
    (said,) = told(f"{{engine: {{name: sim}}, scale: {{min: 0, max: 8, autoscaler: {rest}}}}}", hardware_class())
    assert said.startswith("spec.scale.min: to come back from 0 replicas takes")
