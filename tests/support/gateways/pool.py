"""What many gateways were sent, kept once: a hundred of them hold the same resources, and ask the same for them."""

from dataclasses import dataclass, field
from typing import Any

from modelfleet.envoy.contents import Need, contents
from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import CLUSTER, ENDPOINTS, EXTENSION, LISTENER, ROUTES, SCOPE, SECRET
from modelfleet.envoy.walk import known_type

ASKED_FOR = {CLUSTER: (ENDPOINTS, SECRET), LISTENER: (EXTENSION,), SCOPE: (ROUTES,), ROUTES: (), EXTENSION: ()}
"""What a client asks for by name when it has been given a resource of the type."""


@dataclass(frozen=True, slots=True)
class Read:
    """A resource, what is asked for because of it, and the clusters that it leads to."""

    resource: XdsResource
    references: frozenset[tuple[str, str]]
    clusters: frozenset[str]


@dataclass(slots=True)
class Pool:
    """Every version of every resource. One version that has two bodies is a fault of whoever sent it."""

    _known: dict[tuple[str, str, str], Read] = field(default_factory=dict)

    def take(self, type_url: str, sent: Any) -> Read:
        """The resource as it was sent."""
        key = (type_url, sent.name, sent.version)
        read = self._known.get(key)
        if read is None:
            assert sent.resource.type_url == type_url, f"{sent.name} is a {sent.resource.type_url}, not a {type_url}"
            read = self.read(XdsResource(*key, sent.resource.value, frozenset()))
        assert read.resource.body == sent.resource.value, f"{key} has two bodies"
        return read

    def read(self, resource: XdsResource) -> Read:
        """What is in a resource."""
        key = (resource.type_url, resource.name, resource.version)
        if key not in self._known:
            self._known[key] = _read(resource)
        return self._known[key]


def _read(resource: XdsResource) -> Read:
    kind = known_type(resource.type_url)
    if kind is None or resource.type_url not in ASKED_FOR:
        return Read(resource, frozenset(), frozenset())
    needs = {tuple(need) for _, need in contents(kind.FromString(resource.body)) if isinstance(need, Need)}
    references = {(type_url, name) for type_url, name in needs if type_url in ASKED_FOR[resource.type_url]}
    return Read(resource, frozenset(references), frozenset(name for type_url, name in needs if type_url == CLUSTER))
