"""The Service of a model and its budget of disruptions: of each there is one, over all classes of hardware."""

from typing import Any, Final

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.workloads.engine import HTTP
from modelfleet.workloads.labels import common_labels, head, of_model
from modelfleet.workloads.names import service_name

PORT: Final = 80


def render_service(model: ModelDeployment) -> dict[str, Any]:
    """The Service. What an engine calls its port is the same for all, so one port leads to any of them."""
    port = {"name": HTTP, "port": PORT, "targetPort": HTTP, "protocol": "TCP", "appProtocol": HTTP}
    made = head("v1", "Service", model, service_name(model.metadata.name), common_labels(model))
    return {**made, "spec": {"selector": of_model(model), "ports": [port]}}


def render_budget(model: ModelDeployment) -> dict[str, Any]:
    """The budget: one replica may be missing at a time.

    That holds for a model with a single replica, too: a budget that let none go would block the draining of its node
    for ever. And a replica that is not ready serves nobody, so it never stands in the way.
    """
    spec = {
        "maxUnavailable": 1,
        "selector": {"matchLabels": of_model(model)},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    name = service_name(model.metadata.name)
    return {**head("policy/v1", "PodDisruptionBudget", model, name, common_labels(model)), "spec": spec}
