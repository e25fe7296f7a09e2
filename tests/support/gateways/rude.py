"""Gateways that a server has to bear: one that never reads, and one that comes and goes."""

import asyncio
from contextlib import suppress
from typing import Any

import grpc

from modelfleet.envoy.types import CLUSTER, LISTENER
from tests.support.gateways.stub import OPTIONS, opened
from tests.unit.xds.making import request

PAUSE_S = 0.01


async def introduce(call: Any, node: str, gateway: str) -> None:
    """The first words of every gateway."""
    first = request(CLUSTER)
    first.node.id, first.node.cluster = node, gateway
    await call.write(first)
    await call.write(request(LISTENER))


class DeafGateway:
    """It asks, and never reads: what is sent fills its window, and then waits at the server."""

    def __init__(self, node: str, gateway: str, address: str) -> None:
        self.node = node
        self._gateway = gateway
        self._address = address

    async def live(self) -> None:
        """Until it is cancelled."""
        # A window that does not grow is 64 KiB, less than the first response.
        options = (*OPTIONS, ("grpc.http2.bdp_probe", 0))
        async with grpc.aio.insecure_channel(self._address, options) as channel:
            await introduce(call := opened(channel), self.node, self._gateway)
            await call.wait_for_connection()
            await asyncio.Event().wait()


class LoopingGateway:
    """It connects, asks, and breaks off: at once, before the first response, with it in hand, or before the next."""

    def __init__(self, node: str, gateway: str, address: str) -> None:
        self.node = node
        self.rounds = 0
        self._gateway = gateway
        self._address = address

    async def live(self) -> None:
        """Until it is cancelled."""
        while True:
            async with grpc.aio.insecure_channel(self._address, OPTIONS) as channel:
                with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    await introduce(call := opened(channel), self.node, self._gateway)
                    await self._go_on(call)
                call.cancel()
            self.rounds += 1
            await asyncio.sleep(PAUSE_S)

    async def _go_on(self, call: Any) -> None:
        way = self.rounds % 4
        if way > 0:
            await call.wait_for_connection()
        if way > 1:
            response = await call.read()
        if way > 2:
            await call.write(request(response.type_url, nonce=response.nonce))
