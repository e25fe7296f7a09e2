"""What one client has refused: it is not sent again, and what is built on it has to wait."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from modelfleet.envoy.resource import XdsResource
from modelfleet.findings import Key
from modelfleet.xds.events import Refusal
from modelfleet.xds.references import Reference
from modelfleet.xds.state import GatewayResources
from modelfleet.xds.types import PHASE_OF


@dataclass(slots=True)
class Refusals:
    """The refused resources of the present state, each in the version that was refused."""

    _refused: dict[Reference, Refusal] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Refusal]:
        return iter(self._refused.values())

    def __bool__(self) -> bool:
        return bool(self._refused)

    @property
    def owners(self) -> frozenset[Key]:
        """The owners of all that is refused."""
        return frozenset[Key]().union(*(it.owners for it in self))

    def owners_before(self, type_url: str) -> frozenset[Key]:
        """The owners of what is refused in an earlier phase than this type's."""
        phase = PHASE_OF[type_url]
        return frozenset[Key]().union(*(it.owners for it in self if PHASE_OF[it.type_url] < phase))

    def has(self, resource: XdsResource) -> bool:
        """Whether the client refused it as it is."""
        refusal = self._refused.get((resource.type_url, resource.name))
        return refusal is not None and refusal.versions[resource.name] == resource.version

    def remember(self, resource: XdsResource, refusal: Refusal) -> None:
        """It was refused alone, so it is the one."""
        self._refused[resource.type_url, resource.name] = refusal

    def forget(self, type_url: str, name: str) -> None:
        """The client asks for it anew, or no more."""
        self._refused.pop((type_url, name), None)

    def forget_all(self, type_url: str, given_up: Callable[[str], bool]) -> None:
        """The client asks no more for those that the predicate says."""
        for refused_type, name in tuple(self._refused):
            if refused_type == type_url and given_up(name):
                self.forget(type_url, name)

    def keep_current(self, state: GatewayResources) -> None:
        """Another version is another attempt. The same may be somebody else's as well by now, who has to wait, too."""
        for reference, refusal in tuple(self._refused.items()):
            resource = state.of_type(reference[0]).get(reference[1])
            if resource is None or not self.has(resource):
                self.forget(*reference)
            elif resource.owners != refusal.owners:
                self._refused[reference] = replace(refusal, owners=resource.owners)
