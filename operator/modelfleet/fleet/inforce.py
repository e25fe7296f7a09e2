"""What is in force of a fleet, and what is known of objects of which nothing is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.api.resource import Resource
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Key
from modelfleet.fleet.recall import Recall


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an object that had no error."""

    generation: int
    resource: Resource | None = None
    """The object as it was then; None where that is not known here."""


@dataclass(frozen=True, slots=True)
class InForce:
    """The objects that a plan was made from: of each the newest version that has no error, or none."""

    models: Mapping[Key, ModelDeployment] = field(default_factory=dict)
    policies: Mapping[Key, RoutingPolicy] = field(default_factory=dict)
    recall: Recall = field(default_factory=Recall, compare=False, repr=False)
    """What was made of them: the next plan makes anew only what comes from other objects."""
    idle: Mapping[Key, Version] = field(default_factory=dict)
    """Versions that would be in force, were their key at hand, or did anybody here know what they said."""
    malformed: frozenset[Key] = frozenset()
    """Objects that cannot even be parsed now, so that no snapshot has them: their versions stay all the same."""

    def version_of(self, key: Key) -> Version | None:
        """The version of an object that is in force or would be, where there is one."""
        resource = self.models.get(key) or self.policies.get(key)
        return Version(resource.metadata.generation, resource) if resource else self.idle.get(key)
