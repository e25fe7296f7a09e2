"""Minimal valid documents of each kind, to be changed by the tests that need more."""

from typing import Any

import yaml

from modelfleet.api.kinds import KINDS
from modelfleet.api.meta import API_VERSION
from modelfleet.api.resource import Resource
from modelfleet.findings import Finding, Key
from modelfleet.fleet.parse import Invalid, Valid, parse_object
from modelfleet.fleet.snapshot import FleetSnapshot, entries_of, snapshot_of

Document = dict[str, Any]

BASES = {
    "HardwareClass": "{family: gpu, nodes: {selector: {pool: a}}, unit: {resources: {nvidia.com/gpu: 1}}}",
    "ModelDeployment": "{model: {name: m}, engine: {name: sim}}",
    "RoutingPolicy": "{serves: {models: [auto]}, tiers: [{name: light, models: [{name: m}]}]}",
}
"""The smallest spec of each kind that says enough."""


def base_spec(kind: str) -> Document:
    """The smallest valid spec of a kind, new with each call."""
    spec: Document = yaml.safe_load(BASES[kind])
    return spec


def merged(spec: Document, change: Document) -> Document:
    """The spec with some of its fields set anew; null removes one."""
    return {name: value for name, value in {**spec, **change}.items() if value is not None}


def document(kind: str, change: str = "", *, name: str = "it", namespace: str = "", **fields: Any) -> Document:
    """A document of the kind: its base spec, with the top-level fields of a YAML fragment, and of `fields`, instead.

    A null removes a field.
    """
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    spec = merged(base_spec(kind), {**(yaml.safe_load(change) or {}), **fields})
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def hardware_class(change: str = "", *, name: str = "gpu", **fields: Any) -> Document:
    """A HardwareClass."""
    return document("HardwareClass", change, name=name, **fields)


def model(change: str = "", *, name: str = "m", namespace: str = "", **fields: Any) -> Document:
    """A ModelDeployment."""
    return document("ModelDeployment", change, name=name, namespace=namespace, **fields)


def policy(change: str = "", *, name: str = "p", namespace: str = "", **fields: Any) -> Document:
    """A RoutingPolicy."""
    return document("RoutingPolicy", change, name=name, namespace=namespace, **fields)


def valid(raw: Document) -> Resource:
    """The value of a document that has nothing wrong with it."""
    parsed = parse_object(raw)
    assert isinstance(parsed, Valid), parsed
    return parsed.resource


def findings(raw: Any) -> tuple[Finding, ...]:
    """What is wrong with a document by itself."""
    parsed = parse_object(raw)
    return parsed.findings if isinstance(parsed, Invalid) else ()


def fleet(*documents: Document, mistakes: bool = False) -> FleetSnapshot:
    """The snapshot of these documents, Secrets and ConfigMaps among them, as lint makes it.

    None of them may be invalid, unless mistakes are what the test is about.
    """
    entries: dict[Key, frozenset[str]] = {}
    parsed = [parse_object(raw) for raw in documents]
    for raw, item in zip(documents, parsed, strict=True):
        if (names := entries_of(raw)) is not None:
            entries[item.key] = names
    ours = [item for raw, item in zip(documents, parsed, strict=True) if raw["kind"] in KINDS]
    assert mistakes or all(isinstance(item, Valid) for item in ours), ours
    return snapshot_of(ours, entries)
