"""A gateway without a data plane: it speaks delta ADS over gRPC as Envoy was seen to, in good manners or bad."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import grpc
from envoy.service.discovery.v3 import discovery_pb2

from modelfleet.envoy.resource import XdsResource
from tests.support.gateways.pool import Pool
from tests.support.gateways.state import GatewayState

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Each has a connection of its own, as processes would.
    ("grpc.use_local_subchannel_pool", 1),
)
RETRY_S = 0.05
GIVES_UP_S = 15.0
"""How long a cluster waits for its endpoints, as in Envoy."""


def opened(channel: grpc.aio.Channel) -> Any:
    """A stream of the channel, over which nothing has been said yet."""
    return channel.stream_stream(
        METHOD,
        request_serializer=discovery_pb2.DeltaDiscoveryRequest.SerializeToString,
        response_deserializer=discovery_pb2.DeltaDiscoveryResponse.FromString,
    )()


class StubGateway:
    """It connects, and connects again whenever its stream ends. Look at it only from the loop in which it lives."""

    def __init__(self, node: str, gateway: str, address: str, pool: Pool) -> None:
        self.node = node
        self.gateway = gateway
        self.address = address
        self.state = GatewayState.empty(pool)
        self.faults: list[str] = []
        """What it had to complain of. It takes nothing more then."""
        self.waited_in_vain: list[str] = []
        """Clusters' endpoints and secrets that never came."""
        self.connections = 0
        self._stalled = False
        self._spoken = False
        self._call: Any = None
        self._saying = asyncio.Lock()
        self._conversation: asyncio.Task[None] | None = None
        self._giving_up: asyncio.TimerHandle | None = None
        self._late: asyncio.Task[None] | None = None

    # What may be done to it.

    def refuses(self, predicate: Callable[[XdsResource], bool]) -> None:
        """From now on it refuses responses with such a resource, and takes nothing else that is in them."""
        self.state.refuses = lambda sent: predicate(self.state.resource_of(sent.resource.type_url, sent))
        self.state.picks = lambda _: []

    def stalls(self) -> None:
        """It reads on, and answers nothing."""
        self._stalled = True

    async def answers(self) -> None:
        """It says all that it has owed since it stalled."""
        self._stalled = False
        await self._say(self._call)

    def moves_to(self, address: str) -> None:
        """It breaks off and connects elsewhere, or there again, and says what it has."""
        self.address = address
        if self._conversation:
            self._conversation.cancel()

    async def live(self) -> None:
        """Until it is cancelled."""
        try:
            while not self.faults:
                self._conversation = asyncio.ensure_future(self._converse())
                await asyncio.wait({self._conversation})
                if not self._conversation.cancelled() and (error := self._conversation.exception()):
                    self.faults.append(f"{self.node}: {type(error).__name__}: {error}")
                elif not self._conversation.cancelled():
                    await asyncio.sleep(RETRY_S)
        finally:
            if self._conversation:
                self._conversation.cancel()
                await asyncio.wait({self._conversation})

    # How it goes.

    async def _converse(self) -> None:
        async with grpc.aio.insecure_channel(self.address, OPTIONS) as channel:
            self._call, self._spoken = opened(channel), False
            self.connections += 1
            self.state.connect()
            try:
                # A server that ends the stream, or is not there yet, is not worth a word.
                with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    await self._listen(self._call)
            finally:
                self._end_waiting()

    async def _listen(self, call: Any) -> None:
        await self._say(call)
        while (response := await call.read()) is not grpc.aio.EOF:
            self.state.inbox.append(response)
            self.state.receive()
            self._watch_warming(call)
            await self._say(call)

    async def _say(self, call: Any) -> None:
        async with self._saying:
            while self.state.outbox and not self._stalled:
                message = self.state.outbox.popleft()
                if not self._spoken:
                    message.node.id, message.node.cluster, self._spoken = self.node, self.gateway, True
                await call.write(message)

    def _watch_warming(self, call: Any) -> None:
        if self.state.held_back is None:
            self._end_waiting()
        elif self._giving_up is None:
            self._giving_up = asyncio.get_running_loop().call_later(GIVES_UP_S, self._give_up, call)

    def _end_waiting(self) -> None:
        if self._giving_up:
            self._giving_up.cancel()
            self._giving_up = None

    def _give_up(self, call: Any) -> None:
        self._giving_up = None
        self.waited_in_vain += sorted(self.state.give_up_warming())
        self._late = asyncio.ensure_future(self._say(call))
