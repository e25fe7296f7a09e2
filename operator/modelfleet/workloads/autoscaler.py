"""What sets the number of replicas, where the user wants that done: it scales the ModelDeployment, and no Deployment.

So there is one number for a model, wherever its replicas are, and placement alone says how many are on which class.
"""

from typing import Any, Final

from modelfleet.api.meta import API_VERSION
from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.api.modeldeployment.placement import Autoscaler, Scale
from modelfleet.workloads.engines import ENGINES
from modelfleet.workloads.labels import common_labels, head
from modelfleet.workloads.names import deployment_name, service_name
from modelfleet.workloads.options import Options

CPU_PERCENT: Final = 80


def render_autoscaler(model: ModelDeployment, options: Options) -> dict[str, Any] | None:
    """The autoscaler, None where there is to be none."""
    scale = model.spec.scale
    if scale is None or scale.autoscaler in (None, Autoscaler.NONE):
        return None
    return _hpa(model, scale) if scale.autoscaler is Autoscaler.HPA else _keda(model, scale, options)


def load_metric(model: ModelDeployment) -> str:
    """The metric that says how many requests run, empty where nobody could say how many are too many."""
    engine, scale = model.spec.engine, model.spec.scale
    if engine is None or scale is None or scale.concurrency_per_replica is None:
        return ""
    # Another program than the engine's own counts in its own words.
    return "" if engine.command else ENGINES[engine.name].metric


def _hpa(model: ModelDeployment, scale: Scale) -> dict[str, Any]:
    spec = {
        "scaleTargetRef": _target(model),
        "minReplicas": 1 if scale.min is None else scale.min,
        "maxReplicas": scale.max,
        "metrics": [_metric(model, scale)],
    }
    return {**_head("autoscaling/v2", "HorizontalPodAutoscaler", model), "spec": spec}


def _metric(model: ModelDeployment, scale: Scale) -> dict[str, Any]:
    name = load_metric(model)
    if not name:
        target: dict[str, Any] = {"type": "Utilization", "averageUtilization": CPU_PERCENT}
        return {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    target = {"type": "AverageValue", "averageValue": str(scale.concurrency_per_replica)}
    return {"type": "Pods", "pods": {"metric": {"name": name}, "target": target}}


def _keda(model: ModelDeployment, scale: Scale, options: Options) -> dict[str, Any]:
    spec = {
        "scaleTargetRef": _target(model),
        "minReplicaCount": 1 if scale.min is None else scale.min,
        "maxReplicaCount": scale.max,
        "triggers": [_trigger(model, scale, options)],
    }
    return {**_head("keda.sh/v1alpha1", "ScaledObject", model), "spec": spec}


def _trigger(model: ModelDeployment, scale: Scale, options: Options) -> dict[str, Any]:
    name = load_metric(model)
    if not name:
        return {"type": "cpu", "metricType": "Utilization", "metadata": {"value": str(CPU_PERCENT)}}
    asked = f'sum({name}{{namespace="{model.key.namespace}",pod=~"{_pods(model)}"}})'
    told = {"serverAddress": options.prometheus, "query": asked, "threshold": str(scale.concurrency_per_replica)}
    return {"type": "prometheus", "metadata": told}


def _pods(model: ModelDeployment) -> str:
    """The names of the pods, on whichever class they are: how else they are labelled is up to who scrapes them."""
    placement = model.spec.placement
    classes = [choice.name for choice in placement.classes] if placement else [""]
    return f"({'|'.join(deployment_name(model.metadata.name, name) for name in classes)})-.+"


def _target(model: ModelDeployment) -> dict[str, str]:
    return {"apiVersion": API_VERSION, "kind": model.KIND.name, "name": model.metadata.name}


def _head(api: str, kind: str, model: ModelDeployment) -> dict[str, Any]:
    return head(api, kind, model, service_name(model.metadata.name), common_labels(model))
