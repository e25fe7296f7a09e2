"""The frozen view of a fleet that every decision is made from."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.api.resource import Resource
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Key
from modelfleet.fleet.envoys import Reported
from modelfleet.fleet.nodes import Node
from modelfleet.fleet.parse import Invalid, Parsed, Valid
from modelfleet.fleet.pods import Pod
from modelfleet.fleet.standings import Standing
from modelfleet.fleet.troubles import Trouble
from modelfleet.fleet.workloads import Workload
from modelfleet.fleet.world import World

MAKERS = ("ExternalSecret", "SealedSecret")
"""Kinds of others that become a Secret of the same name; what is in it is not known."""


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """The objects of a fleet, in the order of their keys, so that nothing depends on how they arrived."""

    classes: Mapping[str, HardwareClass]
    models: Mapping[Key, ModelDeployment]
    policies: Mapping[Key, RoutingPolicy]
    entries: Mapping[Key, frozenset[str]]
    """The names of the entries of each Secret and ConfigMap; never what is in them."""
    declared: frozenset[Key]
    """Every object, also those that are invalid: a reference to them closes all the same."""
    world: World = field(default_factory=World)
    """What is true around them."""
    nodes: tuple[Node, ...] = ()
    pods: Mapping[Key, tuple[Pod, ...]] = field(default_factory=dict)
    """The pods of each model, by the ModelDeployment's key."""
    workloads: Mapping[Key, tuple[Workload, ...]] = field(default_factory=dict)
    """The Deployments of each model, by the ModelDeployment's key."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Kinds that could not be read, and why. Of these nothing is known, which is not that there is nothing."""
    absent: frozenset[Key] = frozenset()
    """Secrets and ConfigMaps that were looked for, and are not there."""
    forbidden: Mapping[Key, str] = field(default_factory=dict)
    """Those that may not be read."""
    unread: Mapping[Key, str] = field(default_factory=dict)
    """Those that could not be read for now, and why."""
    now: float = 0.0
    """The time that it is, in seconds since 1970."""
    standing: Mapping[Key, Mapping[str, Standing]] = field(default_factory=dict)
    """How each class stands with each model, by the model's key and the class's name, as the model's status has it."""
    refused: Mapping[Key, tuple[Trouble, ...]] = field(default_factory=dict)
    """What of a model's children cannot be made, and why."""
    reported: Reported = field(default_factory=Reported)
    """What gateways have acknowledged and refused."""
    unwritten: frozenset[Key] = frozenset()
    """Models of which some Deployment that is seen is not yet what it is to be."""


def snapshot_of(
    parsed: Iterable[Parsed], entries: Mapping[Key, frozenset[str]], world: World | None = None
) -> FleetSnapshot:
    """The snapshot of these objects: those that may take part. Of two with one key the first counts."""
    snapshot = _snapshot(parsed, entries, _resource)
    return replace(snapshot, world=world) if world else snapshot


def readable_snapshot(parsed: Iterable[Parsed], entries: Mapping[Key, frozenset[str]]) -> FleetSnapshot:
    """The same with objects that may not take part and yet say what they mean, for those who only want to comment."""
    return _snapshot(parsed, entries, lambda item: item.readable if isinstance(item, Invalid) else _resource(item))


def _resource(item: Parsed) -> Resource | None:
    return item.resource if isinstance(item, Valid) else None


def _snapshot(
    parsed: Iterable[Parsed], entries: Mapping[Key, frozenset[str]], read: Callable[[Parsed], Resource | None]
) -> FleetSnapshot:
    found: dict[Key, Resource] = {}
    declared = set()
    for item in parsed:
        declared.add(item.key)
        if resource := read(item):
            found.setdefault(item.key, resource)
    resources = [found[key] for key in sorted(found)]
    return FleetSnapshot(
        classes={it.metadata.name: it for it in resources if isinstance(it, HardwareClass)},
        models={it.key: it for it in resources if isinstance(it, ModelDeployment)},
        policies={it.key: it for it in resources if isinstance(it, RoutingPolicy)},
        entries=dict(sorted(entries.items())),
        declared=frozenset(declared),
    )


def entries_of(raw: Any) -> frozenset[str] | None:
    """The names of a Secret's or ConfigMap's entries, as far as they are known; None for any other object."""
    if not isinstance(raw, Mapping) or not isinstance(raw.get("kind"), str):
        return None
    if raw.get("apiVersion") != "v1":
        return frozenset() if raw["kind"] in MAKERS else None
    return frozenset(_names(raw)) if raw["kind"] in ("Secret", "ConfigMap") else None


def _names(raw: Mapping[str, Any]) -> Iterator[str]:
    for name in ("data", "stringData", "binaryData"):
        part = raw.get(name)
        # A null is no entry to the API server either, and what else is no text it refuses. What a text says is not
        # looked at: one that is no base64 may come from a tool that encrypts, and becomes an entry.
        yield from (key for key, text in part.items() if isinstance(text, str)) if isinstance(part, Mapping) else ()
