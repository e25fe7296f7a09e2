"""A client that behaves as Envoy was seen to, and complains of what would have cost it requests."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import CLUSTER, ENDPOINTS, LISTENER, ROUTES, SCOPE
from modelfleet.xds.references import Reference, reference_of
from tests.unit.xds.making import clusters_of, request

WILDCARDS = (CLUSTER, LISTENER, SCOPE)
TYPES = (CLUSTER, ENDPOINTS, LISTENER, SCOPE, ROUTES)
"""In the order in which a client asks when it connects again."""


@dataclass
class StubEnvoy:
    """`refuses` says of a resource whether it is bad, `picks` which part of a refused batch is applied all the same."""

    refuses: Callable[[Any], bool]
    picks: Callable[[list[Any]], list[Any]]
    have: dict[str, dict[str, XdsResource]] = field(default_factory=lambda: {type_url: {} for type_url in TYPES})
    wanted: dict[str, set[str]] = field(default_factory=lambda: {ENDPOINTS: set(), ROUTES: set()})
    inbox: deque[Any] = field(default_factory=deque)
    outbox: deque[Any] = field(default_factory=deque)
    asked: set[str] = field(default_factory=set)
    warming: set[Reference] = field(default_factory=set)
    """What clusters wait for."""
    held_back: Any = None
    """The acknowledgement of the clusters that warm."""

    def connect(self) -> None:
        """What was on the way is lost, what was taken is not."""
        self.inbox.clear()
        self.outbox.clear()
        self.asked.clear()
        self.warming.clear()
        self.held_back = None
        for type_url in self.have:
            if self.asks_for(type_url):
                self._ask(type_url, self.wanted.get(type_url, set()))

    # What a client of other resources than those of the tests beside this file does otherwise.

    def asks_for(self, type_url: str) -> bool:
        """Whether it asks for the type as soon as it is connected."""
        return type_url in WILDCARDS or bool(self.wanted[type_url])

    def resource_of(self, type_url: str, sent: Any) -> XdsResource:
        return XdsResource(type_url, sent.name, sent.version, sent.resource.value, frozenset())

    def references_of(self, resource: XdsResource) -> set[Reference]:
        """What it asks for by name because of the resource."""
        return {reference} if (reference := reference_of(resource)) else set()

    def clusters_of(self, routes: XdsResource) -> set[str]:
        return clusters_of(routes.body)

    def _ask(self, type_url: str, names: set[str], unsubscribe: set[str] | None = None) -> None:
        if type_url in self.asked:
            have = {}
        elif names or type_url in WILDCARDS:
            have = {name: it.version for name, it in self.have[type_url].items()}
        else:
            return
        self.asked.add(type_url)
        self.outbox.append(request(type_url, sorted(names), have=have, unsubscribe=sorted(unsubscribe or ())))

    def lose(self, type_url: str, name: str) -> None:
        """Subscribe again to what is had."""
        self._ask(type_url, {name})

    def receive(self) -> None:
        """Take the next response."""
        response = self.inbox.popleft()
        added = [it.name for it in response.resources]
        every = added + list(response.removed_resources)
        assert len(set(every)) == len(every), f"a name twice in one response: {every}"
        if response.type_url == ROUTES:
            assert self.held_back is None, "routes before the clusters were taken"
        bad = [it for it in response.resources if self.refuses(it)]
        good = [it for it in response.resources if not self.refuses(it)]
        self._apply(response.type_url, self.picks(good) if bad else good, list(response.removed_resources))
        if bad:
            self.outbox.append(request(response.type_url, nonce=response.nonce, refusal=f"bad {bad[0].name}"))
        elif response.type_url == CLUSTER and self._warms(added):
            self.held_back = request(response.type_url, nonce=response.nonce)
        else:
            self.outbox.append(request(response.type_url, nonce=response.nonce))
        self._warm({(response.type_url, name) for name in every})

    def _warms(self, names: list[str]) -> bool:
        references = set[Reference]().union(*(self.references_of(self.have[CLUSTER][name]) for name in names))
        # Endpoints are waited for also by who has them already.
        self.warming = {it for it in references if it[0] == ENDPOINTS or it[1] not in self.have[it[0]]}
        return bool(self.warming)

    def _warm(self, references: set[Reference]) -> None:
        self.warming -= references
        if self.held_back is not None and not self.warming:
            self.outbox.append(self.held_back)
            self.held_back = None

    def give_up_warming(self) -> set[str]:
        """As after fifteen seconds. What was waited for in vain."""
        missed = set(self.warming)
        self._warm(missed)
        return {name for _, name in missed}

    def _apply(self, type_url: str, resources: list[Any], removed: list[str]) -> None:
        have = self.have[type_url]
        before = self._references(type_url)
        for it in resources:
            if it.name not in self.wanted.get(type_url, (it.name,)):
                # Given up while it was on the way.
                continue
            resource = self.resource_of(type_url, it)
            if type_url == ROUTES:
                missing = self.clusters_of(resource) - self.have[CLUSTER].keys()
                assert not missing, f"routes to clusters that are not there: {missing}"
            if type_url == SCOPE and it.name in have:
                self._check_move(have[it.name], resource)
            have[it.name] = resource
        for name in removed:
            if type_url == CLUSTER:
                users = [it.name for it in self.have[ROUTES].values() if name in self.clusters_of(it)]
                assert not users, f"{name} leaves, and {users} lead to it"
            have.pop(name, None)
        after = self._references(type_url)
        for target in self.wanted:
            self._want(target, {it[1] for it in after - before if it[0] == target}, before - after)

    def _check_move(self, before: XdsResource, after: XdsResource) -> None:
        """A scope that asks for routes by its move has none until they come, and requests are lost meanwhile."""
        (_, old), (_, new) = reference_of(before) or ("", ""), reference_of(after) or ("", "")
        assert old == new or new in self.have[ROUTES], f"{after.name} moves to {new}, which is not there yet"

    def _references(self, type_url: str) -> set[Reference]:
        return {reference for it in self.have[type_url].values() for reference in self.references_of(it)}

    def _want(self, type_url: str, more: set[str], fewer: set[Reference]) -> None:
        less = {name for other, name in fewer if other == type_url} & self.wanted[type_url]
        if not more and not less:
            return
        self.wanted[type_url] = (self.wanted[type_url] | more) - less
        for name in less:
            self.have[type_url].pop(name, None)
        self._ask(type_url, more, less)
