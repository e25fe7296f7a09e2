"""A central server, a relay and a client, each of which can go and come back."""

import asyncio
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
from modelfleet.xds.mirror import Who
from modelfleet.xds.relay import Happened, Relay
from modelfleet.xds.server import AdsServer
from modelfleet.xds.state import gateway_resources
from modelfleet.xds.upstream import Upstream
from tests.unit.xds.making import cluster, endpoints, listener, routes, scope
from tests.unit.xds.stub_envoy import StubEnvoy
from tests.unit.xds.talking import METHOD, until

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


def play(scene: Callable[[Place], Awaitable[None]]) -> None:
    async def run() -> None:
        async with place() as made:
            await scene(made)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relays, "Upstream", _quick)
        asyncio.run(run())


def _quick(addresses: Any, talker: Any, dial: Any) -> Upstream:
    """The one of a relay, which tries again without a pause that a test would wait for."""
    return Upstream(addresses, talker, Backoff(0.01, 0.02), dial)


async def all_up(it: Place) -> str:
    version = it.publish(*FLEET)
    await it.start_central()
    await it.start_relay()
    it.envoy.connect()
    await it.settled(version)
    await until(lambda: it.kept() == versions(*FLEET))
    return version
