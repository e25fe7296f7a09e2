from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3 import discovery_pb2

from modelfleet.envoy.types import CLUSTER, LISTENER
from modelfleet.xds.relay import Happened
from tests.unit.xds.making import listener
from tests.unit.xds.relaying import FLEET, Envoy, Place, all_up, play, versions
from tests.unit.xds.talking import METHOD, until


def test_a_server_that_takes_everything_away_by_mistake_is_not_obeyed(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(it: Place) -> None:
        await all_up(it)
        await it.stop_central()
        wiper = await start_wiper(it.central_at)
        await until(lambda: it.counted[Happened.REFUSED] == len({each.type_url for each in FLEET}))
        assert it.envoy.has(*FLEET)
        await wiper.stop(0)
        await it.envoy.leave()
        await it.stop_relay()
        await it.start_relay()
        it.envoy = Envoy(it.relay_at)
        it.envoy.connect()
        await until(lambda: it.envoy.has(*FLEET))

    play(scene)
    assert "removes every Listener, 1 in all" in caplog.text


async def start_wiper(address: str) -> grpc.aio.Server:
    """It tells everybody that whatever they have is gone."""

    async def wipe(requests: AsyncIterator[Any], context: Any) -> None:
        async for request in requests:
            if request.initial_resource_versions:
                await context.write(
                    discovery_pb2.DeltaDiscoveryResponse(
                        type_url=request.type_url,
                        nonce="1",
                        system_version_info="0",
                        removed_resources=list(request.initial_resource_versions),
                    )
                )

    handler = grpc.stream_stream_rpc_method_handler(
        wipe,
        request_deserializer=discovery_pb2.DeltaDiscoveryRequest.FromString,
        response_serializer=discovery_pb2.DeltaDiscoveryResponse.SerializeToString,
    )
    server = grpc.aio.server()
    service = METHOD.strip("/")
    handlers = {"DeltaAggregatedResources": handler}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(address)
    await server.start()
    return server


def test_to_take_everything_away_is_obeyed_where_it_is_meant() -> None:
    async def scene(it: Place) -> None:
        await all_up(it)
        await it.settled(it.publish(listener("l")))
        assert not it.envoy.stub.have[CLUSTER]
        assert list(it.envoy.stub.have[LISTENER]) == ["l"]
        await until(lambda: it.kept() == versions(listener("l")))

    play(scene)
