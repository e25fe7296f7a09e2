"""A gateway whose clients do as a test says, and what is told of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from modelfleet.envoy.types import CLUSTER
from modelfleet.findings import Key
from modelfleet.xds.acks import Acks, InPlace
from modelfleet.xds.events import Connected, Event, Refusal, Settled
from modelfleet.xds.state import GatewayResources, gateway_resources
from tests.unit.xds.making import cluster, endpoints, policy

GATEWAY = "edge"


def state_of(variants: Mapping[str, int], more: int = 0) -> GatewayResources:
    """Each policy in a variant, and endpoints in one."""
    owned = [cluster(name, variant, owners=[policy(name)]) for name, variant in variants.items()]
    return gateway_resources([*owned, endpoints("e", more, owners=map(policy, variants))])


class Scene:
    """One gateway, and clients that do as they are told."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.acks = Acks("xds-0", lambda: self.now)
        self.state = state_of({})

    def publish(self, variants: Mapping[str, int], generation: int = 1, more: int = 0) -> GatewayResources:
        self.state = state_of(variants, more)
        in_place = {policy(name): InPlace(f"u-{name}", generation, f"r{it}") for name, it in variants.items()}
        self.acks.publish(GATEWAY, self.state, in_place)
        return self.state

    def hear(self, node: str, *events: Event) -> None:
        for event in events:
            self.acks.hear(node, GATEWAY, event)

    def settle(self, node: str, affected: Iterable[Key] = (), state: GatewayResources | None = None) -> None:
        keys = frozenset(affected)
        self.hear(node, Settled((state or self.state).version, not keys, keys))

    def refuse(self, node: str, name: str, message: str = "no") -> None:
        """It takes all but the cluster of a policy."""
        version = self.state.of_type(CLUSTER)[name].version
        self.hear(node, Refusal(CLUSTER, {name: version}, message, frozenset({policy(name)})))
        self.settle(node, [policy(name)])

    def join(self, *nodes: str) -> None:
        """They come for the first time, and take everything."""
        for node in nodes:
            self.hear(node, Connected())
            self.settle(node)

    @property
    def number(self) -> int:
        number: int = self.acks.document()["number"]
        return number

    def gateway(self) -> Any:
        (found,) = self.acks.document()["gateways"]
        return found

    def node(self, node: str) -> Any:
        return {one["id"]: one for one in self.gateway()["nodes"]}[node]

    def behind(self, node: str) -> dict[str, int | None]:
        """The generations that it has of what it has not as it is to be."""
        return {one["name"]: one["has"] and one["has"]["generation"] for one in self.node(node)["behind"]}
