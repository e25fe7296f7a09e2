"""Secrets, models that need what is in them, and what is said of that."""

import base64
from http import HTTPStatus
from typing import Any

from tests.cluster.operator.objects import hosted, manifest, wait_for_condition
from tests.testbed.api import Api
from tests.testbed.bed import Bed, expect

KIND = "ModelDeployment"
CANARY = "kanarienvogel-7f3a91"


def secrets(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/secrets" + (f"/{name}" if name else "")


def keep(api: Api, namespace: str, name: str, **entries: str) -> None:
    """Makes a Secret, or replaces what is in it."""
    made = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
    made["data"] = {key: base64.b64encode(text.encode()).decode() for key, text in entries.items()}
    expect(api.apply(secrets(namespace, name), made), HTTPStatus.OK, HTTPStatus.CREATED)


def with_key(name: str, namespace: str, secret: str, entry: str = "token") -> dict[str, Any]:
    """A hosted model that needs an entry of a Secret."""
    credentials = {"secretRef": {"name": secret, "key": entry}}
    return hosted(name, namespace, external={"url": "https://api.example.com/v1", "credentials": credentials})


def with_variables(name: str, namespace: str, secret: str, config: str) -> dict[str, Any]:
    """A model whose engine has variables from a Secret and from a ConfigMap."""
    variables = [
        {"name": "A", "valueFrom": {"secretKeyRef": {"name": secret, "key": "token"}}},
        {"name": "B", "valueFrom": {"configMapKeyRef": {"name": config, "key": "a"}}},
    ]
    spec = {"model": {"name": "m"}, "engine": {"name": "sim", "env": variables}}
    return manifest(KIND, name, namespace, spec)


def refs(bed: Bed, namespace: str, name: str, wanted: str) -> str:
    """What is said of a model's references, once it is as wanted."""
    return str(wait_for_condition(bed.api, KIND, namespace, name, "ResolvedRefs", wanted)["message"])
