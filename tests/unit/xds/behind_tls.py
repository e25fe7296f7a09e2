"""A server that asks for certificates, and clients with the ones that a test gives them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from envoy.service.discovery.v3 import discovery_pb2

from modelfleet.envoy.resource import XdsResource
from modelfleet.xds.cache import SnapshotCache
from modelfleet.xds.door import Door
from modelfleet.xds.events import Event
from modelfleet.xds.server import AdsServer
from modelfleet.xds.state import gateway_resources
from modelfleet.xds.tls import RenewingTls, server_credentials
from tests.support.authority import Authority, Issued, Mounted
from tests.unit.xds.talking import METHOD

SERVER = "xds.test"
NAME = "g.gateway.modelfleet.dev"


class Secured:
    """A server of the gateway `g`, its files, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder, "ours")
        self.mounted = Mounted(folder / "server", self.authority, self.authority.issue(SERVER))
        self.renewals: list[bool] = []
        self.denied = 0
        self.events: list[tuple[str, str, Event]] = []
        self.cache = SnapshotCache()
        self.tls = RenewingTls(self.mounted.files, serves=True, count=self.renewals.append)
        door = Door(server_credentials(self.tls), self._deny)
        self.server = AdsServer(self.cache, lambda *event: self.events.append(event), linger=0, door=door)
        self.address = ""

    def publish(self, *resources: XdsResource) -> None:
        self.cache.publish("g", gateway_resources(resources))

    def channel(self, issued: Issued | None, trusts: Authority | None = None) -> grpc.aio.Channel:
        """A connection of its own, with this certificate or none."""
        pair = (issued.key, issued.cert) if issued else (None, None)
        credentials = grpc.ssl_channel_credentials((trusts or self.authority).pem, *pair)
        options = (("grpc.use_local_subchannel_pool", 1), ("grpc.ssl_target_name_override", SERVER))
        return grpc.aio.secure_channel(self.address, credentials, options)

    @asynccontextmanager
    async def client(self, issued: Issued | None, trusts: Authority | None = None) -> AsyncIterator[Any]:
        """A stream of such a connection."""
        async with self.channel(issued, trusts) as channel:
            yield opened(channel)

    def _deny(self) -> None:
        self.denied += 1


def opened(channel: grpc.aio.Channel) -> Any:
    """A stream over which nothing has been said yet."""
    return channel.stream_stream(
        METHOD + "DeltaAggregatedResources",
        request_serializer=None,
        response_deserializer=discovery_pb2.DeltaDiscoveryResponse.FromString,
    )(timeout=5)


def play(folder: Path, scene: Callable[[Secured], Awaitable[None]]) -> Secured:
    """With the server at a port of its own."""

    async def run() -> Secured:
        world = Secured(folder)
        world.address = await world.server.start("127.0.0.1:0")
        try:
            await scene(world)
        finally:
            await world.server.stop(0)
        return world

    return asyncio.run(run())
