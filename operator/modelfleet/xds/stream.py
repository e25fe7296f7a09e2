"""The protocol of one delta ADS stream without its I/O: requests and states in, responses and events out.

Additions and changes go in push order, and a phase is sent only when the client has taken the one before it; what is
gone leaves last, in reverse. Of each type at most one response is on the way, and what changes meanwhile waits for it.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf import any_pb2

from modelfleet.envoy.names import ANY_HOST
from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SCOPE
from modelfleet.findings import Key
from modelfleet.xds.emptiness import told_version
from modelfleet.xds.events import Ack, Refusal, Settled, StreamEvent, StreamStatus
from modelfleet.xds.moves import movable
from modelfleet.xds.needs import affected_owners, needs_of
from modelfleet.xds.redaction import repeatable
from modelfleet.xds.references import Reference, reference_of
from modelfleet.xds.refusals import Refusals
from modelfleet.xds.state import GatewayResources, gateway_resources
from modelfleet.xds.subscription import Sent, Subscription
from modelfleet.xds.types import LINGERING, PHASES, PUSH_ORDER, READERS

Request = Any
Response = Any
"""The generated classes have no types: DeltaDiscoveryRequest and DeltaDiscoveryResponse."""

_ROOTS = (CLUSTER, LISTENER, SCOPE)
"""Asked for without a name, by every client that is to have any."""

MOVES_S = 0.5
"""How long a name that has moved is found in its old place: longer than most bodies take to arrive."""


class AdsStream:
    """One client. Nothing is sent before there is a state: to be told that there is nothing wipes a client.

    What requests lead to stays with the client for `linger` seconds after it has left the state: a request that is
    under way goes by the plan with which it began, and may have yet to fall to what the newest plan no longer names.
    A scope stays for a moment where its name has moved to other hosts, since requests that have begun look for it in
    the old place. Nothing is settled till then, as others find it there, too.
    """

    def __init__(self, linger: float = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._linger = linger
        self._clock = clock
        self._gone_since: dict[Reference, float] = {}
        self._state = gateway_resources(())
        self._has_state = False
        self._subscriptions: dict[str, Subscription] = {}
        self._refusals = Refusals()
        self._former_owners: dict[Reference, frozenset[Key]] = {}
        self._awaited: set[Reference] = set()
        self._settled: Settled | None = None
        self._told = False
        """Whether it was said of this very state, and not of one like it before."""
        self._events: list[StreamEvent] = []
        self._nonce = 0

    @property
    def status(self) -> StreamStatus:
        """Where the stream stands."""
        return StreamStatus(self._settled, tuple(self._refusals))

    @property
    def wakes_in(self) -> float | None:
        """Seconds until something that lingers may go; None where nothing does."""
        return None if self.wakes_at is None else max(0.0, self.wakes_at - self._clock())

    @property
    def wakes_at(self) -> float | None:
        """The same as an instant of the clock: it changes only when there is something else to wait for."""
        return min((since + self._linger_of(it[0]) for it, since in self._gone_since.items()), default=None)

    def on_time(self) -> list[Response]:
        """Time has passed."""
        return self._next_responses()

    def take_events(self) -> list[StreamEvent]:
        """What has happened since the last call."""
        events, self._events = self._events, []
        return events

    def on_request(self, request: Request) -> list[Response]:
        """The client said something: an answer to a response, a wish, or both. A type not served gets no answer."""
        type_url = request.type_url
        if type_url not in PUSH_ORDER:
            return []
        if subscription := self._subscriptions.get(type_url):
            self._hear_answer(subscription, request)
            self._change(subscription, request.resource_names_subscribe, request.resource_names_unsubscribe)
        else:
            subscription = self._subscriptions[type_url] = Subscription(type_url)
            names, versions = request.resource_names_subscribe, request.initial_resource_versions
            subscription.open(tuple(names), dict(versions), self._state.of_type(type_url))
            self._change(subscription, (), request.resource_names_unsubscribe)
        self._note_asked(subscription)
        return self._next_responses()

    def on_resources(self, state: GatewayResources) -> list[Response]:
        """There is a new state. Those between it and the one that the client is at are skipped."""
        older, self._state, self._has_state, self._told = self._state, state, True, False
        for type_url, names in state.changes_since(older).items():
            self._note_former_owners(type_url, names, older)
            if subscription := self._subscriptions.get(type_url):
                subscription.look_at(names)
        self._refusals.keep_current(state)
        return self._next_responses()

    def _note_former_owners(self, type_url: str, names: Iterable[str], older: GatewayResources) -> None:
        for name in names:
            if name in self._state.of_type(type_url):
                self._former_owners.pop((type_url, name), None)
            else:
                self._former_owners[type_url, name] = older.of_type(type_url)[name].owners

    def _change(self, subscription: Subscription, subscribe: Iterable[str], unsubscribe: Iterable[str]) -> None:
        type_url = subscription.type_url
        for name in subscribe:
            self._refusals.forget(type_url, name)
            subscription.subscribe(name, self._state.of_type(type_url))
        for name in unsubscribe:
            subscription.unsubscribe(name)
            self._refusals.forget_all(type_url, lambda other: not subscription.covers(other))

    def _note_asked(self, subscription: Subscription) -> None:
        asked = {it for it in self._awaited if it[0] == subscription.type_url and subscription.covers(it[1])}
        self._awaited -= asked
        if subscription.type_url == ENDPOINTS:
            # A client that connects again has the endpoints, and the cluster that it was just sent waits all the same.
            for _, name in asked:
                subscription.send_again(name)

    def _hear_answer(self, subscription: Subscription, request: Request) -> None:
        """Only the latest nonce counts. An older one answers what no longer matters."""
        in_flight = subscription.in_flight
        if in_flight is None or request.response_nonce != in_flight.nonce:
            return
        if request.HasField("error_detail"):
            self._refused(subscription, request.error_detail.message)
        else:
            self._taken(subscription)

    def _taken(self, subscription: Subscription) -> None:
        sent = subscription.taken()
        for name in sent.removed:
            self._former_owners.pop((subscription.type_url, name), None)
        if sent.resources or sent.removed:
            versions = {name: resource.version for name, resource in sent.resources.items()}
            self._events.append(Ack(subscription.type_url, versions, tuple(sorted(sent.removed))))

    def _refused(self, subscription: Subscription, message: str) -> None:
        sent = subscription.refused()
        self._awaited.difference_update(filter(None, map(reference_of, sent.resources.values())))
        if len(sent.resources) > 1:
            return
        for name, resource in sent.resources.items():
            refusal = self._refusal(sent, resource.type_url, message)
            self._events.append(refusal)
            current = self._state.of_type(resource.type_url).get(name)
            if current and current.version == resource.version and name not in sent.forgotten:
                self._refusals.remember(resource, refusal)
        if not sent.resources and sent.removed:
            self._events.append(self._refusal(sent, subscription.type_url, message))

    def _refusal(self, sent: Sent, type_url: str, message: str) -> Refusal:
        versions = {name: resource.version for name, resource in sent.resources.items()}
        versions |= dict.fromkeys(sorted(sent.removed), "") if not versions else {}
        owners = frozenset[Key]().union(*(it.owners for it in sent.resources.values()))
        return Refusal(type_url, versions, repeatable(type_url, sent.resources.values(), message), owners)

    def _next_responses(self) -> list[Response]:
        if not self._has_state:
            return []
        responses: list[Response] = []
        for step, phases in ((self._addition, PHASES), (self._removal, PHASES[::-1])):
            for phase in phases:
                asked = [it for type_url in phase if (it := self._subscriptions.get(type_url))]
                responses += [response for it in asked if it.in_flight is None and (response := step(it))]
                if any(it.in_flight for it in asked):
                    return responses
        self._settle()
        return responses

    def _addition(self, subscription: Subscription) -> Response | None:
        needs = needs_of(subscription, self._state, self._refusals)
        if not needs.send and not needs.absent and not subscription.owes_answer:
            return None
        chosen = subscription.choose(self._movable(subscription, needs.send))
        if not chosen and not needs.absent and not subscription.owes_answer:
            return None
        for resource in chosen.values():
            self._expect(resource)
        response = self._send(subscription, chosen, needs.absent)
        # What is withheld was told to be absent: it has to be looked at until it is not.
        subscription.look_at(name for name in needs.absent if name in self._state.of_type(subscription.type_url))
        return response

    def _movable(self, subscription: Subscription, resources: Mapping[str, XdsResource]) -> Mapping[str, XdsResource]:
        if subscription.type_url != SCOPE:
            return resources
        return movable(subscription, resources, self._subscriptions.get(ROUTES), self._state, self._refusals)

    def _expect(self, resource: XdsResource) -> None:
        """A client that is given a cluster waits for its endpoints, also when it has them and nothing has changed."""
        reference = self._state.reference_of(resource)
        if reference is None:
            return
        type_url, name = reference
        subscription = self._subscriptions.get(type_url)
        if subscription is None or not subscription.covers(name):
            self._awaited.add(reference)
        elif resource.type_url == CLUSTER:
            subscription.send_again(name)

    def _removal(self, subscription: Subscription) -> Response | None:
        type_url = subscription.type_url
        gone = {(type_url, name) for name in needs_of(subscription, self._state, self._refusals).remove}
        for reference in [it for it in self._gone_since if it[0] == type_url and it not in gone]:
            del self._gone_since[reference]
        leaving = [it for it in sorted(gone) if self._may_leave(it)]
        lingering = self._lingering(type_url, leaving)
        names = [it[1] for it in leaving if it not in lingering]
        for name in names:
            self._gone_since.pop((type_url, name), None)
        return self._send(subscription, {}, names) if names else None

    def _lingering(self, type_url: str, leaving: Collection[Reference]) -> set[Reference]:
        """Those to which a request may still be led that began before they left."""
        now, seconds = self._clock(), self._linger_of(type_url)
        if not leaving or not seconds or type_url not in (SCOPE, *LINGERING):
            return set()
        if type_url == SCOPE:
            leaving = [it for it in leaving if self._has_moved(it[1])]
        return {it for it in leaving if now - self._gone_since.setdefault(it, now) < seconds}

    def _has_moved(self, scope: str) -> bool:
        """Whether the name of a scope that is gone is now found on every host, or was there and is now on some."""
        host, _, name = scope.partition("|")
        if not name:  # the list of a host's names: who asks for it has no body, and so has not begun before
            return False
        return self._state.serves(name) if host == ANY_HOST else f"{ANY_HOST}|{name}" in self._state.of_type(SCOPE)

    @property
    def _moving(self) -> bool:
        """Whether a scope lingers: its routes have to be there as long, and nothing is settled."""
        return any(type_url == SCOPE for type_url, _ in self._gone_since)

    def _linger_of(self, type_url: str) -> float:
        return min(self._linger, MOVES_S) if type_url == SCOPE else self._linger

    def _may_leave(self, reference: Reference) -> bool:
        """Whether nothing that the client still has can lean on it.

        After a refusal the client goes on with what it had, and what that names is not known here. After a reconnect
        the client may not have asked yet for what stopped to name it.
        """
        if reference[0] == ROUTES and self._moving:
            return False
        if reference[0] in READERS:
            return self._refusals.owners.isdisjoint(self._former_owners.get(reference, ()))
        asked = (it in self._subscriptions for it in READERS if self._state.of_type(it))
        return not self._refusals and all(asked)

    def _send(
        self, subscription: Subscription, resources: Mapping[str, XdsResource], removed: Collection[str]
    ) -> Response:
        self._nonce += 1
        sent = Sent(str(self._nonce), resources, frozenset(removed))
        subscription.send(sent)
        response = discovery_pb2.DeltaDiscoveryResponse(
            type_url=subscription.type_url,
            nonce=sent.nonce,
            system_version_info=told_version(self._state),
            removed_resources=removed,
        )
        for name, resource in resources.items():
            body = any_pb2.Any(type_url=resource.type_url, value=resource.body)
            response.resources.add(name=name, version=resource.version, resource=body)
        return response

    def _settle(self) -> None:
        """Everything is answered. What the client will ask for because of it must have been asked for too."""
        if any(self._state.of_type(it) and it not in self._subscriptions for it in _ROOTS):
            return
        if self._moving:
            return
        self._awaited = {it for it in self._awaited if it[1] in self._state.of_type(it[0])}
        if self._awaited:
            return
        subscriptions = self._subscriptions.values()
        waiting = (affected_owners(it, self._state, self._refusals) for it in subscriptions)
        affected = self._refusals.owners.union(*waiting)
        settled = Settled(self._state.version, not self._refusals, affected)
        if settled != self._settled or not self._told:
            self._settled, self._told = settled, True
            self._events.append(settled)
