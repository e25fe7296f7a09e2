"""A client may be gone at any step of what is done for it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from modelfleet.envoy.types import CLUSTER
from modelfleet.xds.cache import SnapshotCache
from modelfleet.xds.connection import Connection
from modelfleet.xds.door import Peer
from modelfleet.xds.events import Connected, Disconnected, Event
from modelfleet.xds.state import gateway_resources
from tests.unit.xds.making import cluster, request

STEPS = range(12)


class Context:
    """A client to which a write takes a few steps."""

    async def write(self, _: Any) -> None:
        for _step in range(3):
            await asyncio.sleep(0)


def known() -> Peer:
    """A client that has said who it is."""
    peer = Peer(None, lambda _: None)
    assert not peer.objection("n", "g")
    return peer


async def silent() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


async def leaving() -> AsyncIterator[bytes]:
    await asyncio.sleep(0)
    for last in list[bytes]():
        yield last


@pytest.mark.parametrize("have", [{}, {"a": "1"}])
def test_who_has_something_already_is_told_from_who_has_just_been_started(have: dict[str, str]) -> None:
    told = list[Event]()

    async def scene() -> None:
        connection = Connection(1, known(), SnapshotCache(), lambda _node, _gateway, event: told.append(event), 0)
        context: Any = Context()
        await connection.run(request(CLUSTER, have=have), leaving(), context)

    asyncio.run(scene())
    assert told == [Connected(came_back=bool(have)), Disconnected()]


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("requests", [silent, leaving])
def test_nothing_is_left_of_a_client_that_goes_at_any_step(requests: Any, steps: int) -> None:
    cache, told = SnapshotCache(), list[Event]()
    cache.publish("g", gateway_resources([cluster("a")]))

    async def scene() -> None:
        connection = Connection(1, known(), cache, lambda _node, _gateway, event: told.append(event), 0)
        context: Any = Context()
        running = asyncio.ensure_future(connection.run(request(CLUSTER), requests(), context))
        for _ in range(steps):
            await asyncio.sleep(0)
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=1)
        connection.close()
        assert done

    asyncio.run(scene())
    assert (cache.nodes("g"), cache._wakes) == ((), {})
    assert [type(event) for event in told] in ([], [Connected, Disconnected])
