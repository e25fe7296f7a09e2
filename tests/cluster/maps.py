"""ConfigMaps, as the objects on which the fault proxy is tested."""

from http import HTTPStatus
from typing import Any

from tests.testbed.api import Api
from tests.testbed.bed import expect

MAPS = "configmaps"
OURS = "ours%3Dyes"


def maps(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/{MAPS}" + (f"/{name}" if name else "")


def watch_of(namespace: str, version: str = "") -> str:
    """The path of a watch on the maps that `make` makes, and on no others."""
    return f"{maps(namespace)}?watch=true&labelSelector={OURS}&resourceVersion={version}"


def make(api: Api, namespace: str, *names: str) -> None:
    for name in names:
        expect(api.create(maps(namespace), {"metadata": {"name": name, "labels": {"ours": "yes"}}}), HTTPStatus.CREATED)


def names(answer: Any) -> list[str]:
    return [item["metadata"]["name"] for item in answer.body["items"]]
