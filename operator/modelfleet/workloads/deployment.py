"""The Deployment of a model on a class of hardware, and the template of the claims of its pods."""

from typing import Any, Final

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.fleet.labels import HARDWARE, MODEL
from modelfleet.workloads.container import DEVICES, STARTS_WITHIN_S
from modelfleet.workloads.labels import head
from modelfleet.workloads.pod import pod_spec
from modelfleet.workloads.site import Site

PROGRESSES_WITHIN_S: Final = STARTS_WITHIN_S + 900
"""Longer than a start may take, by the time that it takes to get an image of some gigabytes to the node."""

SURGE: Final = 1
"""What holds where a model does not say."""


def render_deployment(site: Site, replicas: int) -> dict[str, Any]:
    """The Deployment."""
    labels = site.labels
    spec = {
        "replicas": replicas,
        # It can never be changed, so there is nothing in it that may change.
        "selector": {"matchLabels": {name: labels[name] for name in (MODEL, HARDWARE)}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": _rolling(site.model)},
        "progressDeadlineSeconds": PROGRESSES_WITHIN_S,
        "revisionHistoryLimit": 3,
        "template": {"metadata": {"labels": labels}, "spec": pod_spec(site)},
    }
    return {**head("apps/v1", "Deployment", site.model, site.name, labels), "spec": spec}


def _rolling(model: ModelDeployment) -> dict[str, int]:
    rollout = model.spec.rollout
    # No replica goes before its successor is ready, unless somebody says that there is never room for one more.
    surge = SURGE if rollout is None or rollout.surge is None else rollout.surge
    return {"maxSurge": surge, "maxUnavailable": 1 - surge}


def render_claim(site: Site) -> dict[str, Any] | None:
    """What each pod claims of its node's devices, None where devices are resources."""
    devices = site.hardware and site.hardware.spec.unit.device_class
    if not devices:
        return None
    request = {"name": DEVICES, "exactly": {"deviceClassName": devices, "count": site.units}}
    spec = {"spec": {"devices": {"requests": [request]}}}
    return {
        **head("resource.k8s.io/v1", "ResourceClaimTemplate", site.model, site.claim, site.labels),
        "spec": spec,
    }
