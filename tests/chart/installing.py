"""The chart as Helm installs it in a real control plane, and what is there afterwards."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.chart.rendering import CHART, RELEASE, Object, run
from tests.testbed.api import wait_for
from tests.testbed.bed import CRDS, Bed, expect

PLACE = "installed"
"""The namespace of the release. Always the same, since the kinds that stay belong to it."""

# No pod of the release is to do by itself what the test looks at.
IDLE: dict[str, Any] = {
    "tls": {"mode": "none"},
    "operator": {"replicas": 0},
    "xds": {"replicas": 0},
    "gateways": {"default": {"replicas": 0}},
}


def helm(bed: Bed, *arguments: str, values: Mapping[str, Any] | None = None) -> str:
    """A command of Helm on the cluster."""
    place = (f"--kubeconfig={bed.kubeconfig}", f"--namespace={PLACE}")
    if values is None:
        return run(*arguments, *place)
    return run(*arguments, *place, "--values=-", standard_input=json.dumps(values))


@contextmanager
def installed(bed: Bed, values: Mapping[str, Any], chart: Path = CHART) -> Iterator[None]:
    """The chart in its namespace. Afterwards it is gone, but for the kinds where they are kept."""
    expect(bed.api.create("/api/v1/namespaces", {"metadata": {"name": PLACE}}), HTTPStatus.CREATED, HTTPStatus.CONFLICT)
    helm(bed, "install", RELEASE, str(chart), values=values)
    try:
        yield
    finally:
        helm(bed, "uninstall", RELEASE)


def our_kinds(bed: Bed) -> list[Object]:
    """The definitions of our kinds that are there."""
    items: list[Object] = expect(bed.api.get(CRDS), HTTPStatus.OK)["items"]
    return [one for one in items if one["spec"]["group"] == "modelfleet.dev"]


def everything(bed: Bed) -> set[tuple[str, str, str]]:
    """Kind, namespace and name of all that is there, but for what comes and goes by itself."""
    groups = [
        f"/apis/{version['groupVersion']}"
        for group in expect(bed.api.get("/apis"), HTTPStatus.OK)["groups"]
        for version in [group["preferredVersion"]]
    ]
    found = set()
    for root in ("/api/v1", *groups):
        for kind in expect(bed.api.get(root), HTTPStatus.OK)["resources"]:
            if "/" in kind["name"] or "list" not in kind["verbs"] or kind["kind"] == "Event":
                continue
            for one in _items(bed, f"{root}/{kind['name']}"):
                about = one["metadata"]
                found.add((kind["kind"], about.get("namespace", ""), about["name"]))
    return found


def _items(bed: Bed, path: str) -> list[Object]:
    # A kind that has just come is not served at once, and one that goes is not served any more.
    wait_for("the kind to be served", lambda: bed.api.get(path).status != HTTPStatus.TOO_MANY_REQUESTS)
    return list(bed.api.get(path).body.get("items", ()))
