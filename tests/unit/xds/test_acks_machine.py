"""Whatever is published, taken, refused and cut off in whatever order: what is told of clients is true of them."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from modelfleet.xds.acks import Acks, InPlace
from modelfleet.xds.events import Connected, Disconnected, Settled
from modelfleet.xds.state import GatewayResources, gateway_resources
from tests.sizes import scale
from tests.unit.xds.making import cluster, endpoints, policy

NAMES, NODES = ("p", "q", "r"), ("a", "b")
MIXED = -1
"""The variant of a policy of which a client has some of this and some of that."""


@dataclass
class State:
    """What was published at some time."""

    resources: GatewayResources
    variants: dict[str, int]


@dataclass
class Client:
    """One that really has something of each policy."""

    target: int = 0
    """The state that it is being given."""
    holds: dict[str, int] = field(default_factory=dict)
    settled: int | None = None
    """The last state that it took whole, but for what was affected."""
    affected: frozenset[str] = frozenset()


class Watching(RuleBasedStateMachine):
    """The model keeps everything: all states that ever were, and what each client has."""

    def __init__(self) -> None:
        super().__init__()
        self.acks = Acks("xds", lambda: 0.0)
        self.history: list[State] = []
        self.clients: dict[str, Client] = {}
        self.variants: dict[str, int] = {}
        self.generations: dict[str, int] = dict.fromkeys(NAMES, 0)
        self.meant: dict[tuple[str, int], int] = {}
        """The variant of each generation."""
        self.more = 0

    @initialize()
    def begin(self) -> None:
        self.publish()

    def publish(self) -> None:
        owned = [cluster(name, variant, owners=[policy(name)]) for name, variant in self.variants.items()]
        resources = gateway_resources([*owned, endpoints("e", self.more, owners=map(policy, self.variants))])
        self.history.append(State(resources, dict(self.variants)))
        in_place = {policy(name): InPlace(name, self.generations[name], "") for name in self.variants}
        self.acks.publish("g", resources, in_place)

    @rule(name=st.sampled_from(NAMES), variant=st.integers(0, 2))
    def edit(self, name: str, variant: int) -> None:
        self.generations[name] += 1
        self.variants[name] = self.meant[name, self.generations[name]] = variant
        self.publish()

    @rule(name=st.sampled_from(NAMES))
    def delete(self, name: str) -> None:
        self.variants.pop(name, None)
        self.publish()

    @rule()
    def move_endpoints(self) -> None:
        self.more += 1
        self.publish()

    @rule(node=st.sampled_from(NODES))
    def come_for_the_first_time(self, node: str) -> None:
        if node not in self.clients:
            self.clients[node] = Client(len(self.history) - 1)
            self.acks.hear(node, "g", Connected())

    @rule(node=st.sampled_from(NODES), empty=st.booleans())
    def come_back(self, node: str, empty: bool) -> None:
        if client := self.clients.get(node):
            self.acks.hear(node, "g", Disconnected())
            if empty:
                self.clients[node] = Client()
            else:  # it may have been somewhere else, and taken anything
                client.holds = dict.fromkeys(client.holds, MIXED) if self.more % 2 else client.holds
            self.clients[node].target = len(self.history) - 1
            self.acks.hear(node, "g", Connected(came_back=not empty))

    @rule(node=st.sampled_from(NODES))
    def look_at_the_newest(self, node: str) -> None:
        if client := self.clients.get(node):
            client.target = len(self.history) - 1

    @rule(node=st.sampled_from(NODES), name=st.sampled_from(NAMES))
    def take_a_part(self, node: str, name: str) -> None:
        if client := self.clients.get(node):
            wanted = self.history[client.target].variants.get(name)
            if wanted is not None and client.holds.get(name) != wanted:
                client.holds[name] = MIXED

    @rule(node=st.sampled_from(NODES), affected=st.frozensets(st.sampled_from(NAMES)))
    def settle(self, node: str, affected: frozenset[str]) -> None:
        if client := self.clients.get(node):
            state = self.history[client.target]
            affected &= state.variants.keys()
            kept = {name: variant for name, variant in client.holds.items() if name in affected}
            client.holds = {**{it: one for it, one in state.variants.items() if it not in affected}, **kept}
            client.settled = self.last_of(state.resources.version)
            client.affected = affected
            keys = frozenset(map(policy, affected))
            self.acks.hear(node, "g", Settled(state.resources.version, not affected, keys))

    def last_of(self, version: str) -> int:
        """The same state may have been there more than once."""
        return max(number for number, one in enumerate(self.history) if one.resources.version == version)

    @invariant()
    def is_true(self) -> None:
        if not self.history:
            return
        (gateway,) = self.acks.document()["gateways"]
        told = {one["id"]: one for one in gateway["nodes"]}
        assert told.keys() == self.clients.keys()
        for node, client in self.clients.items():
            behind = {one["name"]: one["has"] for one in told[node]["behind"]}
            assert not behind or not told[node]["new"]
            assert behind.keys() <= self.variants.keys()
            for name, variant in self.variants.items():
                if name in behind:
                    self.keeps(client, name, behind[name])
                    assert not self.must_have(client, name), f"{node} has {name} since it settled"
                elif told[node]["new"]:
                    assert client.settled is None, f"{node} has settled"
                elif told[node]["settled"]:
                    assert client.holds.get(name) == variant, f"{node} does not have {name}"

    def must_have(self, client: Client, name: str) -> bool:
        """Whether nothing has changed of it since the client took it."""
        if client.settled is None or name in client.affected:
            return False
        since = {one.variants.get(name) for one in self.history[client.settled :]}
        return len(since) == 1

    def keeps(self, client: Client, name: str, has: Any) -> None:
        """What it is said to have instead is what it has, as far as that can be known."""
        holds = client.holds.get(name)
        if has is None:
            assert holds in (None, MIXED), f"it has variant {holds}"
        elif has["generation"] and holds != MIXED:
            assert self.meant[name, has["generation"]] == holds


TestWatching = Watching.TestCase
TestWatching.settings = settings(max_examples=scale(60, 2_000), stateful_step_count=30)
