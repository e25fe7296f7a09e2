"""The product's own xds server for a test: in a thread that all tests share, since gRPC wants one event loop."""

import asyncio
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

from modelfleet.envoy.mtls import TlsFiles
from modelfleet.envoy.resource import XdsResource
from modelfleet.xds.cache import SnapshotCache
from modelfleet.xds.door import Door
from modelfleet.xds.events import Connected, Event, Refusal, Settled
from modelfleet.xds.server import AdsServer
from modelfleet.xds.state import GatewayResources, gateway_resources
from modelfleet.xds.tls import RenewingTls, server_credentials

T = TypeVar("T")
PATIENCE = 30.0
SETTLES_S = 12.0
"""Less than the 15 s for which Envoy waits for what it then does without."""


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="controlplane", daemon=True).start()
    return loop


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs it in the shared loop, and waits for what comes of it."""
    return asyncio.run_coroutine_threadsafe(work, _loop()).result(PATIENCE)


class ControlPlane:
    """Serves one gateway on a unix socket, or at a port with TLS. What it last published outlives a stop, as the
    declared fleet would.
    """

    def __init__(self, gateway: str, address: str, tls: TlsFiles | None = None) -> None:
        self._tls = tls
        self.connected = 0
        """How many streams there were, those left out that were refused."""
        self.gateway = gateway
        self.address = address
        self.refusals: list[Refusal] = []
        self._changed = threading.Condition()
        self._settled: list[Settled] = []
        self._state: GatewayResources | None = None
        self._cache = SnapshotCache()
        self._server: AdsServer | None = None

    @property
    def running(self) -> bool:
        return self._server is not None

    def start(self) -> None:
        """As a new process would: it knows nothing of what its clients have."""
        run(self._start())

    def stop(self) -> None:
        run(self._stop())

    def publish(self, resources: tuple[XdsResource, ...]) -> None:
        self._state = gateway_resources(resources)
        run(self._publish())

    def forget_settled(self) -> None:
        """What a client that is gone has settled on says nothing of the next."""
        with self._changed:
            self._settled.clear()

    def wait_until_settled(self) -> None:
        """Until the client has answered for everything that was published last."""
        assert self._state
        version = self._state.version

        def reached() -> bool:
            return bool(self._settled) and self._settled[-1].version == version

        with self._changed:
            assert self._changed.wait_for(reached, SETTLES_S), f"not acknowledged: {version}, {self._settled[-3:]}"

    async def _start(self) -> None:
        self._cache = SnapshotCache()
        await self._publish()
        self._server = AdsServer(self._cache, self._heard, door=self._door())
        self.address = await self._server.start(self.address)

    def _door(self) -> Door | None:
        if self._tls is None:
            return None
        return Door(server_credentials(RenewingTls(self._tls, serves=True, count=lambda _: None)))

    async def _stop(self) -> None:
        if self._server:
            await self._server.stop(0)
            self._server = None

    async def _publish(self) -> None:
        if self._state:
            self._cache.publish(self.gateway, self._state)

    def _heard(self, _node: str, _gateway: str, event: Event) -> None:
        with self._changed:
            self.connected += isinstance(event, Connected)
            if isinstance(event, Settled):
                self._settled.append(event)
            elif isinstance(event, Refusal):
                self.refusals.append(event)
            self._changed.notify_all()
