"""What the gateways of this server have acknowledged and refused, for `/acks`: by policy, and free of credentials.

A client settles on a whole state. Each policy has the number of the state in which it last changed, so a client has the
newest version of all policies but those that changed since the state that it settled on, and those that it refused.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from threading import Condition
from typing import Any, NamedTuple

from modelfleet.envoy.types import ENDPOINTS, SECRET
from modelfleet.findings import Key
from modelfleet.xds.events import Connected, Disconnected, Event, Refusal, Settled
from modelfleet.xds.state import GatewayResources

VERSION = 1
FORGOTTEN_S = 300.0
"""How long a client is remembered after it has gone: five times as long as anybody counts it."""
MOST_STATES, MOST_TOLD = 4096, 16
"""So many states are known by their numbers, and of so many the policies, to say what a client kept."""
LIVE = frozenset({ENDPOINTS, SECRET})
"""What changes under a policy without its being another one."""


class InPlace(NamedTuple):
    """A policy as some state has it."""

    uid: str
    generation: int
    revision: str
    """What decision records call it."""
    digest: str = ""
    """Over all that gateways are sent because of it, but for endpoints and secrets."""


Policies = Mapping[Key, InPlace]
UNKNOWN = InPlace("", 0, "")
"""Something, or nothing, that was not given from here."""


@dataclass(slots=True)
class Node:
    """One client, however often it has come back."""

    streams: int = 0
    since: float = 0.0
    """When it came, or went."""
    settled: bool = False
    """Whether it has settled on anything since it came."""
    version: str = ""
    number: int = 0
    """Of the state that it last settled on; 0 for none that is known."""
    policies: Policies | None = None
    """Those of that state, as long as they are remembered; None where that is not known."""
    kept: dict[Key, InPlace | None] = field(default_factory=dict)
    """What it has of the policies that it refused, or could not be sent because of that."""
    refused: dict[tuple[str, str], Refusal] = field(default_factory=dict)
    """By type and name, also in versions that are no more."""

    def come(self, now: float, *, came_back: bool) -> None:
        """A stream of it begins. Meanwhile it may have been elsewhere, or have been started anew."""
        self.streams, self.since, self.settled = self.streams + 1, now, False
        if came_back:
            self.policies, self.kept = None, dict.fromkeys(self.kept, UNKNOWN)
        else:
            self.number, self.policies, self.kept, self.refused = 0, {}, {}, {}

    def had(self, key: Key) -> InPlace | None:
        """What it has of a policy, None for nothing."""
        if key in self.kept:
            return self.kept[key]
        return UNKNOWN if self.policies is None else self.policies.get(key)


@dataclass(slots=True)
class Ledger:
    """One gateway: its states, and who has settled on which."""

    number: int = 0
    state: GatewayResources | None = None
    policies: Policies = field(default_factory=dict)
    changed: dict[Key, int] = field(default_factory=dict)
    """The number of the state in which each policy last changed."""
    last: int = 0
    """The largest of these."""
    numbers: dict[str, int] = field(default_factory=dict)
    """By version, the oldest first."""
    told: dict[str, Policies] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)

    def publish(self, state: GatewayResources, policies: Policies) -> bool:
        """A state that clients may settle on from now on. Whether any policy is not what it was."""
        # Another generation may come to the very same resources, and nobody is sent anything for it.
        self.number += self.state is None or state.version != self.state.version
        for key, one in policies.items():
            if (before := self.policies.get(key)) is None or before.digest != one.digest:
                self.changed[key] = self.last = self.number
        for key in self.changed.keys() - policies.keys():
            del self.changed[key]
        is_news = self.state is None or policies != self.policies
        self.state, self.policies = state, policies
        _remember(self.numbers, state.version, self.number, MOST_STATES)
        _remember(self.told, state.version, policies, MOST_TOLD)
        return is_news

    def hear(self, node: Node, event: Event, now: float) -> bool:
        """What the stream of a client tells, and whether that is worth telling others."""
        match event:
            case Connected(came_back):
                node.come(now, came_back=came_back)
            case Disconnected():
                node.streams, node.since = max(node.streams - 1, 0), now
                self.forget(now)
            case Refusal(type_url, versions, _, _):
                node.refused |= {(type_url, name): event for name in versions}
            case Settled():
                before = self._matters(node)
                self._settle(node, event)
                return before != self._matters(node)
            case _:  # it has taken something, and what that comes to it says when it has settled
                return False
        return True

    def _matters(self, node: Node) -> tuple[Any, ...]:
        return node.settled, node.number > 0, self.behind(node), self.refusals(node)

    def _settle(self, node: Node, settled: Settled) -> None:
        """It has all of that state but for what it refused, of which it has what it had."""
        node.kept = {key: node.had(key) for key in settled.affected}
        node.version, node.settled = settled.version, True
        node.number = self.numbers.get(settled.version, 0)
        node.policies = self.told.get(settled.version)
        open_ = () if settled.complete else node.refused.items()
        # Of what concerns no object it is not said whether it is still refused, before all is in order.
        node.refused = {it: one for it, one in open_ if not (owners := self._owners(one)) or owners & settled.affected}

    def behind(self, node: Node) -> list[Key]:
        """The policies of which the client is not known to have the newest version, where it is known to have some."""
        if not node.number:
            return []
        missing = set(node.kept)
        if node.number < self.last:
            missing |= {key for key, number in self.changed.items() if number > node.number}
        return sorted(key for key in missing & self.policies.keys() if not self._has(node, key))

    def _has(self, node: Node, key: Key) -> bool:
        """Whether what was withheld from it changes nothing: it had the very same before."""
        kept = node.kept.get(key)
        same = kept is not None and kept.digest == self.policies[key].digest
        return same and self.changed[key] <= node.number

    def refusals(self, node: Node) -> list[Refusal]:
        """What the client refuses of the present state. Another version of the same is another attempt."""
        assert self.state is not None
        found = {(it.type_url, it.names): it for it in node.refused.values()}
        return [replace(it, owners=self._owners(it)) for it in found.values() if self._is_open(it, self.state)]

    def _owners(self, refusal: Refusal) -> frozenset[Key]:
        """Those who need by now what is refused: it stays as it is when somebody else comes to need it, too."""
        of_type = self.state.of_type(refusal.type_url) if self.state else {}
        owners = [of_type[name].owners for name in refusal.versions if name in of_type]
        return frozenset[Key]().union(*owners) if owners else refusal.owners

    @staticmethod
    def _is_open(refusal: Refusal, state: GatewayResources) -> bool:
        of_type = state.of_type(refusal.type_url)
        now = {name: it.version if (it := of_type.get(name)) else "" for name in refusal.versions}
        return any(now[name] == version for name, version in refusal.versions.items())

    def forget(self, now: float) -> None:
        """Lets go of clients that went long ago."""
        gone = [it for it, node in self.nodes.items() if not node.streams and now - node.since > FORGOTTEN_S]
        for node_id in gone:
            del self.nodes[node_id]


class Acks:
    """For several threads at once: the loop of the streams tells, and whoever asks is answered from another."""

    def __init__(self, who: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._who = who
        self._clock = clock
        self._condition = Condition()
        self._ledgers: dict[str, Ledger] = {}
        self._strangers: dict[str, int] = {}
        self._number = 0

    def publish(self, gateway: str, state: GatewayResources, policies: Policies) -> None:
        """What the gateway is to have from now on, to be said before any client can settle on it."""
        digests = _digests(state)
        whole = {key: one._replace(digest=digests.get(key, "")) for key, one in policies.items()}
        with self._condition:
            if self._ledgers.setdefault(gateway, Ledger()).publish(state, whole):
                self._tell()

    def hear(self, node_id: str, gateway: str, event: Event) -> None:
        """Takes in what a stream tells."""
        with self._condition:
            if ledger := self._ledgers.get(gateway):
                node = ledger.nodes.setdefault(node_id, Node(since=self._clock()))
                is_news = ledger.hear(node, event, self._clock())
            else:
                is_news = self._hear_stranger(gateway, event)
            if is_news:
                self._tell()

    def wait(self, number: int, patience: float) -> None:
        """Until there is something else to tell than with this number, but no longer than so."""
        with self._condition:
            self._condition.wait_for(lambda: self._number != number, patience)

    def document(self) -> dict[str, Any]:
        """All of it, as it is told."""
        with self._condition:
            return {
                "v": VERSION,
                "xds": self._who,
                "number": self._number,
                "gateways": [self._said_of(name, ledger) for name, ledger in sorted(self._ledgers.items())],
                "strangers": sorted(self._strangers),
            }

    def connected(self) -> dict[str, float]:
        """How many clients each gateway has now."""
        return self._count(lambda *_: 1.0)

    def current(self) -> dict[str, float]:
        """How many of them have the newest state whole."""
        return self._count(
            lambda ledger, node: float(node.settled and node.number == ledger.number and not ledger.refusals(node))
        )

    def refused(self) -> dict[str, float]:
        """How many resources they refuse at present."""
        return self._count(lambda ledger, node: float(len(ledger.refusals(node))))

    def _count(self, worth: Callable[[Ledger, Node], float]) -> dict[str, float]:
        with self._condition:
            return {
                name: sum(worth(ledger, node) for node in ledger.nodes.values() if node.streams)
                for name, ledger in self._ledgers.items()
            }

    def _tell(self) -> None:
        self._number += 1
        self._condition.notify_all()

    def _hear_stranger(self, gateway: str, event: Event) -> bool:
        """Somebody asks for a gateway that is not set up here: the policies that name it want to know."""
        more = 1 if isinstance(event, Connected) else -1 if isinstance(event, Disconnected) else 0
        left = self._strangers.pop(gateway, 0) + more
        if left > 0:
            self._strangers[gateway] = left
        return more != 0

    def _said_of(self, name: str, ledger: Ledger) -> dict[str, Any]:
        now = self._clock()
        ledger.forget(now)
        return {
            "name": name,
            "version": ledger.state.version if ledger.state else "",
            "policies": [{**_named(key), **_said(one)} for key, one in sorted(ledger.policies.items())],
            "nodes": [_node(it, node, ledger, now) for it, node in sorted(ledger.nodes.items())],
        }


def _node(node_id: str, node: Node, ledger: Ledger, now: float) -> dict[str, Any]:
    return {
        "id": node_id,
        "connected": node.streams > 0,
        "settled": node.settled,
        # Of all policies of all clients that have just been started one would have to tell a lot.
        "new": not node.number,
        "seconds": round(now - node.since, 3),
        "version": node.version,
        "behind": [{**_named(key), "has": _said(node.had(key))} for key in ledger.behind(node)],
        "refused": [_refusal(one) for one in ledger.refusals(node)],
    }


def _refusal(refusal: Refusal) -> dict[str, Any]:
    return {
        "type": refusal.type_url.rpartition(".")[2],
        "names": list(refusal.names),
        "message": refusal.message,
        "owners": [{"kind": key.kind, **_named(key)} for key in sorted(refusal.owners)],
    }


def _named(key: Key) -> dict[str, str]:
    return {"namespace": key.namespace, "name": key.name}


def _said(one: InPlace | None) -> Any:
    return {"uid": one.uid, "generation": one.generation, "revision": one.revision} if one else None


def _digests(state: GatewayResources) -> dict[Key, str]:
    """Of each policy a hash over what is sent because of it."""
    hashes: dict[Key, Any] = {}
    for type_url, resources in state.by_type.items():
        for name, resource in resources.items() if type_url not in LIVE else ():
            for key in resource.owners:
                if key.kind == "RoutingPolicy":
                    digest = hashes.setdefault(key, blake2b(digest_size=8))
                    digest.update(f"{type_url}\0{name}\0{resource.version}\0".encode())
    return {key: digest.hexdigest() for key, digest in hashes.items()}


def _remember(known: dict[str, Any], name: str, value: Any, most: int) -> None:
    known.pop(name, None)
    known[name] = value
    while len(known) > most:
        del known[next(iter(known))]
