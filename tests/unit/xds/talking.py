"""What a client of a server says and hears, and how long a test waits for what is to come."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from modelfleet.xds.mirror import Mirror, Who
from tests.unit.xds.making import request

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"


def hello(type_url: str, *subscribe: str, node: str = "n", gateway: str = "g", **more: Any) -> bytes:
    made = request(type_url, subscribe, **more)
    made.node.id, made.node.cluster = node, gateway
    data: bytes = made.SerializeToString()
    return data


def answer(response: Any, **more: Any) -> bytes:
    data: bytes = request(response.type_url, nonce=response.nonce, **more).SerializeToString()
    return data


async def read(call: Any) -> Any:
    async with asyncio.timeout(5):
        return await call.read()


async def code_of(call: Any) -> tuple[grpc.StatusCode, str]:
    async with asyncio.timeout(5):
        return await call.code(), await call.details()


@contextmanager
def socket() -> Iterator[str]:
    # The name of a unix socket may have about a hundred letters, fewer than pytest's folders have.
    with tempfile.TemporaryDirectory() as folder:
        yield f"unix:{Path(folder) / 's'}"


class Talk:
    """Takes everything, and remembers it."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.hellos = 0
        self.fails = False

    def hello(self) -> list[Any]:
        self.hellos += 1
        return Mirror().hello(Who("n", "g"))[:1]

    def on_response(self, response: Any) -> list[Any]:
        if self.fails:
            raise ValueError("a fault of ours")
        self.heard += [it.name for it in response.resources]
        return [request(response.type_url, nonce=response.nonce)]


async def until(reached: Callable[[], Any], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if reached():
                return
            await asyncio.sleep(0.005)
