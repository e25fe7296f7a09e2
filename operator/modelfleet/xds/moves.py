"""Scopes that move to other routes, and for which of them a client is not ready yet.

A scope that asks for routes by its move answers nobody until they come. So it waits for another that brings them:
one that the client does not have at all, or that it may not have, since it refused it together with others.
"""

from collections.abc import Mapping

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import SCOPE
from modelfleet.xds.refusals import Refusals
from modelfleet.xds.state import GatewayResources
from modelfleet.xds.subscription import Subscription

Rank = tuple[int, bool, str]
"""Who waits for whom: the larger for the smaller, so that no two wait for each other."""

_NEW, _UNSURE, _MOVES = range(3)


def movable(
    scopes: Subscription,
    resources: Mapping[str, XdsResource],
    routes: Subscription | None,
    state: GatewayResources,
    refusals: Refusals,
) -> Mapping[str, XdsResource]:
    """Of these scopes those that may be sent now."""
    moving = {name for name in resources if scopes.has(name)}
    if routes is None:  # who has come back with scopes will ask for their routes, and anybody else has none to move
        moving = moving if scopes.came_back else set()
        return {name: it for name, it in resources.items() if name not in moving}
    if not moving:
        return resources
    ranks = {name: _rank(scopes, name, moving) for name in state.of_type(SCOPE)}
    bringers = _bringers(ranks, routes, state, refusals)
    return {
        name: it for name, it in resources.items() if ranks[name] <= bringers.get(_routes_of(it, state), ranks[name])
    }


def _rank(scopes: Subscription, name: str, moving: set[str]) -> Rank:
    # Among the unsure a policy's own scope comes first: its name, which has no host in it, never leads elsewhere.
    sort = _NEW if name not in moving else _UNSURE if scopes.may_lack(name) else _MOVES
    return sort, "|" in name, name


def _bringers(
    ranks: Mapping[str, Rank], routes: Subscription, state: GatewayResources, refusals: Refusals
) -> Mapping[str, Rank]:
    """Of the routes that the client does not have, the first scope that brings them."""
    blocked = refusals.owners_before(SCOPE)
    found: dict[str, Rank] = {}
    for name, scope in state.of_type(SCOPE).items():
        rank, brought = ranks[name], _routes_of(scope, state)
        # What is refused or withheld brings nothing, and who waited for it would wait for ever.
        brings = rank[0] < _MOVES and not refusals.has(scope) and blocked.isdisjoint(scope.owners)
        if brings and not routes.has(brought):
            found[brought] = min(rank, found.get(brought, rank))
    return found


def _routes_of(scope: XdsResource, state: GatewayResources) -> str:
    reference = state.reference_of(scope)
    return reference[1] if reference else ""
