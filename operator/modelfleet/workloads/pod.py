"""The pods of a model on a class of hardware: where they may be, what they put up with, how they come and go."""

from typing import Any, Final

from modelfleet.api.hardwareclass.spec import Toleration
from modelfleet.api.modeldeployment.placement import Spread
from modelfleet.fleet.labels import REGION, ZONE
from modelfleet.workloads.container import DEVICES, DRAINS_FIRST_S, engine_container, first_container
from modelfleet.workloads.labels import of_model
from modelfleet.workloads.site import Site

STREAMS_END_WITHIN_S: Final = 600
"""Ten minutes: a stream may take three times as long, but whoever drains a node waits no longer than this. The
cluster autoscaler, too, gives pods ten minutes, and a node that must go within two cannot be kept anyhow."""
LOST_AFTER_S: Final = 30
"""How long a node may be silent until its replicas are made elsewhere. Kubernetes itself waits for five minutes."""
SHARED_MEMORY: Final = "2Gi"
"""What processes of one engine, and the devices' libraries, share. Runtimes give 64 MiB. What is not used costs
nothing, and what is used counts as the container's memory."""

TOPOLOGY: Final = {
    Spread.NODE: "kubernetes.io/hostname",
    Spread.ZONE: ZONE,
    Spread.REGION: REGION,
}
LOST: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def pod_spec(site: Site) -> dict[str, Any]:
    """The spec of a pod."""
    first, spec = first_container(site), site.model.spec
    engine = site.engine
    return {
        **({"priorityClassName": spec.priority_class_name} if spec.priority_class_name else {}),
        # An engine has no business with the API server, and variables that are named after Services can break it.
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": DRAINS_FIRST_S + STREAMS_END_WITHIN_S,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": engine.user,
            "runAsGroup": engine.group,
            "fsGroup": engine.group,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **_affinity(site),
        "tolerations": _tolerations(site),
        **_spread(site),
        **({"resourceClaims": [_claim(site)]} if site.claim else {}),
        **({"initContainers": [first]} if first else {}),
        "containers": [engine_container(site)],
        "volumes": _volumes(site),
    }


def _affinity(site: Site) -> dict[str, Any]:
    if site.hardware is None:
        return {}
    selector = sorted(site.hardware.spec.nodes.selector.items())
    terms = [{"key": key, "operator": "In", "values": [value]} for key, value in selector]
    regions = _regions(site)
    if regions:
        terms.append({"key": REGION, "operator": "In", "values": list(regions)})
    node: dict[str, Any] = {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": terms}]}
    }
    if len(regions) > 1:
        node["preferredDuringSchedulingIgnoredDuringExecution"] = _preferred(site, regions)
    return {"affinity": {"nodeAffinity": node}}


def _preferred(site: Site, regions: tuple[str, ...]) -> list[dict[str, Any]]:
    # From 100 down to what is left for the last. Who spreads over regions wants all of them: then the order only says
    # which comes first of those that are equally full.
    step = 1 if _over(site) is Spread.REGION else 100 // (len(regions) - 1)
    weights = [(region, 100 - step * index) for index, region in enumerate(regions)]
    return [
        {
            "weight": weight,
            "preference": {"matchExpressions": [{"key": REGION, "operator": "In", "values": [region]}]},
        }
        for region, weight in weights
        if weight > 0
    ]


def _tolerations(site: Site) -> list[dict[str, Any]]:
    declared = (site.hardware.spec.nodes.tolerations if site.hardware else None) or ()
    known = {one.key for one in declared}
    lost = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": LOST_AFTER_S}
        for key in LOST
        if key not in known
    ]
    return [*(_toleration(one) for one in declared), *lost]


def _toleration(one: Toleration) -> dict[str, Any]:
    # What is empty is stored as if it had been left out.
    found = one.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {name: value for name, value in found.items() if value != ""}


def _spread(site: Site) -> dict[str, Any]:
    key = TOPOLOGY.get(_over(site))
    if key is None:
        return {}
    constraint = {
        "maxSkew": 1,
        "topologyKey": key,
        # A replica in the wrong zone serves, and one that waits for the right one does not.
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": of_model(site.model)},
    }
    return {"topologySpreadConstraints": [constraint]}


def _volumes(site: Site) -> list[dict[str, Any]]:
    volumes: list[dict[str, Any]] = [
        {"name": "tmp", "emptyDir": {}},
        {"name": "cache", "emptyDir": {}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": SHARED_MEMORY}},
    ]
    return [*volumes, site.weights.volume] if site.weights.volume else volumes


def _claim(site: Site) -> dict[str, Any]:
    return {"name": DEVICES, "resourceClaimTemplateName": site.claim}


def _regions(site: Site) -> tuple[str, ...]:
    placement = site.model.spec.placement
    return (placement.regions if placement else None) or ()


def _over(site: Site) -> Spread:
    placement = site.model.spec.placement
    return placement.spread if placement else Spread.NONE
