"""Thousands of models on hundreds of simulated nodes, and what was seen of each on its way to a node."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http import HTTPStatus
from statistics import fmean
from typing import Any, NamedTuple

from tests.bench.sized_cluster import NAMESPACES, WRITERS
from tests.cluster.operator.objects import manifest, url
from tests.testbed.api import Api, wait_for
from tests.testbed.bed import Bed, expect, is_true
from tests.testbed.nodes import ZONES, Hardware, node

CLASSES = 10
POOL = "bench.modelfleet.dev/pool"
LONG_S = 1800.0
BARE = "bare"
KINDS = {"services": "Service", "poddisruptionbudgets": "PodDisruptionBudget", "deployments": "Deployment"}
CHILDREN = (("/api/v1", "services"), ("/apis/policy/v1", "poddisruptionbudgets"), ("/apis/apps/v1", "deployments"))
PAGE = 500


class Journey(NamedTuple):
    """When the things of one model came to be, in seconds of the epoch; whole seconds, as the API server tells."""

    deployment: float
    pod: float
    node: float
    ready: float


def put_up_nodes(bed: Bed, count: int) -> None:
    """Makes so many nodes, the same number of each class, over three zones."""
    made = [_node(number) for number in range(count)]
    _each(bed, made, lambda api, raw: expect(api.create("/api/v1/nodes", raw), HTTPStatus.CREATED))
    wait_for("nodes to be ready", lambda: _ready_nodes(bed) >= count, LONG_S, pause=1)


def declare(bed: Bed, models: int) -> None:
    """Makes the classes, and so many models: each names a class, and another one to fall to."""
    for number in range(NAMESPACES):
        made = {"metadata": {"name": namespace(number)}}
        expect(bed.api.create("/api/v1/namespaces", made), HTTPStatus.CREATED)
    for number in range(CLASSES):
        spec = {
            "family": "cpu",
            "nodes": {"selector": {POOL: f"p{number}"}},
            "unit": {"resources": {"cpu": "2", "memory": "8Gi"}},
            "price": {"perUnitHour": "0.34"},
        }
        expect(
            bed.api.create(url("HardwareClass"), manifest("HardwareClass", f"c{number}", "", spec)), HTTPStatus.CREATED
        )
    _each(bed, list(range(models)), _declare)


def namespace(number: int) -> str:
    return f"team-{number % NAMESPACES}"


def path(number: int) -> str:
    """Where a model is."""
    return url("ModelDeployment", namespace(number), f"m{number}")


def listed(api: Api, path: str) -> Iterator[dict[str, Any]]:
    """All objects of a collection, page by page."""
    more = ""
    while True:
        body = expect(api.get(f"{path}?limit={PAGE}{more}"), HTTPStatus.OK)
        yield from body["items"]
        if not (token := body["metadata"].get("continue")):
            return
        more = f"&continue={token}"


def counted(api: Api, path: str) -> int:
    """How many objects there are in a collection, without reading them."""
    body = expect(api.get(f"{path}?limit=1"), HTTPStatus.OK)
    return len(body["items"]) + int(body["metadata"].get("remainingItemCount", 0))


def journeys(bed: Bed) -> list[Journey]:
    """The journey of each model that has a single replica, and is ready."""
    deployments = {_of(raw): raw for raw in listed(bed.api, "/apis/apps/v1/deployments")}
    pods = {_of(raw): raw for raw in listed(bed.api, "/api/v1/pods")}
    found = []
    for raw in listed(bed.api, url("ModelDeployment")):
        key = (raw["metadata"]["namespace"], raw["metadata"]["name"])
        pod = pods[key]
        moments = (_born(deployments[key]), _born(pod), _since(pod, "PodScheduled"), _since(raw, "Ready"))
        found.append(Journey(*moments))
    return found


def shares(found: Sequence[Journey], began: float) -> dict[str, tuple[float, float]]:
    """Who took how long: on average for a model, and from the start until the last one was there."""
    marks = [[began] * len(found), *zip(*found, strict=True)]
    names = ("operator: Deployment", "controllers: pod", "scheduler: node", "kubelet, operator: Ready")
    return {
        name: (fmean(after) - fmean(before), max(after) - began)
        for name, before, after in zip(names, marks, marks[1:], strict=False)
    }


def bare_rate(bed: Bed, models: int) -> float:
    """Models a second, where a client only applies what the operator has made: what the API server itself takes."""
    expect(bed.api.create("/api/v1/namespaces", {"metadata": {"name": BARE}}), HTTPStatus.CREATED)
    families = [_copies(bed, number) for number in range(models)]
    began = time.monotonic()
    _each(bed, families, _apply_all)
    return models / (time.monotonic() - began)


def _copies(bed: Bed, number: int) -> list[tuple[str, dict[str, Any]]]:
    """The children of a model as they would be in a namespace where nobody looks at them."""
    found = []
    for root, plural in CHILDREN:
        path = f"{root}/namespaces/{namespace(number)}/{plural}?labelSelector=modelfleet.dev/model%3Dm{number}"
        for raw in expect(bed.api.get(path), HTTPStatus.OK)["items"]:
            group = root.removeprefix("/apis/").removeprefix("/api/")
            spec = {key: part for key, part in raw["spec"].items() if key not in {"clusterIP", "clusterIPs"}}
            metadata = {"name": f"{raw['metadata']['name']}-{number}", "namespace": BARE}
            made = {"apiVersion": group, "kind": KINDS[plural], "metadata": metadata, "spec": spec}
            found.append((f"{root}/namespaces/{BARE}/{plural}/{metadata['name']}", made))
    return found


def _apply_all(api: Api, family: list[tuple[str, dict[str, Any]]]) -> None:
    for path, made in family:
        expect(api.apply(path, made), HTTPStatus.CREATED)


def _of(raw: dict[str, Any]) -> tuple[str, str]:
    return raw["metadata"]["namespace"], raw["metadata"]["labels"].get("modelfleet.dev/model", "")


def _born(raw: dict[str, Any]) -> float:
    return _epoch(raw["metadata"]["creationTimestamp"])


def _since(raw: dict[str, Any], type_: str) -> float:
    return next(_epoch(one["lastTransitionTime"]) for one in raw["status"]["conditions"] if one["type"] == type_)


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _declare(api: Api, number: int) -> None:
    spec = {
        "model": {"name": "m"},
        "engine": {"name": "sim"},
        "placement": {"classes": [{"name": f"c{number % CLASSES}"}, {"name": f"c{(number + 1) % CLASSES}"}]},
    }
    made = manifest("ModelDeployment", f"m{number}", namespace(number), spec)
    expect(api.create(path(number).rpartition("/")[0], made), HTTPStatus.CREATED)


def _node(number: int) -> dict[str, Any]:
    region, zone = ZONES[number % len(ZONES)]
    hardware = Hardware("bench", {POOL: f"p{number % CLASSES}"}, {"cpu": "64", "memory": "256Gi"})
    return node(f"bench-{number}", hardware, region, zone)


def _ready_nodes(bed: Bed) -> int:
    return sum(is_true(raw, "Ready") for raw in listed(bed.api, "/api/v1/nodes"))


def _each(bed: Bed, things: Sequence[Any], make: Any) -> None:
    def some(first: int) -> None:
        api = bed.client()
        for thing in things[first::WRITERS]:
            make(api, thing)
        api.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(some, range(WRITERS)))
