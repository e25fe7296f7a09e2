"""Two xds replicas that never talk: what they serve is the same to the byte, and who moves is sent nothing twice."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from modelfleet.xds.state import GatewayResources
from tests.sizes import scale
from tests.support.gateways.edits import edited
from tests.support.gateways.fleets import Compiler, Fleet, fleet_of
from tests.support.gateways.herd import Herd
from tests.support.gateways.loop import Loop
from tests.support.gateways.replica import Replica
from tests.support.gateways.scene import LINGER_S
from tests.support.gateways.state import digest_of
from tests.support.gateways.stub import StubGateway

POLICIES = scale(8, 25)
ROUNDS = scale(12, 100)
SEEDS = range(scale(2, 10))
MOVERS = scale(3, 6)


@dataclass
class Pair:
    """Two replicas, one of which has a past, and gateways at each of them."""

    herd: Herd
    replicas: tuple[Replica, Replica]
    compilers: tuple[Compiler, Compiler]
    fleet: Fleet
    dice: random.Random

    def states(self) -> tuple[GatewayResources, GatewayResources]:
        """The fleet as each of them sees it, one in another order than the other."""
        one, other = self.compilers
        return one.compile(self.fleet)["default"], other.compile(self.fleet.shuffled(self.dice))["default"]

    def addresses(self) -> tuple[str, str]:
        return self.replicas[0].address, self.replicas[1].address


@contextmanager
def pair(seed: int) -> Iterator[Pair]:
    dice = random.Random(seed)
    young, old = Compiler(), Compiler()
    former = fleet_of(POLICIES)
    for _ in range(10):
        former = edited(former, dice)
        old.compile(former.shuffled(dice))
    address = "127.0.0.1:0"
    with Loop() as loop, ExitStack() as stack:
        one, other = (stack.enter_context(Replica(loop, address, LINGER_S)) for _ in range(2))
        herd = stack.enter_context(Herd(loop))
        yield Pair(herd, (one, other), (young, old), fleet_of(POLICIES), dice)


def bytes_of(state: GatewayResources) -> str:
    return digest_of(it for of_type in state.by_type.values() for it in of_type.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_two_replicas_serve_the_same_bytes_at_all_times(seed: int, evidence: Callable[..., None]) -> None:
    with pair(seed) as it:
        stubs = [it.herd.add(2, address, named=f"at-{address}") for address in it.addresses()]
        for _ in range(ROUNDS):
            states = it.states()
            assert states[0].version == states[1].version
            for replica, state in zip(it.replicas, states, strict=True):
                replica.publish({"default": state})
            it.herd.wait_until_all_have(states[0], [*stubs[0], *stubs[1]])
            assert it.herd.digests([*stubs[0], *stubs[1]]) == {bytes_of(state) for state in states}
            it.fleet = edited(it.fleet, it.dice)
    evidence(snapshots=ROUNDS, differing=0)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_gateway_that_moves_between_them_is_sent_nothing_twice(seed: int, evidence: Callable[..., None]) -> None:
    with pair(seed) as it:
        moving, staying = it.herd.add(MOVERS, it.addresses()[0]), it.herd.add(1, it.addresses()[1], named="stays")
        for _ in range(ROUNDS):
            states = it.states()
            # Each replica hears of the edit at some moment, and meanwhile they say different things.
            deeds = [partial(it.replicas[at].publish, {"default": states[at]}) for at in (0, 1)]
            for one in moving:
                deeds += [partial(it.herd.move, one, address) for address in it.dice.sample(it.addresses(), 2)]
            for deed in it.dice.sample(deeds, len(deeds)):
                deed()
                it.herd.pause(it.dice.choice([0, 0, 0.001, 0.003, 0.01]))
            it.herd.wait_until_all_have(states[0], [*moving, *staying])
            assert it.herd.digests([*moving, *staying]) == {bytes_of(states[0])}
            assert twice(it.herd, moving) == []
            it.fleet = edited(it.fleet, it.dice)
        moves = it.herd.look(lambda: sum(one.connections - 1 for one in moving))
        responses = it.herd.look(lambda: sum(len(one.state.receipts) for one in moving))
        in_vain = [one.waited_in_vain for one in moving]
    evidence(snapshots=ROUNDS, moves=moves, responses=responses, twice=0)
    assert in_vain == [[]] * MOVERS
    assert moves > ROUNDS


def test_a_gateway_that_moves_when_nothing_has_changed_is_sent_nothing_at_all() -> None:
    with pair(0) as it:
        stubs = it.herd.add(MOVERS, it.addresses()[0])
        for replica, state in zip(it.replicas, it.states(), strict=True):
            replica.publish({"default": state})
        state = it.states()[0]
        it.herd.wait_until_all_have(state, stubs)
        it.replicas[0].wait_until_settled(state, [one.node for one in stubs])
        told = it.herd.look(lambda: [len(one.state.receipts) for one in stubs])
        for one in stubs:
            it.herd.move(one, it.addresses()[1])
        it.replicas[1].wait_until_settled(state, [one.node for one in stubs])
        assert it.herd.look(lambda: [len(one.state.receipts) for one in stubs]) == told


def twice(herd: Herd, gateways: list[StubGateway]) -> list[str]:
    """What any of them was sent though it had it."""
    return herd.look(lambda: [f"{one.node} {name}" for one in gateways for name in one.state.repeats])
