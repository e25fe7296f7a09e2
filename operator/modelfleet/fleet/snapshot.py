"""The frozen view of a fleet that every decision is made from."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.api.hardwareclass.kind import HardwareClass
from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Key
from modelfleet.fleet.parse import Parsed, Valid


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


def snapshot_of(parsed: Iterable[Parsed], entries: Mapping[Key, frozenset[str]]) -> FleetSnapshot:
    """The snapshot of these objects. Of two with one key the first counts."""
    valid: dict[Key, Valid] = {}
    declared = set()
    for item in parsed:
        declared.add(item.key)
        if isinstance(item, Valid):
            valid.setdefault(item.key, item)
    resources = [valid[key].resource for key in sorted(valid)]
    return FleetSnapshot(
        classes={it.metadata.name: it for it in resources if isinstance(it, HardwareClass)},
        models={it.key: it for it in resources if isinstance(it, ModelDeployment)},
        policies={it.key: it for it in resources if isinstance(it, RoutingPolicy)},
        entries=dict(sorted(entries.items())),
        declared=frozenset(declared),
    )


def entries_of(raw: Any) -> frozenset[str] | None:
    """The names of a Secret's or ConfigMap's entries; None for any other object."""
    if not isinstance(raw, Mapping) or raw.get("apiVersion") != "v1" or raw.get("kind") not in ("Secret", "ConfigMap"):
        return None
    return frozenset(_names(raw))


def _names(raw: Mapping[str, Any]) -> Iterator[str]:
    for field in ("data", "stringData", "binaryData"):
        part = raw.get(field)
        yield from part if isinstance(part, Mapping) else ()
