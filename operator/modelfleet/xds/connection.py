"""One connected client: carries requests and states to its `AdsStream`, and responses and events from it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import grpc
from envoy.service.discovery.v3 import discovery_pb2
from google.protobuf.message import DecodeError

from modelfleet.xds.cache import NodeStatus, SnapshotCache
from modelfleet.xds.door import Context, Peer
from modelfleet.xds.events import Connected, Disconnected, Event, Refusal
from modelfleet.xds.stream import AdsStream, Request, Response

_log = logging.getLogger(__name__)

OnEvent = Callable[[str, str, Event], None]
"""Called with node id, gateway and event, in the thread of the event loop."""

LOOK_S = 5.0
"""How often a stream is looked at that has no news and waits for nothing."""


async def next_request(requests: AsyncIterator[bytes], context: Context, peer: Peer) -> Request | None:
    """The next request; None when the client has no more. What cannot be read ends the stream, and so does a node
    that the client may not be.
    """
    async for data in requests:
        try:
            request = discovery_pb2.DeltaDiscoveryRequest.FromString(data)
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "this is no DeltaDiscoveryRequest")
        if objection := peer.objection(request.node.id, request.node.cluster):
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, objection)
        return request
    return None


class Connection:
    """A client from its first request to its end. Nothing is queued for it: a slow one gets the latest, later."""

    def __init__(self, number: int, peer: Peer, cache: SnapshotCache, on_event: OnEvent, linger: float) -> None:
        self._number = number
        self._peer = peer
        self._node_id, self._gateway = peer.node_id, peer.gateway
        self._cache = cache
        self._on_event = on_event
        self._stream = AdsStream(linger)
        self._writing = asyncio.Lock()
        self._woken = asyncio.Event()
        self._closed = False

    def close(self) -> None:
        """End it from this side."""
        self._closed = True
        self._woken.set()

    async def run(self, first: Request, requests: AsyncIterator[bytes], context: Context) -> None:
        """Serve until one side ends it."""
        unwatch = self._cache.watch(self._gateway, self._woken.set)
        # What was published before is news to this stream.
        self._woken.set()
        self._tell(Connected(came_back=bool(first.initial_resource_versions)))
        tasks = [
            asyncio.ensure_future(self._follow_cache(context)),
            asyncio.ensure_future(self._answer(first, requests, context)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            try:
                await asyncio.gather(*tasks, return_exceptions=True)
            finally:  # a client may say that it is done, and cancel in the same breath
                unwatch()
                self._cache.note(self._number, None)
                self._tell(Disconnected())

    async def _answer(self, first: Request, requests: AsyncIterator[bytes], context: Context) -> None:
        request: Request | None = first
        while request is not None:
            async with self._writing:
                before = self._stream.wakes_at
                await self._pass_on(self._stream.on_request(request), context)
                if self._stream.wakes_at != before:
                    self._woken.set()  # who waits for news does not know that there is something else to wait for
            request = await next_request(requests, context, self._peer)

    async def _follow_cache(self, context: Context) -> None:
        while True:
            if not await self._wait_for_news():
                async with self._writing:
                    await self._pass_on(self._stream.on_time(), context)
                continue
            if self._closed:
                return
            async with self._writing:
                # Only now: while the lock was waited for, there may have been more news.
                if (resources := self._cache.latest(self._gateway)) is not None:
                    await self._pass_on(self._stream.on_resources(resources), context)

    async def _wait_for_news(self) -> bool:
        """Whether there is any; else something that lingered may go, or began to, which is looked at now and then."""
        try:
            # Not wait_for: up to Python 3.11 a cancellation that comes with the news is lost in it.
            async with asyncio.timeout(self._stream.wakes_in or LOOK_S):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    async def _pass_on(self, responses: list[Response], context: Context) -> None:
        events = self._stream.take_events()
        self._cache.note(self._number, NodeStatus(self._node_id, self._gateway, self._stream.status))
        for event in events:
            self._tell(event)
        for response in responses:
            await context.write(response)

    def _tell(self, event: Event) -> None:
        match event:
            case Connected() | Disconnected():
                _log.info("%r at %r: %s", self._node_id, self._gateway, type(event).__name__.lower())
            case Refusal(type_url, versions, message, _):
                names = ", ".join(versions)
                _log.warning("%r at %r refused %s %r: %s", self._node_id, self._gateway, type_url, names, message)
            case _:
                pass
        self._on_event(self._node_id, self._gateway, event)
