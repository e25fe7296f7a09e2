import asyncio
import logging
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3 import discovery_pb2

from modelfleet.envoy.resource import XdsResource
from modelfleet.kube.backoff import Backoff
from modelfleet.xds import relay as relays
from modelfleet.xds.cache import SnapshotCache
from modelfleet.xds.cachefile import CacheFile
from modelfleet.xds.events import Event, Settled
from modelfleet.xds.keeper import Keeper
from modelfleet.xds.mirror import Who
from modelfleet.xds.relay import Happened, Relay
from modelfleet.xds.server import AdsServer
from modelfleet.xds.state import gateway_resources
from modelfleet.xds.types import PUSH_ORDER
from modelfleet.xds.upstream import Upstream
from tests.unit.xds.making import cluster, endpoints, extension, listener, routes, scope
from tests.unit.xds.stub_envoy import StubEnvoy
from tests.unit.xds.test_server import METHOD
from tests.unit.xds.test_upstream import until

FLEET = (cluster("a"), endpoints("a"), listener("l"), routes("r", ["a"]), scope("/r", "r"))


class Envoy:
    """A client that takes what it is sent, but for the versions that it refuses."""

    def __init__(self, address: str, node: str = "envoy", gateway: str = "g") -> None:
        self.bad: set[str] = set()
        self.stub = StubEnvoy(lambda it: it.version in self.bad, lambda good: good)
        self.received = 0
        self._address = address
        self._who = node, gateway
        self._task: asyncio.Future[None] | None = None

    def connect(self) -> None:
        self._task = asyncio.ensure_future(self._run())

    async def leave(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def has(self, *resources: XdsResource) -> bool:
        return all(self.stub.have[it.type_url].get(it.name, it).body == it.body for it in resources) and all(
            it.name in self.stub.have[it.type_url] for it in resources
        )

    async def _run(self) -> None:
        async with grpc.aio.insecure_channel(self._address) as channel:
            call: Any = channel.stream_stream(
                METHOD + "DeltaAggregatedResources",
                request_serializer=discovery_pb2.DeltaDiscoveryRequest.SerializeToString,
                response_deserializer=discovery_pb2.DeltaDiscoveryResponse.FromString,
            )()
            self.stub.connect()
            self.stub.outbox[0].node.id, self.stub.outbox[0].node.cluster = self._who
            while True:
                while self.stub.outbox:
                    await call.write(self.stub.outbox.popleft())
                response = await call.read()
                assert response is not grpc.aio.EOF
                self.received += 1
                self.stub.inbox.append(response)
                self.stub.receive()


class Place:
    """A central server, a relay and a client, each of which can go and come back."""

    def __init__(self, folder: Path) -> None:
        self.central_at, self.relay_at = f"unix:{folder / 'central'}", f"unix:{folder / 'relay'}"
        self.file = CacheFile(folder / "cache", "g")
        self.events: list[Event] = []
        self.counted: Counter[Happened] = Counter()
        self.cache = SnapshotCache()
        self.central: AdsServer | None = None
        self.relay: Relay | None = None
        self.envoy = Envoy(self.relay_at)

    def publish(self, *resources: XdsResource) -> str:
        state = gateway_resources(resources)
        self.cache.publish("g", state)
        return state.version

    async def start_central(self) -> None:
        self.central = AdsServer(self.cache, lambda _node, _gateway, event: self.events.append(event), linger=0)
        await self.central.start(self.central_at)

    async def stop_central(self) -> None:
        if self.central:
            await self.central.stop(0)
            self.central = None

    async def start_relay(self) -> None:
        self.ending = asyncio.Event()
        self.relay = Relay(
            Who("pod", "g"), [self.central_at], self.file, lambda happened: self.counted.update([happened])
        )
        await self.relay.start(self.relay_at)
        self.running = asyncio.ensure_future(self.relay.run(self.ending))

    async def stop_relay(self) -> None:
        if self.relay:
            self.ending.set()
            await self.running
            self.relay = None

    async def settled(self, version: str) -> None:
        await until(lambda: any(isinstance(it, Settled) and it.version == version for it in self.events))

    def kept(self) -> dict[str, str]:
        state = self.file.load()
        return (
            {f"{it.type_url}/{name}": it.version for of in state.by_type.values() for name, it in of.items()}
            if state
            else {}
        )


def versions(*resources: XdsResource) -> dict[str, str]:
    return {f"{it.type_url}/{it.name}": it.version for it in resources}


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        made = Place(Path(folder))
        try:
            yield made
        finally:
            await made.envoy.leave()
            await made.stop_relay()
            await made.stop_central()


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    def quick(addresses: Any, talker: Any, dial: Any) -> Upstream:
        return Upstream(addresses, talker, Backoff(0.01, 0.02), dial)

    monkeypatch.setattr(relays, "Upstream", quick)


def play(scene: Callable[[Place], Awaitable[None]]) -> None:
    async def run() -> None:
        async with place() as made:
            await scene(made)

    asyncio.run(run())


async def all_up(it: Place) -> str:
    version = it.publish(*FLEET)
    await it.start_central()
    await it.start_relay()
    it.envoy.connect()
    await it.settled(version)
    await until(lambda: it.kept() == versions(*FLEET))
    return version


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
