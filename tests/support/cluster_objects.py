"""Nodes, pods and Deployments as an API server shows them, as far as a test is about them."""

from typing import Any

from tests.support.documents import Document

LABELS = {"modelfleet.dev/model": "m", "modelfleet.dev/hardware-class": "gpu"}
UNSCHEDULABLE = (
    "0/3 nodes are available: 1 Insufficient nvidia.com/gpu, 2 node(s) didn't match Pod's node affinity/selector."
    " preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
)


def condition(type_: str, status: str, reason: str = "", message: str = "") -> Document:
    """One condition of an object of Kubernetes."""
    return {"type": type_, "status": status, "reason": reason, "message": message}


def node(name: str = "n", *, ready: bool = True, region: str = "eu", cordoned: bool = False, **labels: str) -> Document:
    """A node; without labels it has the one that the test's class of hardware asks for."""
    where = {"topology.kubernetes.io/region": region} if region else {}
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": {**(labels or {"pool": "a"}), **where}},
        "spec": {"unschedulable": True} if cordoned else {},
        "status": {
            "allocatable": {"cpu": "8", "nvidia.com/gpu": "1"},
            "conditions": [condition("Ready", "True" if ready else "Unknown")],
        },
    }


def pod(name: str = "m-1", *, node: str = "n", ready: bool = False, **status: Any) -> Document:
    """A pod of the model `m`; `status` holds further parts of its status."""
    conditions = [condition("PodScheduled", "True" if node else "False"), condition("Ready", str(ready))]
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "labels": LABELS,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"containers": [{"name": "engine", "resources": {"limits": {"memory": "24Gi"}}}], "nodeName": node},
        "status": {"phase": "Running" if ready else "Pending", "conditions": conditions, **status},
    }


def waiting(reason: str, message: str = "", *, restarts: int = 0, last: Document | None = None) -> Document:
    """The status of a container that does not run."""
    return {
        "name": "engine",
        "image": "example.com/engine:1",
        "ready": False,
        "restartCount": restarts,
        "state": {"waiting": {"reason": reason, "message": message}},
        "lastState": {"terminated": last} if last else {},
    }


def unscheduled(message: str = UNSCHEDULABLE, name: str = "m-1") -> Document:
    """A pod that the scheduler has no node for."""
    return pod(name, node="", conditions=[condition("PodScheduled", "False", "Unschedulable", message)])


def deployment(*conditions: Document, desired: int = 1, ready: int = 0, **fields: Any) -> Document:
    """A Deployment of the model `m`."""
    owner = {"kind": "ModelDeployment", "name": "m", "uid": "uid-m"}
    return {
        "metadata": {
            "name": "m-gpu",
            "namespace": "default",
            "uid": "uid-m-gpu",
            "generation": 2,
            "labels": LABELS,
            "ownerReferences": [owner],
        },
        "spec": {"replicas": desired},
        "status": {
            "observedGeneration": 2,
            "updatedReplicas": desired,
            "readyReplicas": ready,
            "conditions": list(conditions),
            **fields,
        },
    }
