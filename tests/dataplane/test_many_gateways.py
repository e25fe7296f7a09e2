"""Many gateways on one xds: what an edit sends to each of them, and that a bad one among them is borne by nobody else.

None of them is an Envoy, so that there can be a hundred; `envoy/test_many_gateways.py` has some that are.
"""

from collections.abc import Callable

import pytest

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import ROUTES
from modelfleet.findings import Key
from modelfleet.xds.events import Settled, StreamStatus
from tests.sizes import scale
from tests.support.gateways.fleets import fleet_of
from tests.support.gateways.memory import resident_mb
from tests.support.gateways.rude import DeafGateway, LoopingGateway
from tests.support.gateways.scene import Scene, owed, scene, sent
from tests.support.gateways.stub import StubGateway

STUBS = scale(20, 100)
POLICIES = scale(10, 30)
EDITS = scale(15, 300)


def receipts(scene: Scene, one: StubGateway) -> int:
    return scene.herd.look(lambda: len(one.state.receipts))


def refused_word(word: bytes) -> Callable[[XdsResource], bool]:
    return lambda it: it.type_url == ROUTES and word in it.body


def percentiles(times_s: list[float]) -> dict[str, float]:
    ordered = sorted(1000 * it for it in times_s)
    return {"p50_ms": round(ordered[len(ordered) // 2], 1), "max_ms": round(ordered[-1], 1)}


# All of them behave.


@pytest.mark.parametrize("seed", range(scale(1, 5)))
def test_an_edit_reaches_all_and_each_is_sent_only_what_changed(seed: int, evidence: Callable[..., None]) -> None:
    times, resources = [], 0
    with scene(fleet_of(POLICIES), seed) as it:
        all_of_them = it.herd.add(STUBS, it.replica.address)
        first_s = it.wait(all_of_them)
        for _ in range(EDITS):
            marks = {one.node: receipts(it, one) for one in all_of_them}
            expected = owed(it.edit(), it.state)
            times.append(it.wait(all_of_them))
            for one in all_of_them:
                assert sent([one], marks[one.node]) == {one.node: expected}
            resources += expected.total()
        assert [one.state.repeats for one in all_of_them] == [[]] * STUBS
        assert {one.connections for one in all_of_them} == {1}
    evidence(
        gateways=STUBS, edits=EDITS, resources_each=resources, first_ms=round(1000 * first_s), **percentiles(times)
    )


def test_an_edit_of_one_policy_sends_one_resource(evidence: Callable[..., None]) -> None:
    times = []
    with scene(fleet_of(POLICIES)) as it:
        all_of_them = it.herd.add(STUBS, it.replica.address)
        it.wait(all_of_them)
        for number in range(POLICIES):
            marks = [receipts(it, one) for one in all_of_them]
            it.publish(it.fleet.with_rule(number, f"edited-{number}"))
            times.append(it.wait(all_of_them))
            for one, mark in zip(all_of_them, marks, strict=True):
                assert sent([one], mark) == {one.node: {(ROUTES, f"default/p{number}"): 1}}
    evidence(gateways=STUBS, edits=POLICIES, **percentiles(times))


# One does not.


def test_edits_reach_all_others_beside_four_that_misbehave(evidence: Callable[..., None]) -> None:
    times = []
    with scene(fleet_of(POLICIES)) as it:
        good = it.herd.add(STUBS, it.replica.address)
        refusing, stalling = it.herd.add(2, it.replica.address, named="bad")
        refusing.refuses(refused_word(b"unloved"))
        deaf = it.herd.keep(DeafGateway("deaf", "default", it.replica.address))
        looping = it.herd.keep(LoopingGateway("looping", "default", it.replica.address))
        it.wait([*good, refusing, stalling])
        before = it.state.version
        it.herd.look(stalling.stalls)
        it.publish(it.fleet.with_rule(0, "unloved"))
        for _ in range(EDITS):
            it.edit()
            times.append(it.wait(good))
        loops = it.herd.look(lambda: looping.rounds)
        assert {node for node, _ in it.replica.refusals} == {refusing.node}
        assert it.replica.status(deaf.node) == StreamStatus()
        assert it.replica.status(stalling.node).settled == Settled(before, True, frozenset())
    evidence(gateways=STUBS, edits=EDITS, loops=loops, **percentiles(times))
    assert loops > 3


def test_one_that_refuses_an_edit_keeps_what_it_had_and_takes_the_good_one_unasked() -> None:
    with scene(fleet_of(POLICIES)) as it:
        good = it.herd.add(3, it.replica.address)
        (refusing,) = it.herd.add(1, it.replica.address, named="refusing")
        refusing.refuses(refused_word(b"unloved"))
        it.wait([*good, refusing])
        old = it.state.of_type(ROUTES)["default/p1"].version

        # Both in one response, of which the server has to find the bad half.
        it.publish(it.fleet.with_rule(1, "unloved").with_rule(2, "loved"))
        it.wait(good)
        it.replica.wait_until_settled(it.state, [refusing.node])
        has = it.herd.look(lambda: {name: one.version for name, one in refusing.state.have[ROUTES].items()})
        assert has == {name: one.version for name, one in it.state.of_type(ROUTES).items()} | {"default/p1": old}
        status = it.replica.status(refusing.node)
        assert status.settled == Settled(it.state.version, False, frozenset([Key("RoutingPolicy", "default", "p1")]))
        assert [one.names for one in status.refusals] == [("default/p1",)]

        told = receipts(it, refusing)
        it.publish(it.fleet.with_rule(3, "other"))
        it.wait(good)
        it.replica.wait_until_settled(it.state, [refusing.node])
        # What it refused is not sent again for the sake of another.
        assert sent([refusing], told) == {refusing.node: {(ROUTES, "default/p3"): 1}}

        it.publish(it.fleet.with_rule(1, "mended"))
        it.wait([*good, refusing])
        assert it.replica.status(refusing.node) == StreamStatus(Settled(it.state.version, True, frozenset()))
        assert it.herd.look(lambda: refusing.connections) == 1


def test_one_that_stalls_is_sent_only_the_newest_when_it_answers_again() -> None:
    with scene(fleet_of(POLICIES)) as it:
        good = it.herd.add(3, it.replica.address)
        (stalling,) = it.herd.add(1, it.replica.address, named="stalling")
        it.wait([*good, stalling])
        it.herd.look(stalling.stalls)
        began = it.state
        for number in range(20):
            it.publish(it.fleet.with_rule(number % 2, f"rule-{number}"))
            it.wait(good)
        assert sum(sent([stalling], 0)[stalling.node].values()) == sum(map(len, began.by_type.values())) + 1
        told = receipts(it, stalling)
        it.herd.loop.run(stalling.answers())
        it.wait([stalling])
        assert sent([stalling], told)[stalling.node].total() == 2


def test_a_deaf_one_is_kept_one_response_and_no_memory(evidence: Callable[..., None]) -> None:
    edits = scale(40, 500)
    # So many that the first response is more than its window.
    with scene(fleet_of(scale(150, 300))) as it:
        deaf = it.herd.keep(DeafGateway("deaf", "default", it.replica.address))
        it.herd.loop.wait_until(lambda: it.replica.cache.nodes("default") != (), lambda: "it has not come")
        good = it.herd.add(1, it.replica.address)
        it.wait(good)
        # Every resource that there is, so that whatever is kept for the deaf one is seen.
        whole = [it.states, it.compiler.compile(it.fleet.renamed("x"))]
        it.herd.loop.wait_until(lambda: held(it) == [True], lambda: "what is sent fits into its window")
        sizes = []
        for number in range(edits):
            it.states = whole[(number + 1) % 2]
            it.replica.publish(it.states)
            it.wait(good)
            if number % (edits // 10) == 0:
                sizes.append(resident_mb())
        (connection,) = (one for one in it.replica.connections() if one._node_id == deaf.node)
        assert it.herd.look(lambda: connection._stream._nonce) == 1
        assert held(it) == [True]
    size = sum(len(one.body) for of_type in it.state.by_type.values() for one in of_type.values())
    evidence(edits=edits, edit_kb=size // 1024, grown_mb=round(sizes[-1] - sizes[2], 1))
    # A response of this size for every edit would be many times as much.
    assert sizes[-1] - sizes[2] < 0.1 * edits * size / 2**20 + 5


def held(scene: Scene) -> list[bool]:
    """Of the deaf one, whether the server is still writing to it."""
    return [one._writing.locked() for one in scene.replica.server._connections if one._node_id == "deaf"]
