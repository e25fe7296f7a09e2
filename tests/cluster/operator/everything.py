"""What has an operator use every right that it has, and which it has used."""

from http import HTTPStatus

from modelfleet.api.meta import API_VERSION
from modelfleet.workloads.names import claim_name, deployment_name
from tests.cluster.operator.objects import (
    hardware,
    make,
    manifest,
    routed,
    status,
    url,
    wait_for_condition,
)
from tests.cluster.operator.pods import own_model, placed_model
from tests.cluster.operator.secrets import keep, with_key
from tests.cluster.writing import (
    LABELS,
    Object,
    autoscaler,
    budget,
    claim,
    deployment,
    live,
    path_of,
    scaled_object,
    service,
    wait_until_gone,
)
from tests.testbed.api import wait_for
from tests.testbed.bed import Bed, expect
from tests.testbed.faults import FaultProxy

CHAT, KEDA, DEVICES = "chat", "scaled", "gpu.example.com"


def used(proxy: FaultProxy) -> set[tuple[str, str]]:
    """Each verb that an operator has used, with what for. What is no resource is discovery."""
    written = {(write.verb, f"{write.resource}/{write.subresource}".rstrip("/")) for write in proxy.writes}
    # To apply what is not there asks for the right to create it, too.
    written |= {("create", write.resource) for write in proxy.writes if write.served == HTTPStatus.CREATED}
    return written | {(verb, resource) for _, verb, resource in proxy.reads if resource}


def use_everything(bed: Bed, namespace: str, *, shared: bool) -> None:
    """Has every right used; those on what all share only where it may write on it."""
    keep(bed.api, namespace, "keys", token="sesame")
    placed = placed_model(bed.api, namespace)
    without_price = hardware(placed)
    del without_price["spec"]["price"]
    make(bed.api, without_price)
    variable = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "tuning", "key": "a"}}}
    tuned = {"model": {"name": "m"}, "engine": {"name": "sim", "env": [variable]}}
    make(bed.api, with_key("keyed", namespace, "keys"), manifest("ModelDeployment", "tuned", namespace, tuned))
    for model in ("nobody", "keyed", "nobody", "keyed", "nobody"):
        make(bed.api, routed("chat", namespace, model, f"{namespace}/chat"))
        wanted = "False" if model == "nobody" else "True"
        wait_for_condition(bed.api, "RoutingPolicy", namespace, "chat", "ResolvedRefs", wanted)
    for name, wanted in (("keyed", "True"), ("m", "True"), ("tuned", "False")):
        wait_for_condition(bed.api, "ModelDeployment", namespace, name, "Ready", wanted)
    strays = [("RoutingPolicy", namespace, "chat", "revision"), ("ModelDeployment", namespace, "keyed", "costPerHour")]
    if shared:
        wait_for_condition(bed.api, "HardwareClass", "", placed, "Ready", "True")
        strays.append(("HardwareClass", "", placed, "costPerHour"))
    for kind, where, name, field in strays:
        path = f"{url(kind, where, name)}/status"
        expect(bed.api.merge(path, {"status": {field: "1"}}), HTTPStatus.OK)
        wait_for("a stray field to be gone", lambda of=(kind, where, name), f=field: f not in status(bed.api, *of))
    wait_for("an event to be counted again", lambda: _is_counted(bed, namespace))


def have_everything_made(bed: Bed, namespace: str) -> None:
    """Has an object of each kind found in the place of what is to be made, and deleted where it is not wanted."""
    name, others = f"gpu-{namespace}", others_of(namespace)
    for other in others:
        expect(bed.api.create(path_of(other).rpartition("/")[0], other), HTTPStatus.CREATED)
    claimed = hardware(name)
    claimed["spec"]["unit"] = {"deviceClass": DEVICES}
    chat = own_model(CHAT, namespace, name)
    chat["spec"]["scale"] = {"autoscaler": "hpa", "max": 2}
    keda = manifest("ModelDeployment", KEDA, namespace, {"model": {"name": "m"}, "engine": {"name": "sim"}})
    keda["spec"]["scale"] = {"autoscaler": "keda", "max": 2}
    make(bed.api, claimed, chat, keda)
    for model in (CHAT, KEDA):
        wait_for_condition(bed.api, "ModelDeployment", namespace, model, "Placed", "NameTaken")
    for other in others:
        expect(bed.api.delete(path_of(other)), HTTPStatus.OK)
    for other in others:
        wait_for(f"the {other['kind']} to be made", lambda of=other: is_made(bed, of))
    uid = expect(bed.api.get(url("ModelDeployment", namespace, CHAT)), HTTPStatus.OK)["metadata"]["uid"]
    owner = {"apiVersion": API_VERSION, "kind": "ModelDeployment", "name": CHAT, "uid": uid, "controller": True}
    for other in others:
        stray = {**other, "metadata": {"name": "stray", "namespace": namespace, "labels": LABELS}}
        stray["metadata"]["ownerReferences"] = [owner]
        expect(bed.api.create(path_of(other).rpartition("/")[0], stray), HTTPStatus.CREATED)
        wait_until_gone(bed.api, stray)


def others_of(namespace: str) -> list[Object]:
    """Somebody else's objects: one of each kind, called as what is to be made of a model."""
    on = f"gpu-{namespace}"
    target, cpu = {"name": KEDA}, {"type": "cpu", "metadata": {"value": "80"}}
    scaled = {**scaled_object(namespace), "spec": {"scaleTargetRef": target, "triggers": [cpu]}}
    named = (
        (service(namespace), CHAT),
        (budget(namespace), CHAT),
        (claim(namespace), claim_name(CHAT, on, DEVICES, 1)),
        (deployment(namespace, replicas=0), deployment_name(CHAT, on)),
        (autoscaler(namespace), CHAT),
        (scaled, KEDA),
    )
    return [{**one, "metadata": {"name": name, "namespace": namespace}} for one, name in named]


def is_made(bed: Bed, of: Object) -> bool:
    """Whether the operator's own is there."""
    return any(one.get("controller") for one in live(bed.api, of).get("metadata", {}).get("ownerReferences", ()))


def _is_counted(bed: Bed, namespace: str) -> bool:
    items = expect(bed.api.get(f"/api/v1/namespaces/{namespace}/events"), HTTPStatus.OK)["items"]
    return any(item["count"] > 1 for item in items if item["source"].get("component") == "modelfleet")
