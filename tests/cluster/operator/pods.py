"""Deployments with our labels, as the operator is to make them, and pods that a kubelet would complain of."""

from http import HTTPStatus
from typing import Any

from modelfleet.api.meta import API_VERSION
from tests.cluster.operator.objects import hardware, make, manifest, url
from tests.testbed.api import Api, wait_for
from tests.testbed.bed import expect, is_true

UNREADY = "modelfleet.dev/test-unready"
"""Keeps a simulated pod from becoming ready."""
CPU = {"modelfleet.example.com/pool": "cpu-large"}


def own_model(name: str, namespace: str, hardware: str, replicas: int = 1) -> dict[str, Any]:
    """A model that wants replicas on a class of hardware."""
    spec = {
        "model": {"name": "m"},
        "engine": {"name": "sim"},
        "placement": {"classes": [{"name": hardware}]},
        "scale": {"replicas": replicas},
    }
    return manifest("ModelDeployment", name, namespace, spec)


def placed_model(api: Api, namespace: str, replicas: int = 1, *, ready: bool = True, **pod: Any) -> str:
    """The model `m`, its class of hardware and its Deployment, whose pods have these fields too; the class's name."""
    name = f"cpu-{namespace}"
    make(api, hardware(name), own_model("m", namespace, name, replicas))
    deploy(api, namespace, name, replicas, ready=ready, **pod)
    return name


def deploy(api: Api, namespace: str, hardware: str, replicas: int = 1, *, ready: bool = True, **pod: Any) -> None:
    """What the operator is to make of the model `m`."""
    labels = {"modelfleet.dev/model": "m", "modelfleet.dev/hardware-class": hardware}
    labels["app.kubernetes.io/managed-by"] = "modelfleet"
    owner = expect(api.get(url("ModelDeployment", namespace, "m")), HTTPStatus.OK)["metadata"]["uid"]
    reference = {"apiVersion": API_VERSION, "kind": "ModelDeployment", "name": "m", "uid": owner, "controller": True}
    resources = {"requests": {"cpu": "1"}, "limits": {"cpu": "1", "memory": "4Gi"}}
    container = {"name": "engine", "image": "registry.example.com/engine:1", "resources": resources}
    annotations = {} if ready else {UNREADY: "yes"}
    made = {
        "metadata": {"name": "m-cpu", "labels": labels, "ownerReferences": [reference]},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": {"nodeSelector": CPU, "containers": [container], **pod},
            },
        },
    }
    expect(api.create(f"/apis/apps/v1/namespaces/{namespace}/deployments", made), HTTPStatus.CREATED)


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
        "image": "registry.example.com/engine:1",
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
