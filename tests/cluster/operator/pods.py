"""Models that run on hardware of one's own, what an operator makes of them, and pods that a kubelet complains of."""

from http import HTTPStatus
from typing import Any

from modelfleet.workloads.names import deployment_name
from modelfleet.workloads.options import OURS
from tests.cluster.operator.objects import hardware, make, manifest
from tests.testbed.api import Api, wait_for
from tests.testbed.bed import expect, is_true

UNREADY = "modelfleet.dev/test-unready"
"""Keeps a simulated pod from becoming ready."""


def own_model(name: str, namespace: str, hardware: str, replicas: int = 1) -> dict[str, Any]:
    """A model that wants replicas on a class of hardware."""
    spec = {
        "model": {"name": "m"},
        "engine": {"name": "sim"},
        "placement": {"classes": [{"name": hardware}]},
        "scale": {"replicas": replicas},
    }
    return manifest("ModelDeployment", name, namespace, spec)


def placed_model(api: Api, namespace: str, replicas: int = 1) -> str:
    """The model `m` and its class of hardware, of which an operator makes the rest; the class's name."""
    name = f"cpu-{namespace}"
    make(api, hardware(name), own_model("m", namespace, name, replicas))
    return name


def deployment(namespace: str, model: str = "m") -> str:
    """The path of what the operator makes of a model on that class."""
    name = deployment_name(model, f"cpu-{namespace}")
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


def pods(api: Api, namespace: str) -> list[dict[str, Any]]:
    """The pods there are, in the order of their names."""
    items: list[dict[str, Any]] = expect(api.get(f"/api/v1/namespaces/{namespace}/pods"), HTTPStatus.OK)["items"]
    return sorted(items, key=lambda item: str(item["metadata"]["name"]))


def running_pod(api: Api, namespace: str) -> str:
    """The path of the only pod, once it runs."""

    def found() -> list[dict[str, Any]]:
        return [pod for pod in pods(api, namespace) if is_true(pod, "Initialized")]

    wait_for("a pod that runs", found)
    (pod,) = found()
    return f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}"


def complain(api: Api, pod: str, state: dict[str, Any], restarts: int = 0, last: dict[str, Any] | None = None) -> None:
    """Writes the status of its only container, as the kubelet does."""
    container = {
        "name": "engine",
        "image": OURS,
        "imageID": "",
        "ready": False,
        "restartCount": restarts,
        "state": state,
        "lastState": last or {},
    }
    expect(api.merge(f"{pod}/status", {"status": {"containerStatuses": [container]}}), HTTPStatus.OK)


def recover(api: Api, pod: str) -> None:
    """Lets a pod become ready that was kept from it."""
    expect(api.merge(pod, {"metadata": {"annotations": {UNREADY: None}}}), HTTPStatus.OK)
