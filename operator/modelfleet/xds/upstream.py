"""The client's end of delta ADS: a stream to a central server, and where that ends to the next one."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any, Protocol

import grpc
from envoy.service.discovery.v3 import discovery_pb2

from modelfleet.findings import one_line
from modelfleet.kube.backoff import Backoff
from modelfleet.xds.dial import Channel, Dial
from modelfleet.xds.mirror import Request, Response

_METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
_MAX_MESSAGE = 64 * 1024 * 1024

CONNECT_S = 5.0
MOST_PAUSE_S = 5.0
HEARD_S = 1.0
"""A stream that brought nothing counts after so long: one that the server refuses never was one."""
STEADY_S = 10.0
"""A stream that lasted so long, or brought anything, was a good one."""

OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE),
    ("grpc.max_send_message_length", _MAX_MESSAGE),
    # A connection that is dead on one side only is found within half a minute.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # The line above should do; gRPC 1.85 heeds this one alone, and waits a minute without it.
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Each attempt is one of its own: shared ones would also share how long they wait until the next.
    ("grpc.use_local_subchannel_pool", 1),
    # A control plane is no web site.
    ("grpc.enable_http_proxy", 0),
)

_log = logging.getLogger(__name__)


class Ended(ConnectionError):
    """The stream has come to its end, in order or not."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(f"{code.name}: {details or 'it ended the stream'}")
        self.code = code


class Talker(Protocol):
    """Who speaks over the stream."""

    def hello(self) -> list[Request]:
        """A stream has begun: its first requests."""

    def on_response(self, response: Response) -> list[Request]:
        """What to say to it now."""


class Upstream:
    """Keeps the talker connected. Whatever happens to a stream, there is a next one."""

    def __init__(
        self, addresses: Sequence[str], talker: Talker, backoff: Backoff | None = None, dial: Dial | None = None
    ) -> None:
        self._dial = dial or Dial()
        self._addresses = tuple(addresses)
        self._talker = talker
        self._backoff = backoff or Backoff(most=MOST_PAUSE_S)
        self._outbox: asyncio.Queue[Request] | None = None
        self._renewed = asyncio.Event()
        self._lost_at: float | None = time.monotonic()
        self._said: dict[str, str] = {}

    @property
    def is_connected(self) -> bool:
        """Whether there is a stream."""
        return self._lost_at is None

    @property
    def lost_s(self) -> float:
        """How long there has been none."""
        lost_at = self._lost_at
        return 0.0 if lost_at is None else time.monotonic() - lost_at

    def send(self, requests: Sequence[Request]) -> None:
        """Over the present stream, where there is one."""
        if self._outbox is not None:
            for request in requests:
                self._outbox.put_nowait(request)

    def renew(self) -> None:
        """Begin the present stream anew."""
        self._renewed.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        for address in cycle(self._addresses):
            began = time.monotonic()
            try:
                async with _channel(self._dial, address) as channel:
                    while True:
                        await self._stream(channel, address)
            except (grpc.aio.AioRpcError, OSError, TimeoutError) as error:
                self._say(address, _why(error, self._dial))
            except Exception:
                _log.exception("The stream to %s failed", address)
            if self._lost_at is None:
                self._lost_at = time.monotonic()
                if self._lost_at - began > STEADY_S:
                    self._backoff.reset()
            await asyncio.sleep(self._backoff.next())

    async def _stream(self, channel: Channel, address: str) -> None:
        """One stream. Returns when it is to be begun anew; its end is an error."""
        call: Any = channel.stream_stream(
            _METHOD,
            request_serializer=discovery_pb2.DeltaDiscoveryRequest.SerializeToString,
            response_deserializer=discovery_pb2.DeltaDiscoveryResponse.FromString,
        )()
        self._renewed.clear()
        outbox = self._outbox = asyncio.Queue()
        for request in self._talker.hello():
            outbox.put_nowait(request)
        tasks = [
            asyncio.ensure_future(it) for it in (self._read(call, address), _write(call, outbox), self._renewed.wait())
        ]
        heard = asyncio.get_running_loop().call_later(HEARD_S, self._heard, address)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            heard.cancel()
            self._outbox = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            call.cancel()

    async def _read(self, call: Any, address: str) -> None:
        while (response := await call.read()) is not grpc.aio.EOF:
            self._heard(address)
            self.send(self._talker.on_response(response))
            self._backoff.reset()
        raise await _end(call)

    def _heard(self, address: str) -> None:
        """The server has taken the stream."""
        if self._lost_at is not None:
            _log.info("connected to %s", address)
            self._lost_at = None
            self._said.pop(address, None)

    def _say(self, address: str, why: str) -> None:
        """Once, and not with every attempt."""
        if self._said.get(address) != why:
            self._said[address] = why
            _log.warning("%s is not connected: %s", address, why)


@asynccontextmanager
async def _channel(dial: Dial, address: str) -> AsyncIterator[Channel]:
    async with dial.open(address, OPTIONS) as channel:
        async with asyncio.timeout(CONNECT_S):
            state = channel.get_state(try_to_connect=True)
            while state is not grpc.ChannelConnectivity.READY:
                if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                    raise ConnectionError(f"nobody answers there{dial.hint()}")
                await channel.wait_for_state_change(state)
                state = channel.get_state(try_to_connect=True)
        yield channel


async def _write(call: Any, outbox: "asyncio.Queue[Request]") -> None:
    try:
        while True:
            await call.write(await outbox.get())
    except asyncio.InvalidStateError as error:
        raise await _end(call) from error


async def _end(call: Any) -> Ended:
    """Why it ended, whoever of those that read and write found out first."""
    return Ended(await call.code(), await call.details() or "")


def _why(error: Exception, dial: Dial) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        error = Ended(error.code(), error.details() or "")
    if isinstance(error, Ended):
        return one_line(f"{error}{dial.hint() if error.code is grpc.StatusCode.UNAVAILABLE else ''}")
    if isinstance(error, TimeoutError):
        return f"no connection within {CONNECT_S:.0f} s"
    return one_line(str(error))
