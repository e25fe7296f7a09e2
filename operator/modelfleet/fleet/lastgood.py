"""Which version of an object counts as its last good one, so that processes agree however long they have run.

The operator writes into each status which version is in force. Where it has judged the very spec that the object has,
its word counts, over what a process remembers as well. Until then who has seen a newer version goes on with that one.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.api.inforce import KeptStatus
from modelfleet.api.kinds import KINDS
from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.api.resource import Resource
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Key
from modelfleet.fleet.inforce import InForce, Version
from modelfleet.fleet.parse import Invalid, Valid, parse_object
from modelfleet.fleet.raw import mapping
from modelfleet.fleet.references import holders_of
from modelfleet.fleet.snapshot import FleetSnapshot

OUTLASTING = frozenset(name for name, kind in KINDS.items() if issubclass(kind.STATUS, KeptStatus))
"""The kinds of which the last good version stays in force."""
IDENTITY = ("name", "namespace", "uid", "creationTimestamp")
"""What of the metadata no edit changes. Labels and annotations may be what is wrong now, and decide nothing here."""
NONE = -1
"""No generation."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the status of an object says is in force of it."""

    generation: int = NONE
    """The version of the object that was judged."""
    in_force: Version | None = None

    def may_change(self, one: Valid | Invalid, in_force: InForce) -> bool:
        """Whether this may be news for who has these in force: not where all agree on the object as it is now."""
        known = in_force.version_of(one.key)
        return not (known and self.in_force and known.generation == self.in_force.generation == one.generation)


def parse_judgement(raw: Mapping[str, Any]) -> Judgement:
    """The judgement in the status of an object. Never raises: a status may hold anything that somebody wrote there."""
    status, metadata = mapping(raw.get("status")), mapping(raw.get("metadata"))
    judged, newest = _number(status.get("observedGeneration")), _number(metadata.get("generation"))
    stored = mapping(status.get("inForce"))
    generation, spec = _number(stored.get("generation")), stored.get("spec")
    if not 0 <= generation <= newest:
        return Judgement(judged)
    is_past = generation < newest and isinstance(spec, Mapping)
    return Judgement(judged, Version(generation, _past(raw, metadata, generation, spec) if is_past else None))


def _past(raw: Mapping[str, Any], metadata: Mapping[str, Any], generation: int, spec: Any) -> Resource | None:
    """The object as it was."""
    known = {name: metadata[name] for name in IDENTITY if name in metadata}
    parsed = parse_object({**raw, "metadata": {**known, "generation": generation}, "spec": spec})
    return parsed.resource if isinstance(parsed, Valid) else None


def last_good(objects: Collection[Valid | Invalid], judgements: Mapping[Key, Judgement], before: InForce) -> InForce:
    """What each object falls back on where it has an error now. `before` is what was in force here until now."""
    pairs = ((one.key, _last_good(one, judgements.get(one.key, Judgement()), before)) for one in objects)
    found = {key: version for key, version in pairs if version}
    return InForce(
        models={key: it.resource for key, it in found.items() if isinstance(it.resource, ModelDeployment)},
        policies={key: it.resource for key, it in found.items() if isinstance(it.resource, RoutingPolicy)},
        recall=before.recall,
        idle={key: it for key, it in found.items() if it.resource is None},
        malformed=frozenset(one.key for one in objects if isinstance(one, Invalid) and one.key in found),
    )


def _last_good(one: Valid | Invalid, judgement: Judgement, before: InForce) -> Version | None:
    is_judged, said = judgement.generation == one.generation, judgement.in_force
    if said is None:
        return None if is_judged else _remembered(one, before)
    if isinstance(one, Valid) and said.generation == one.generation:
        return Version(said.generation, one.resource)
    known = _remembered(one, before)
    if known and not is_judged and known.generation > said.generation:
        return known
    # Where nobody wrote down what it said, as no operator saw it, who still has a version goes on with that.
    return said if said.resource else known or said


def _remembered(one: Valid | Invalid, before: InForce) -> Version | None:
    known = before.version_of(one.key)
    # It may have been of another object of this name.
    return known if known and known.resource and known.resource.metadata.uid == one.uid else None


def holders_of_stand_ins(last: InForce, snapshot: FleetSnapshot) -> frozenset[Key]:
    """The Secrets and ConfigMaps of last good versions that are not what the objects are now."""
    models = (it for key, it in last.models.items() if snapshot.models.get(key) is not it)
    policies = (it for key, it in last.policies.items() if snapshot.policies.get(key) is not it)
    return frozenset(holder for it in (*models, *policies) for holder in holders_of(it))


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else NONE
