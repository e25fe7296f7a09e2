"""What a subscription lacks of a state, sorted by what may be done about it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from modelfleet.envoy.resource import XdsResource
from modelfleet.findings import Key
from modelfleet.xds.refusals import Refusals
from modelfleet.xds.state import GatewayResources
from modelfleet.xds.subscription import ABSENT, Subscription


class Need(Enum):
    """What one name of a subscription is in need of."""

    NOTHING = auto()
    SEND = auto()
    TELL_ABSENT = auto()
    """The client asked for it and waits. That there is none is an answer too."""
    REMOVE = auto()
    WAIT = auto()
    """Withheld: an earlier phase refused what it belongs to."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The names that something is to be done about, sorted."""

    send: Mapping[str, XdsResource]
    absent: Collection[str]
    remove: Collection[str]


def needs_of(subscription: Subscription, state: GatewayResources, refusals: Refusals) -> Needs:
    """What the subscription needs now. Names that need nothing are dropped from its list of what to look at."""
    resources = state.of_type(subscription.type_url)
    blocked = refusals.owners_before(subscription.type_url)
    names: dict[Need, list[str]] = {need: [] for need in Need}
    for name in sorted(subscription.pending):
        resource = resources.get(name)
        if resource is None:
            need = _need_of_none(subscription, name)
        elif refusals.has(resource):
            need = Need.NOTHING
        else:
            need = _need(subscription, resource, blocked)
        names[need].append(name)
    subscription.pending.difference_update(names[Need.NOTHING])
    return Needs({name: resources[name] for name in names[Need.SEND]}, names[Need.TELL_ABSENT], names[Need.REMOVE])


def _need_of_none(subscription: Subscription, name: str) -> Need:
    known = subscription.held.get(name)
    # First those who wait for an answer: a cluster is not acknowledged before it has word of its endpoints.
    if name in subscription.again or (known is None and name in subscription.names):
        return Need.TELL_ABSENT
    return Need.NOTHING if known is None or known == ABSENT else Need.REMOVE


def _need(subscription: Subscription, resource: XdsResource, blocked: frozenset[Key]) -> Need:
    name = resource.name
    known = subscription.held.get(name)
    if known == resource.version and name not in subscription.again:
        return Need.NOTHING
    if blocked.isdisjoint(resource.owners):
        return Need.SEND
    return Need.TELL_ABSENT if known is None and name in subscription.names else Need.WAIT


def affected_owners(subscription: Subscription, state: GatewayResources, refusals: Refusals) -> frozenset[Key]:
    """The owners of what the subscription is not sent because of refusals."""
    blocked = refusals.owners_before(subscription.type_url)
    resources = state.of_type(subscription.type_url)
    waiting = (resources[name] for name in subscription.pending if name in resources)
    return frozenset[Key]().union(*(it.owners for it in waiting if not blocked.isdisjoint(it.owners)))
