"""The gRPC edge of the control plane: where clients connect, and what they are told who speak otherwise."""

import logging
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import grpc
from envoy.service.discovery.v3 import discovery_pb2

from modelfleet.xds.cache import SnapshotCache
from modelfleet.xds.connection import Connection, OnEvent, next_request
from modelfleet.xds.door import Context, Door

_log = logging.getLogger(__name__)

_SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_MAX_MESSAGE = 64 * 1024 * 1024

LINGER_S = 60.0
"""How long a gateway keeps what is gone, for requests that began before. Longer ones lose what they could fall to."""

OPTIONS = (
    # A client that reconnects lists all that it has in one message.
    ("grpc.max_receive_message_length", _MAX_MESSAGE),
    ("grpc.max_send_message_length", _MAX_MESSAGE),
    # A connection that is dead on one side only is found within half a minute.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # the one that gRPC 1.85 heeds
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Clients look for dead connections too; their pings are no abuse.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    # A port that is taken is an error, and not shared.
    ("grpc.so_reuseport", 0),
)


class AdsServer:
    """Serves what the cache has. Start it after the first publish: until then its streams only wait."""

    def __init__(
        self, cache: SnapshotCache, on_event: OnEvent, linger: float = LINGER_S, door: Door | None = None
    ) -> None:
        """Without a door whoever can connect is believed."""
        self._door = door or Door()
        self._cache = cache
        self._linger = linger
        self._on_event = on_event
        self._numbers = count()
        self._server: grpc.aio.Server | None = None
        self._connections: set[Connection] = set()

    async def start(self, address: str) -> str:
        """Serve at `unix:/path` or `host:port` and say where; port 0 picks one. RuntimeError if it is taken."""
        assert self._server is None, "the server runs already"
        server = grpc.aio.server(options=OPTIONS)
        handlers: dict[str, grpc.RpcMethodHandler[bytes, Any]] = {
            "StreamAggregatedResources": grpc.stream_stream_rpc_method_handler(_refuse_sotw),
            "DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(
                self._serve, response_serializer=discovery_pb2.DeltaDiscoveryResponse.SerializeToString
            ),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
        port = self._door.add_to(server, address)
        await server.start()
        self._server = server
        return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"

    async def stop(self, grace: float) -> None:
        """End the streams, so that clients go elsewhere; they keep what they have."""
        if self._server is None:
            return
        server, self._server = self._server, None
        for connection in self._connections:
            connection.close()
        await server.stop(grace)

    async def _serve(self, requests: AsyncIterator[bytes], context: Context) -> None:
        peer = self._door.peer(context)
        first = await next_request(requests, context, peer)
        if first is None:
            return
        if not first.node.id or not first.node.cluster:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "node.id and node.cluster must be set")
        connection = Connection(next(self._numbers), peer, self._cache, self._on_event, self._linger)
        self._connections.add(connection)
        try:
            await connection.run(first, requests, context)
        except grpc.aio.AbortError:
            raise
        except Exception:
            # A write to a client that has just gone fails too, and is nothing to tell.
            if not context.done():
                _log.exception("The stream of %r at %r failed", first.node.id, first.node.cluster)
                await context.abort(grpc.StatusCode.INTERNAL, "internal error")
        finally:
            self._connections.discard(connection)


async def _refuse_sotw(_: AsyncIterator[bytes], context: Context) -> None:
    await context.abort(
        grpc.StatusCode.UNIMPLEMENTED, "only the delta protocol is served: set api_type DELTA_GRPC in ads_config"
    )
