"""What a central server has given one gateway, and what of it the gateway has taken: a state machine without I/O.

It tells the central server what the gateway said, never more: a response is answered once the gateway has settled on a
state that it is part of. What the gateway refuses goes back to the version that it has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from envoy.config.core.v3 import base_pb2
from envoy.service.discovery.v3 import discovery_pb2

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import CLUSTER, ENDPOINTS, ROUTES, SCOPE, SECRET
from modelfleet.xds.emptiness import meant_empty
from modelfleet.xds.events import Ack, Refusal
from modelfleet.xds.incoming import resource_in, what_is_wrong
from modelfleet.xds.naming import named_in
from modelfleet.xds.owning import owned, with_owners
from modelfleet.xds.references import Reference
from modelfleet.xds.state import GatewayResources, gateway_resources
from modelfleet.xds.subscription import ABSENT, WILDCARD
from modelfleet.xds.types import PHASE_OF, PUSH_ORDER

Request = Any
Response = Any
"""The generated classes have no types: DeltaDiscoveryRequest and DeltaDiscoveryResponse."""

_WARMS = (ENDPOINTS, SECRET)
"""What a cluster is of no use without: who is told that there is none gives up the cluster that it has."""


@dataclass(frozen=True, slots=True)
class Who:
    """As whom the central server knows the gateway."""

    node: str
    gateway: str


@dataclass(frozen=True, slots=True)
class _Open:
    """A response that waits for the gateway's word."""

    type_url: str
    nonce: str
    versions: Mapping[str, str]
    removed: frozenset[str]
    blame: str = ""


class Mirror:
    """One gateway's resources as its central server has them, in the central server's own versions."""

    def __init__(self, kept: GatewayResources | None = None) -> None:
        """Of the state that was kept, or of nothing: then all is gathered before any of it is passed on.

        A gateway may have everything already, and would take for gone what has not come yet.
        """
        self._held: dict[str, dict[str, XdsResource]] = {type_url: {} for type_url in PUSH_ORDER}
        for type_url, of_type in kept.by_type.items() if kept else ():
            self._held[type_url].update(of_type)
        self._is_whole = kept is not None
        self._is_owned = False
        self._is_new = self._is_whole
        self._state: GatewayResources | None = None
        self._numbers = count(1)
        self._open: list[_Open] = []
        self._lacks: set[Reference] = set()
        self._refused: dict[Reference, tuple[str, str]] = {}
        self._stayed: dict[Reference, str] = {}
        self._accepted = kept
        self._judged: GatewayResources | None = None
        self._taken = {(it.type_url, it.name): it for of_type in self._held.values() for it in of_type.values()}
        self._acknowledged: dict[Reference, str] = {}
        self._owes_word = False

    def latest(self) -> GatewayResources | None:
        """What the gateway is to have, in a version of its own also where it says what an earlier one said."""
        if self._is_new and self._is_whole and not self._lacks:
            self._is_new = False
            of_all = gateway_resources(it for of_type in self._held.values() for it in of_type.values())
            self._state = replace(of_all, version=f"{of_all.version}-{next(self._numbers)}")
        return self._state

    @property
    def accepted(self) -> GatewayResources | None:
        """What the gateway is known to take."""
        return self._accepted

    @property
    def is_waiting(self) -> bool:
        """Whether something has come that is not passed on before what it needs has come, too."""
        return bool(self._lacks)

    @property
    def owes_word(self) -> bool:
        """Whether the gateway has refused what no open response brought: a new stream is the way to say that."""
        return self._owes_word

    def sizes(self) -> dict[str, float]:
        """How many resources there are, by the short name of their type."""
        return {type_url.rpartition(".")[2]: float(len(held)) for type_url, held in self._held.items()}

    def hello(self, who: Who) -> list[Request]:
        """The first requests of a stream: all of every type, but for what is here already."""
        self._open.clear()
        self._lacks.clear()
        self._owes_word = False
        requests = [
            discovery_pb2.DeltaDiscoveryRequest(
                type_url=type_url,
                resource_names_subscribe=[WILDCARD],
                initial_resource_versions=self._versions(type_url),
            )
            for type_url in PUSH_ORDER
        ]
        requests[0].node.CopyFrom(base_pb2.Node(id=who.node, cluster=who.gateway))
        return requests

    def on_response(self, response: Response) -> list[Request]:
        """Takes it in. What need not wait for the gateway is answered at once."""
        of_type = self._held.get(response.type_url, {})
        if wrong := what_is_wrong(response, of_type):
            return [_answer(response.type_url, response.nonce, wrong)]
        if response.resources and self._is_whole:
            self._own()
        taken = self._take(response, of_type)
        if not self._is_whole:
            without = meant_empty(response.system_version_info)
            self._is_whole = all(held or type_url in without for type_url, held in self._held.items())
            if not self._is_whole:  # the next phase comes only when this one is answered
                return [_answer(taken.type_url, taken.nonce, "")]
            self._own()
        self._open.append(taken)
        return []

    def on_patience_end(self) -> None:
        """What is waited for does not come: the rest is passed on without it."""
        self._lacks.clear()

    def on_new_client(self) -> None:
        """What another refused is asked of this one anew."""
        self._owes_word = self._owes_word or bool(self._refused)
        self._refused.clear()

    def on_ack(self, ack: Ack) -> None:
        """The gateway has these. What it has not asked for, and may yet refuse, is not among them."""
        self._acknowledged.update({(ack.type_url, name): version for name, version in ack.versions.items()})

    def on_stay(self, refusal: Refusal) -> None:
        """The gateway refused to remove these."""
        self._stayed.update({(refusal.type_url, name): refusal.message for name in refusal.names})

    def on_settled(self, refusals: Iterable[Refusal]) -> list[Request]:
        """The gateway has taken all of `latest` but for the refusals. The answers to what waited for that."""
        if self.is_waiting:
            return []
        asked = {(it.type_url, name): version for it in self._open for name, version in it.versions.items()}
        for refusal in refusals:
            for name, version in refusal.versions.items():
                self._on_refusal((refusal.type_url, name), version, refusal.message, asked)
            self._withdraw_what_is_built_on(refusal)
        answers = [_answer(it.type_url, it.nonce, self._blame(it)) for it in self._open]
        self._open.clear()
        self._stayed.clear()
        self._accept()
        return answers

    def _accept(self) -> None:
        state = self.latest()
        if state is None or state is self._judged:
            return
        self._judged = state
        for reference, version in self._acknowledged.items():
            it = state.of_type(reference[0]).get(reference[1])
            if it and it.version == version:
                self._taken[reference] = it
        self._acknowledged.clear()
        if self._accepted is None or state.changes_since(self._accepted):
            self._accepted = state

    def _own(self) -> None:
        """Reads what names what. On disk that is not kept, and it is needed only where something is changing."""
        if not self._is_owned:
            self._is_owned = True
            for it in with_owners([it for of_type in self._held.values() for it in of_type.values()]):
                self._held[it.type_url][it.name] = it

    def _versions(self, type_url: str) -> dict[str, str]:
        """What is here. Of what the gateway refused no version is named: it comes again, or is told to be gone."""
        return {
            name: it.version if self._refused.get((type_url, name), ("", ""))[0] != it.version else ABSENT
            for name, it in self._held[type_url].items()
        }

    def _take(self, response: Response, of_type: dict[str, XdsResource]) -> _Open:
        blame = ""
        for sent in response.resources:
            reference = (response.type_url, sent.name)
            version, message = self._refused.get(reference, ("", ""))
            if version == sent.version:
                # It comes again in ever smaller company, until the one is found that is to blame.
                blame = blame or message
                continue
            self._refused.pop(reference, None)
            self._lacks.discard(reference)
            known = of_type.get(sent.name)
            if known is None or known.version != sent.version:
                of_type[sent.name] = self._look_into(resource_in(sent)) if self._is_whole else resource_in(sent)
                self._is_new = True
        for name in response.removed_resources:
            reference = (response.type_url, name)
            self._refused.pop(reference, None)
            self._taken.pop(reference, None)
            self._lacks.discard(reference)
            self._is_new |= of_type.pop(name, None) is not None
        versions = {sent.name: sent.version for sent in response.resources}
        return _Open(response.type_url, response.nonce, versions, frozenset(response.removed_resources), blame)

    def _look_into(self, resource: XdsResource) -> XdsResource:
        named = named_in(resource) if resource.type_url in (CLUSTER, ROUTES, SCOPE) else ()
        if resource.type_url == CLUSTER:
            self._lacks |= {it for it in named if it[0] in _WARMS and it[1] not in self._held[it[0]]}
        return owned(resource, named)

    def _on_refusal(self, reference: Reference, version: str, message: str, asked: Mapping[Reference, str]) -> None:
        if self._refused.get(reference, ("", ""))[0] == version:
            return
        type_url, name = reference
        current = self._held[type_url].get(name)
        if current is None or current.version != version:
            return  # it was about what has been replaced since
        self._refused[reference] = version, message
        self._owes_word = self._owes_word or asked.get(reference) != version
        self._withdraw(current)

    def _withdraw(self, resource: XdsResource) -> None:
        """The gateway does not have it, and goes on with what it took before."""
        of_type, before = self._held[resource.type_url], self._taken.get((resource.type_url, resource.name))
        if before and before.version == resource.version:
            return  # another client took it once, and a next one may: what was accepted is never lost by a refusal
        self._is_new = True
        if before:
            of_type[resource.name] = before
        else:
            del of_type[resource.name]

    def _withdraw_what_is_built_on(self, refusal: Refusal) -> None:
        for type_url, of_type in self._held.items():
            if PHASE_OF[type_url] > PHASE_OF[refusal.type_url]:
                for resource in [it for it in of_type.values() if not refusal.owners.isdisjoint(it.owners)]:
                    self._withdraw(resource)

    def _blame(self, it: _Open) -> str:
        if it.blame:
            return it.blame
        for name, version in it.versions.items():
            refused, message = self._refused.get((it.type_url, name), ("", ""))
            if refused == version:
                return message
        return next((self._stayed[it.type_url, name] for name in it.removed if (it.type_url, name) in self._stayed), "")


def _answer(type_url: str, nonce: str, refusal: str) -> Request:
    request = discovery_pb2.DeltaDiscoveryRequest(type_url=type_url, response_nonce=nonce)
    if refusal:
        request.error_detail.code = 3  # INVALID_ARGUMENT
        request.error_detail.message = refusal
    return request
