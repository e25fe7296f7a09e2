"""What is known of the models that requests are sent to: whether there is anybody who could answer."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.api.resource import Resource
from modelfleet.api.routingpolicy.kind import RoutingPolicy
from modelfleet.findings import Key
from modelfleet.fleet.readable import keyless
from modelfleet.fleet.recall import Recall
from modelfleet.fleet.references import holders_of
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.routing.clauses.tiers import model_keys
from modelfleet.statuses.judged import Judged

GONE = "does not exist"
IDLE = "has no ready replica"
LOCKED = "cannot be asked for want of its key"


class Lack(NamedTuple):
    """Why a model cannot be asked."""

    model: str
    why: str


class Blindness(NamedTuple):
    """Of what nothing is known, and why."""

    what: str
    why: str


class Supply:
    """The models of a fleet as gateways have them. `wrong` are the objects with an error."""

    def __init__(
        self, snapshot: FleetSnapshot, judged: Iterable[Judged], wrong: Collection[Key], recall: Recall
    ) -> None:
        self.recall = recall
        self._snapshot = snapshot
        self._judged = {one.key: one for one in judged if one.key.kind == "ModelDeployment"}
        self._wrong = wrong
        self._known: dict[Key, Lack | Blindness | None] = {}

    def lacks(self, policy: RoutingPolicy) -> tuple[Lack, ...] | Blindness:
        """The models of the policy that cannot be asked; or of what one would have to know more to tell."""
        lacks: list[Lack] = []
        for key in self.recall.of(("asked", policy.key), model_keys, policy):
            found = self._look(key)
            if isinstance(found, Blindness):
                return found
            if found:
                lacks.append(found)
        return tuple(lacks)

    def _look(self, model: Key) -> Lack | Blindness | None:
        if model not in self._known:
            self._known[model] = self._judge(model)
        return self._known[model]

    def _judge(self, model: Key) -> Lack | Blindness | None:
        unknown = self._snapshot.unknown
        if "ModelDeployment" in unknown:
            return _unread("ModelDeployment", unknown["ModelDeployment"])
        resource = self._in_force(model)
        if isinstance(resource, ModelDeployment) and resource.spec.external:
            return self._judge_hosted(resource)
        if "EndpointSlice" in unknown:
            return _unread("EndpointSlice", unknown["EndpointSlice"])
        if self._snapshot.world.endpoints.get(model):
            return None
        return Lack(model.name, IDLE if model in self._snapshot.declared else GONE)

    def _judge_hosted(self, model: ModelDeployment) -> Lack | Blindness | None:
        """Nobody asks its host whether it is well, so it is, if it can be asked at all."""
        unknown, unread = self._snapshot.unknown, self._snapshot.unread
        if not keyless(self._with(model)):
            return None
        if "Secret" in unknown:
            return _unread("Secret", unknown["Secret"])
        for holder in sorted(holders_of(model) & unread.keys()):
            return Blindness(str(holder), unread[holder])
        return Lack(model.key.name, LOCKED)

    def _with(self, model: ModelDeployment) -> FleetSnapshot:
        """A fleet of this model alone, with the Secrets that there are."""
        return FleetSnapshot({}, {model.key: model}, {}, {}, frozenset(), self._snapshot.world)

    def _in_force(self, model: Key) -> Resource | None:
        """The version that gateways go by."""
        judged = self._judged.get(model)
        if judged and judged.in_force:
            return judged.in_force.resource
        return None if model in self._wrong else self._snapshot.models.get(model)


def _unread(kind: str, why: str) -> Blindness:
    return Blindness(f"objects of the kind {kind}", why)
