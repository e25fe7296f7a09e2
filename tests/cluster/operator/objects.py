"""Objects of our kinds as tests make them, and what stands in their statuses."""

from http import HTTPStatus
from typing import Any

from modelfleet.api.kinds import KINDS
from modelfleet.api.meta import API_VERSION
from modelfleet.sources.kinds import WATCHED
from tests.testbed.api import Api, wait_for
from tests.testbed.bed import expect

HOSTED = {"model": {"name": "m"}, "external": {"url": "https://api.example.com/v1"}}
"""A model that needs no hardware."""

SERVED = tuple(watched for watched in WATCHED if watched.kind != "ScaledObject")
"""What is watched on the testbed, which has all but what KEDA brings."""


def url(kind: str, namespace: str = "", name: str = "") -> str:
    """The path of an object, or of all of a kind."""
    described = KINDS[kind].KIND
    place = f"namespaces/{namespace}/" if described.namespaced and namespace else ""
    return f"/apis/{API_VERSION}/{place}{described.plural}" + (f"/{name}" if name else "")


def manifest(kind: str, name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    """A whole object."""
    metadata = {"name": name, **({"namespace": namespace} if KINDS[kind].KIND.namespaced else {})}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def hosted(name: str, namespace: str, **spec: Any) -> dict[str, Any]:
    """A hosted model: it is Ready as soon as it is valid."""
    return manifest("ModelDeployment", name, namespace, {**HOSTED, **spec})


def routed(name: str, namespace: str, model: str, serves: str = "") -> dict[str, Any]:
    """A policy of one tier that leads to a model."""
    tiers = [{"name": "only", "models": [{"name": model}]}]
    return manifest("RoutingPolicy", name, namespace, {"serves": {"models": [serves or name]}, "tiers": tiers})


def hardware(name: str, selector: dict[str, str] | None = None) -> dict[str, Any]:
    """A class of hardware; without a selector of its own it has the testbed's large CPU nodes."""
    chosen = selector or {"modelfleet.example.com/pool": "cpu-large"}
    spec = {
        "family": "cpu",
        "nodes": {"selector": chosen},
        "unit": {"resources": {"cpu": "1", "memory": "4Gi"}},
        "capacity": {"market": "reserved"},
        "price": {"perUnitHour": "0.34", "currency": "USD"},
    }
    return manifest("HardwareClass", name, "", spec)


def make(api: Api, *objects: dict[str, Any]) -> None:
    """Creates or changes them."""
    for one in objects:
        path = url(one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"])
        expect(api.apply(path, one), HTTPStatus.OK, HTTPStatus.CREATED)


def gone(api: Api, kind: str, namespace: str, name: str) -> None:
    """Deletes one."""
    expect(api.delete(url(kind, namespace, name)), HTTPStatus.OK)


def is_ending(api: Api) -> bool:
    """Whether a namespace is going away: what is in it goes piece by piece, and each piece is a change."""
    items = expect(api.get("/api/v1/namespaces"), HTTPStatus.OK)["items"]
    return any(item["status"]["phase"] == "Terminating" for item in items)


def status(api: Api, kind: str, namespace: str, name: str) -> dict[str, Any]:
    """What stands in its status; empty where nothing does."""
    found: dict[str, Any] = expect(api.get(url(kind, namespace, name)), HTTPStatus.OK).get("status", {})
    return found


def condition(api: Api, kind: str, namespace: str, name: str, type_: str = "Ready") -> dict[str, Any]:
    """One condition of an object; empty where it has none of this type."""
    conditions = status(api, kind, namespace, name).get("conditions", [])
    return next((one for one in conditions if one["type"] == type_), {})


def wait_for_condition(  # noqa: PLR0913, PLR0917 - which object, which condition, and how it is to be
    api: Api, kind: str, namespace: str, name: str, type_: str, wanted: str, patience: float = 30
) -> dict[str, Any]:
    """The condition, once its status or its reason is as wanted for the object's present generation."""

    def found() -> dict[str, Any]:
        whole = expect(api.get(url(kind, namespace, name)), HTTPStatus.OK)
        seen: dict[str, Any] = next(
            (one for one in whole.get("status", {}).get("conditions", []) if one["type"] == type_), {}
        )
        now = seen.get("observedGeneration") == whole["metadata"]["generation"]
        return seen if now and wanted in (seen["status"], seen["reason"]) else {}

    wait_for(f"{kind} {namespace}/{name} to be {type_}={wanted}", found, patience)
    return condition(api, kind, namespace, name, type_)
