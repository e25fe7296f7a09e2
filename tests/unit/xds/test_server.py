import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from envoy.service.discovery.v3 import discovery_pb2

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import CLUSTER, ENDPOINTS, LISTENER
from modelfleet.xds.cache import SnapshotCache
from modelfleet.xds.events import Ack, Connected, Disconnected, Event, Refusal, Settled
from modelfleet.xds.server import AdsServer
from modelfleet.xds.state import gateway_resources
from tests.unit.xds.making import cluster, endpoints, listener, names, routes
from tests.unit.xds.talking import METHOD, answer, code_of, hello, read, socket


class World:
    """A server at a unix socket, and what it told."""

    def __init__(self, address: str) -> None:
        self.cache = SnapshotCache()
        self.events: list[tuple[str, str, Event]] = []
        self.server = AdsServer(self.cache, lambda *event: self.events.append(event), linger=0)
        self.address = address

    def publish(self, *resources: XdsResource) -> None:
        self.cache.publish("g", gateway_resources(resources))

    async def until(self, kind: type[Event]) -> Event:
        async with asyncio.timeout(5):
            while True:
                for _, _, event in self.events:
                    if isinstance(event, kind):
                        return event
                await asyncio.sleep(0.005)

    @asynccontextmanager
    async def client(self, method: str = "DeltaAggregatedResources") -> AsyncIterator[Any]:
        options = [("grpc.max_receive_message_length", -1)]
        async with grpc.aio.insecure_channel(self.address, options) as channel:
            yield channel.stream_stream(
                METHOD + method,
                request_serializer=None,
                response_deserializer=discovery_pb2.DeltaDiscoveryResponse.FromString,
            )()


def play(scene: Callable[[World], Awaitable[None]]) -> World:
    async def run() -> World:
        with socket() as address:
            world = World(address)
            assert await world.server.start(address) == address
            try:
                await scene(world)
            finally:
                await world.server.stop(0)
            return world

    return asyncio.run(run())


async def start(call: Any) -> None:
    """Take one cluster and its endpoints."""
    await call.write(hello(CLUSTER))
    clusters = await read(call)
    assert names(clusters) == ["a"]
    await call.write(hello(ENDPOINTS, "a"))
    assignments = await read(call)
    assert names(assignments) == ["a"]
    await call.write(answer(clusters))
    await call.write(answer(assignments))


def test_a_client_is_served_and_its_answers_are_told() -> None:
    async def scene(world: World) -> None:
        world.publish(cluster("a"), endpoints("a"))
        async with world.client() as call:
            await start(call)
            settled = await world.until(Settled)
            (node,) = world.cache.nodes("g")
            assert node.status.settled == settled
            world.publish(cluster("a", 1), endpoints("a"))
            clusters, assignments = await read(call), await read(call)
            assert (names(clusters), names(assignments)) == (["a"], ["a"])
            await call.write(answer(clusters, refusal="no such thing"))
            refusal = await world.until(Refusal)
            (node,) = world.cache.nodes("g")
            assert node.status.refusals == (refusal,)
        await world.until(Disconnected)
        assert world.cache.nodes("g") == ()

    events = play(scene).events
    assert {(node, gateway) for node, gateway, _ in events} == {("n", "g")}
    kinds = [type(event) for _, _, event in events]
    assert kinds == [Connected, Ack, Ack, Settled, Refusal, Disconnected]


def test_a_stream_waits_for_the_first_publish() -> None:
    async def scene(world: World) -> None:
        async with world.client() as call:
            await call.write(hello(CLUSTER, have={"a": "1"}))
            await world.until(Connected)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(reading := asyncio.ensure_future(call.read())), 0.1)
            world.cache.publish("other", gateway_resources([]))
            world.publish()
            response = await asyncio.wait_for(reading, 5)
            assert list(response.removed_resources) == ["a"]

    play(scene)


def test_the_other_protocol_is_refused_with_the_setting_to_change() -> None:
    async def scene(world: World) -> None:
        async with world.client("StreamAggregatedResources") as call:
            code, details = await code_of(call)
            assert code == grpc.StatusCode.UNIMPLEMENTED
            assert "DELTA_GRPC" in details

    play(scene)


@pytest.mark.parametrize(("node", "gateway"), [("", "g"), ("n", "")])
def test_who_does_not_say_who_it_is_is_refused(node: str, gateway: str) -> None:
    async def scene(world: World) -> None:
        async with world.client() as call:
            await call.write(hello(CLUSTER, node=node, gateway=gateway))
            assert (await code_of(call))[0] == grpc.StatusCode.INVALID_ARGUMENT
        assert world.events == []

    play(scene)


@pytest.mark.parametrize("late", [False, True])
def test_what_is_no_request_ends_its_stream_and_no_other(late: bool) -> None:
    async def scene(world: World) -> None:
        world.publish(cluster("a"))
        async with world.client() as call, world.client() as other:
            await other.write(hello(CLUSTER, node="other"))
            other_first = await read(other)
            if late:
                await call.write(hello(CLUSTER))
                await read(call)
            await call.write(b"\xff\xff\xff")
            assert (await code_of(call))[0] == grpc.StatusCode.INVALID_ARGUMENT
            await other.write(answer(other_first))
            await world.until(Ack)

    play(scene)


def test_a_client_that_leaves_in_order_is_let_go_in_order() -> None:
    async def scene(world: World) -> None:
        async with world.client() as call:
            await call.write(hello(CLUSTER))
            await world.until(Connected)
            await call.done_writing()
            assert (await code_of(call))[0] == grpc.StatusCode.OK
        async with world.client() as call:
            await call.done_writing()
            assert (await code_of(call))[0] == grpc.StatusCode.OK

    play(scene)


def test_stopping_ends_the_streams_at_once() -> None:
    async def scene(world: World) -> None:
        async with world.client() as call:
            await call.write(hello(CLUSTER))
            await world.until(Connected)
            async with asyncio.timeout(3):
                await world.server.stop(60)
            await world.until(Disconnected)
        await world.server.stop(60)

    play(scene)


def test_a_fault_of_ours_ends_its_stream_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async def scene(world: World) -> None:
        def fail(node: str, _: str, event: Event) -> None:
            if node == "bad" and isinstance(event, Ack):
                raise ValueError

        world.server._on_event = fail
        world.publish(listener("l"))
        async with world.client() as call, world.client() as other:
            for client, node in ((call, "bad"), (other, "good")):
                await client.write(hello(LISTENER, node=node))
                response = await read(client)
                await client.write(answer(response))
            assert (await code_of(call))[0] == grpc.StatusCode.INTERNAL
            world.publish(listener("l", 1))
            assert names(await read(other)) == ["l"]

    play(scene)
    assert "The stream of 'bad' at 'g' failed" in caplog.text


def test_more_than_four_mebibytes_pass_in_both_directions() -> None:
    async def scene(world: World) -> None:
        big = routes("r", ["x" * 5_000_000])
        world.publish(big)
        async with world.client() as call:
            await call.write(hello(big.type_url, "r", have={f"{'y' * 1000}{number}": "1" for number in range(6000)}))
            assert names(await read(call)) == ["r"]

    play(scene)


def test_a_free_port_is_found_and_told_and_a_taken_one_is_an_error() -> None:
    async def run() -> None:
        world = World("")
        address = await world.server.start("127.0.0.1:0")
        assert int(address.removeprefix("127.0.0.1:")) > 0
        with pytest.raises(RuntimeError):
            await World("").server.start(address)
        await world.server.stop(0)

    asyncio.run(run())
