"""One xds replica with a herd of gateways, and the fleet that they are told of."""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from modelfleet.envoy.types import CLUSTER, ENDPOINTS
from modelfleet.fleet.world import Gateway
from modelfleet.xds.state import GatewayResources
from tests.support.gateways.edits import edited
from tests.support.gateways.fleets import GATEWAYS, Compiler, Fleet
from tests.support.gateways.herd import Herd
from tests.support.gateways.loop import Loop
from tests.support.gateways.pool import Pool
from tests.support.gateways.replica import Replica
from tests.support.gateways.stub import StubGateway

LINGER_S = 0.05
Named = tuple[str, str]
"""Type and name."""


@dataclass
class Scene:
    """What each test begins with."""

    replica: Replica
    herd: Herd
    fleet: Fleet
    dice: random.Random
    compiler: Compiler
    states: Mapping[str, GatewayResources] = field(default_factory=dict)

    @property
    def state(self) -> GatewayResources:
        """What the gateway `default` is to have."""
        return self.states["default"]

    def publish(self, fleet: Fleet) -> GatewayResources:
        """It is compiled and published, and nobody is waited for. The state that was there before."""
        before, self.fleet = self.state, fleet
        self.states = self.compiler.compile(fleet)
        self.replica.publish(self.states)
        return before

    def edit(self) -> GatewayResources:
        """Some edit, which changes something."""
        version, before = self.state.version, self.state
        while self.state.version == version:
            before = self.publish(edited(self.fleet, self.dice))
        return before

    def wait(self, gateways: Collection[StubGateway]) -> float:
        """Until these have it all, and have said so; seconds from the publish to the last word."""
        times = []
        for name, state in self.states.items():
            if own := [one for one in gateways if one.gateway == name]:
                self.herd.wait_until_all_have(state, own)
                times.append(self.replica.wait_until_settled(state, [one.node for one in own]))
        return max(times, default=0.0)


@contextmanager
def scene(
    fleet: Fleet, seed: int = 0, gateways: Mapping[str, Gateway] = GATEWAYS, address: str = "127.0.0.1:0"
) -> Iterator[Scene]:
    """The fleet is published, and nobody is connected."""
    compiler = Compiler(gateways)
    states = compiler.compile(fleet)
    with Loop() as loop, Replica(loop, address, LINGER_S) as replica, Herd(loop) as herd:
        replica.publish(states)
        yield Scene(replica, herd, fleet, random.Random(seed), compiler, states)


def owed(before: GatewayResources, after: GatewayResources) -> Counter[Named]:
    """What a gateway must be sent from one state to the next: what is new, and the endpoints of changed clusters."""
    pool, found = Pool(), set[Named]()
    for type_url, of_type in after.by_type.items():
        former = before.of_type(type_url)
        new = [it for name, it in of_type.items() if name not in former or former[name].body != it.body]
        found |= {(type_url, it.name) for it in new}
        if type_url == CLUSTER:
            told = after.of_type(ENDPOINTS)
            found |= {it for resource in new for it in pool.read(resource).references if it[1] in told}
    return Counter(found)


def sent(gateways: Iterable[StubGateway], since: int) -> dict[str, Counter[Named]]:
    """By node, what came since it had so many responses."""
    return {
        one.node: Counter((receipt.type_url, name) for receipt in one.state.receipts[since:] for name in receipt.names)
        for one in gateways
    }
