import asyncio
import logging
import os

import pytest

from modelfleet.xds import relay as relays
from modelfleet.xds.events import Settled
from modelfleet.xds.keeper import Keeper
from modelfleet.xds.relay import Happened
from modelfleet.xds.types import PUSH_ORDER
from tests.unit.xds.making import cluster, endpoints, extension, listener
from tests.unit.xds.relaying import FLEET, Envoy, Place, all_up, play, versions
from tests.unit.xds.talking import until


def test_what_the_central_server_has_reaches_the_gateway_and_the_disk() -> None:
    async def scene(it: Place) -> None:
        await all_up(it)
        assert it.envoy.has(*FLEET)
        version = it.publish(*FLEET, extension("e"), cluster("b"), endpoints("b"))
        await it.settled(version)
        assert it.envoy.has(cluster("b"), endpoints("b"))
        assert it.relay
        assert it.relay.sizes() | {"Cluster": 2, "TypedExtensionConfig": 1, "Secret": 0} == it.relay.sizes()

    play(scene)


def test_the_central_server_hears_nothing_while_there_is_no_gateway() -> None:
    async def scene(it: Place) -> None:
        version = it.publish(*FLEET)
        await it.start_central()
        await it.start_relay()
        await until(lambda: it.relay and it.relay.has_state)
        await asyncio.sleep(0.1)
        assert not any(isinstance(event, Settled) for event in it.events)
        it.envoy.connect()
        await it.settled(version)
        assert it.envoy.has(*FLEET)

    play(scene)


def test_a_gateway_is_served_from_disk_while_nobody_else_is_there() -> None:
    async def scene(it: Place) -> None:
        await all_up(it)
        await it.envoy.leave()
        await it.stop_relay()
        await it.stop_central()
        await it.start_relay()
        assert it.relay
        assert it.relay.has_state
        it.envoy = Envoy(it.relay_at)
        it.envoy.connect()
        await until(lambda: it.envoy.has(*FLEET))

    play(scene)


def test_nothing_is_sent_twice_to_a_gateway_that_never_went() -> None:
    async def scene(it: Place) -> None:
        version = await all_up(it)
        await it.envoy.leave()
        await it.stop_relay()
        await until(lambda: type(it.events[-1]).__name__ == "Disconnected")
        it.events.clear()
        it.counted.clear()
        it.envoy.received = 0
        await it.start_relay()
        it.envoy.connect()
        await it.settled(version)
        await asyncio.sleep(0.1)
        assert it.envoy.received == 0
        # Of the types of which there is none a server says so to everybody who asks.
        assert it.counted[Happened.TAKEN] == len(PUSH_ORDER) - len({each.type_url for each in FLEET})
        assert [type(event).__name__ for event in it.events] == ["Connected", "Settled"]

    play(scene)


def test_a_gateway_that_has_everything_is_left_alone_by_a_relay_that_has_nothing() -> None:
    async def scene(it: Place) -> None:
        version = await all_up(it)
        await it.envoy.leave()
        await it.stop_relay()
        await it.stop_central()
        it.file.path.write_bytes(b"damaged")
        it.events.clear()
        it.envoy.received = 0
        await it.start_relay()
        it.envoy.connect()
        await asyncio.sleep(0.1)
        await it.start_central()
        await it.settled(version)
        assert it.envoy.received == 0
        await until(lambda: it.kept() == versions(*FLEET))

    play(scene)


def test_what_the_gateway_refuses_the_central_server_hears_and_the_disk_does_not() -> None:
    async def scene(it: Place) -> None:
        await all_up(it)
        bad = cluster("a", 2)
        it.envoy.bad = {bad.version}
        version = it.publish(bad, *FLEET[1:])
        await it.settled(version)
        (node,) = it.cache.nodes("g")
        ((refusal,), settled) = node.status.refusals, node.status.settled
        assert (node.node_id, refusal.versions, refusal.message) == ("pod", {"a": bad.version}, "bad a")
        assert settled
        assert not settled.complete
        assert it.kept() == versions(*FLEET)
        # The next gateway is asked, and takes it.
        await it.envoy.leave()
        it.envoy = Envoy(it.relay_at)
        it.envoy.connect()
        await until(lambda: it.envoy.has(bad))
        await until(lambda: [node.status.refusals for node in it.cache.nodes("g")] == [()])

    play(scene)


def test_a_gateway_of_another_name_gets_nothing_and_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(it: Place) -> None:
        other = Envoy(it.relay_at, "stray", "other")
        await it.start_relay()
        other.connect()
        await until(lambda: "'stray' is of gateway 'other'" in caplog.text)
        it.publish(*FLEET)
        await it.start_central()
        it.envoy.connect()
        await until(lambda: it.envoy.has(*FLEET))
        assert other.received == 0
        await other.leave()

    caplog.set_level(logging.INFO)
    play(scene)


def test_a_change_that_could_not_be_written_yet_is_written_at_the_end() -> None:
    async def scene(it: Place) -> None:
        await all_up(it)
        changes = [(*FLEET[:2], listener("l", number), *FLEET[3:]) for number in range(1, 6)]
        for change in changes:
            await it.settled(it.publish(*change))
        assert it.counted[Happened.WRITTEN] <= 2
        await it.stop_relay()
        assert it.kept() == versions(*changes[-1])

    play(scene)


def test_a_disk_that_takes_nothing_is_said_once_and_stops_nobody(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(it: Place) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            await it.start_central()
            await it.start_relay()
            it.envoy.connect()
            for number in range(3):
                await it.settled(it.publish(*FLEET[:2], listener("l", number), *FLEET[3:]))
            await until(lambda: it.counted[Happened.NOT_WRITTEN] > 2)
        await until(lambda: it.counted[Happened.WRITTEN] == 1)
        assert len(it.kept()) == len(FLEET)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Keeper.__init__, "__defaults__", (0.01, 0.01))
    play(scene)
    assert len([record for record in caplog.records if "No space left" in record.getMessage()]) == 1


def test_endpoints_that_never_come_hold_a_cluster_up_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relays, "PATIENCE_S", 0.05)

    async def scene(it: Place) -> None:
        await all_up(it)
        await it.settled(it.publish(*FLEET, cluster("lonely")))
        assert it.envoy.has(cluster("lonely"))

    play(scene)
