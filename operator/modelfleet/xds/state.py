"""All that one gateway is to have, as one immutable value: published whole, compared cheaply."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from types import MappingProxyType

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import SCOPE
from modelfleet.xds.references import Reference, reference_of
from modelfleet.xds.types import PUSH_ORDER

Changes = Mapping[str, frozenset[str]]
"""By type, the names that are new, gone or different."""

_NONE: Mapping[str, XdsResource] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class GatewayResources:
    """The resources by type and name, in push order and sorted. Make one with `gateway_resources`."""

    by_type: Mapping[str, Mapping[str, XdsResource]]
    version: str
    """A hash over all names and versions."""
    # A hundred streams ask the same questions of a state: each is answered once, and forgotten with the state.
    _changes: dict[str, Changes] = field(default_factory=dict, repr=False)
    _references: dict[Reference, Reference | None] = field(default_factory=dict, repr=False)
    _served: set[str] = field(default_factory=set, repr=False)

    def of_type(self, type_url: str) -> Mapping[str, XdsResource]:
        """The resources of the type by name."""
        return self.by_type.get(type_url, _NONE)

    def changes_since(self, older: "GatewayResources") -> Changes:
        """What differs from the older state."""
        if (known := self._changes.get(older.version)) is None:
            pairs = {type_url: _differing(older.of_type(type_url), self.of_type(type_url)) for type_url in PUSH_ORDER}
            known = self._changes[older.version] = {type_url: names for type_url, names in pairs.items() if names}
        return known

    def serves(self, name: str) -> bool:
        """Whether there is a scope of the name, on whatever host."""
        if not self._served:
            self._served.update(it.partition("|")[2] for it in self.of_type(SCOPE))
        return name in self._served

    def reference_of(self, resource: XdsResource) -> Reference | None:
        """What the client will ask for when it has been given this resource, which is one of this state."""
        key = (resource.type_url, resource.name)
        if key not in self._references:
            self._references[key] = reference_of(resource)
        return self._references[key]


def gateway_resources(resources: Iterable[XdsResource]) -> GatewayResources:
    """The state of these resources. That two have one name, or one a type that no gateway takes, is our own bug."""
    found: dict[str, dict[str, XdsResource]] = {type_url: {} for type_url in PUSH_ORDER}
    for resource in resources:
        assert resource.type_url in found, f"{resource.name} has a type that is not served: {resource.type_url}"
        assert resource.name not in found[resource.type_url], f"there are two of {resource.type_url} {resource.name}"
        found[resource.type_url][resource.name] = resource
    by_type = {
        type_url: MappingProxyType(dict(sorted(of_type.items()))) for type_url, of_type in found.items() if of_type
    }
    return GatewayResources(MappingProxyType(by_type), _version(by_type))


def _version(by_type: Mapping[str, Mapping[str, XdsResource]]) -> str:
    digest = blake2b(digest_size=8)
    for type_url, of_type in by_type.items():
        # No name and no version has a NUL in it, so different states are different texts.
        lines = (f"{name}\0{resource.version}\0" for name, resource in of_type.items())
        digest.update(f"{type_url}\0\0{''.join(lines)}\0".encode())
    return digest.hexdigest()


def _differing(older: Mapping[str, XdsResource], newer: Mapping[str, XdsResource]) -> frozenset[str]:
    changed = {
        name for name, it in newer.items() if (before := older.get(name)) is None or before.version != it.version
    }
    return frozenset(changed | (older.keys() - newer.keys()))
